"""The only error of LlamaIndex's own; all others are the core's, raised unchanged."""

from qwen_core.errors import InvalidResponseError


class UnusableAnswerError(InvalidResponseError, ValueError):
    """The response is not what was asked for: not an object of the schema, or a truncated tool call.

    LlamaIndex's own components expect a ValueError here.
    """

    advice = "Raise max_tokens if the response was truncated; else be more precise, or choose a stronger model."
