"""The one error that only LlamaIndex needs; all others are the core's, raised unchanged."""

from qwen_core.errors import InvalidResponseError


class UnusableAnswerError(InvalidResponseError, ValueError):
    """The model answered, but not with what was asked for: no object of the schema, or a call cut short.

    LlamaIndex's own components expect a ValueError here.
    """

    advice = "Raise max_tokens if the answer was cut; else ask more precisely, or choose a stronger model."
