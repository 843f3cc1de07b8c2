"""The core's errors as LangChain's classified errors too, so that retry and fallback middleware know them.

Each class here is a subclass of the core's class of the same name, of ``QwenError`` here, and of LangChain's
``ModelError`` for it.
"""

from langchain_core import exceptions as langchain

from qwen_core import errors
from qwen_core.types.error_translation import ErrorTranslation


class QwenError(errors.QwenError, langchain.ModelError):
    """See ``qwen_core.errors``."""


class AuthenticationError(errors.AuthenticationError, QwenError, langchain.ModelAuthenticationError):
    """See ``qwen_core.errors``."""


class PermissionDeniedError(errors.PermissionDeniedError, QwenError, langchain.ModelPermissionDeniedError):
    """See ``qwen_core.errors``."""


class NotFoundError(errors.NotFoundError, QwenError, langchain.ModelNotFoundError):
    """See ``qwen_core.errors``."""


class BadRequestError(errors.BadRequestError, QwenError, langchain.ModelInvalidRequestError):
    """See ``qwen_core.errors``."""


class ContextOverflowError(errors.ContextOverflowError, QwenError, langchain.ContextOverflowError):
    """See ``qwen_core.errors``."""


class ContentFilterError(errors.ContentFilterError, QwenError, langchain.ModelInvalidRequestError):
    """See ``qwen_core.errors``."""


class UnsupportedFeatureError(errors.UnsupportedFeatureError, QwenError, langchain.ModelInvalidRequestError):
    """See ``qwen_core.errors``."""


class RateLimitError(errors.RateLimitError, QwenError, langchain.ModelRateLimitError):
    """See ``qwen_core.errors``."""


class QuotaExceededError(errors.QuotaExceededError, QwenError, langchain.ModelPermissionDeniedError):
    """See ``qwen_core.errors``."""


class ServerError(errors.ServerError, QwenError, langchain.ModelAPIError):
    """See ``qwen_core.errors``."""


class APITimeoutError(errors.APITimeoutError, QwenError, langchain.ModelTimeoutError):
    """See ``qwen_core.errors``. Not retryable: the work may have been done and billed."""


class APIConnectionError(errors.APIConnectionError, QwenError, langchain.ModelConnectionError):
    """See ``qwen_core.errors``."""


class IncompleteStreamError(errors.IncompleteStreamError, QwenError):
    """See ``qwen_core.errors``."""


class InvalidResponseError(errors.InvalidResponseError, QwenError):
    """See ``qwen_core.errors``."""


class BatchError(errors.BatchError, QwenError):
    """See ``qwen_core.errors``."""


CLASSES: dict[type[errors.QwenError], type[errors.QwenError]] = {
    error.__mro__[1]: error
    for error in (
        QwenError,
        AuthenticationError,
        PermissionDeniedError,
        NotFoundError,
        BadRequestError,
        ContextOverflowError,
        ContentFilterError,
        UnsupportedFeatureError,
        RateLimitError,
        QuotaExceededError,
        ServerError,
        APITimeoutError,
        APIConnectionError,
        IncompleteStreamError,
        InvalidResponseError,
        BatchError,
    )
}


def to_langchain(error: errors.QwenError) -> errors.QwenError:
    """The same error in the class that LangChain knows too. The SDK's exception stays the cause."""
    kind = CLASSES.get(type(error))
    if kind is None:
        return error
    converted = kind(error.message)
    converted.__dict__.update(error.__dict__)
    converted.is_retryable = error.is_retryable
    converted.__cause__ = error.__cause__
    return converted


def _translate(error: BaseException) -> BaseException | None:
    if not isinstance(error, errors.QwenError) or type(error) not in CLASSES:
        return None
    return to_langchain(error)


langchain_errors = ErrorTranslation(_translate)
"""Raises the core's errors in LangChain's classes."""
