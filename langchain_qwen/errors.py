"""The core's errors as LangChain's classified errors too, so that retry and fallback middleware recognize them.

Each class here is a subclass of the core's class of the same name, of ``QwenError`` here, and of the matching
subclass of LangChain's ``ModelError``. The classes of the core say when each is raised.
"""

from langchain_core import exceptions as langchain

from qwen_core import errors
from qwen_core.types.error_translation import ErrorTranslation


class QwenError(errors.QwenError, langchain.ModelError):
    """Base class of all errors that ``langchain_qwen`` raises; LangChain's ``ModelError`` too."""


class AuthenticationError(errors.AuthenticationError, QwenError, langchain.ModelAuthenticationError):
    """``qwen_core.errors.AuthenticationError``, and LangChain's ``ModelAuthenticationError``."""


class PermissionDeniedError(errors.PermissionDeniedError, QwenError, langchain.ModelPermissionDeniedError):
    """``qwen_core.errors.PermissionDeniedError``, and LangChain's ``ModelPermissionDeniedError``."""


class NotFoundError(errors.NotFoundError, QwenError, langchain.ModelNotFoundError):
    """``qwen_core.errors.NotFoundError``, and LangChain's ``ModelNotFoundError``."""


class BadRequestError(errors.BadRequestError, QwenError, langchain.ModelInvalidRequestError):
    """``qwen_core.errors.BadRequestError``, and LangChain's ``ModelInvalidRequestError``."""


class ContextOverflowError(errors.ContextOverflowError, QwenError, langchain.ContextOverflowError):
    """``qwen_core.errors.ContextOverflowError``, and LangChain's ``ContextOverflowError``."""


class ContentFilterError(errors.ContentFilterError, QwenError, langchain.ModelInvalidRequestError):
    """``qwen_core.errors.ContentFilterError``, and LangChain's ``ModelInvalidRequestError``."""


class UnsupportedFeatureError(errors.UnsupportedFeatureError, QwenError, langchain.ModelInvalidRequestError):
    """``qwen_core.errors.UnsupportedFeatureError``, and LangChain's ``ModelInvalidRequestError``."""


class RateLimitError(errors.RateLimitError, QwenError, langchain.ModelRateLimitError):
    """``qwen_core.errors.RateLimitError``, and LangChain's ``ModelRateLimitError``."""


class QuotaExceededError(errors.QuotaExceededError, QwenError, langchain.ModelPermissionDeniedError):
    """``qwen_core.errors.QuotaExceededError``, and LangChain's ``ModelPermissionDeniedError``."""


class ServerError(errors.ServerError, QwenError, langchain.ModelAPIError):
    """``qwen_core.errors.ServerError``, and LangChain's ``ModelAPIError``."""


class APITimeoutError(errors.APITimeoutError, QwenError, langchain.ModelTimeoutError):
    """``qwen_core.errors.APITimeoutError``, and LangChain's ``ModelTimeoutError``.

    It is not retryable: the work may have been done and billed.
    """


class APIConnectionError(errors.APIConnectionError, QwenError, langchain.ModelConnectionError):
    """``qwen_core.errors.APIConnectionError``, and LangChain's ``ModelConnectionError``."""


class IncompleteStreamError(errors.IncompleteStreamError, QwenError):
    """``qwen_core.errors.IncompleteStreamError`` as LangChain's ``ModelError``."""


class InvalidResponseError(errors.InvalidResponseError, QwenError):
    """``qwen_core.errors.InvalidResponseError`` as LangChain's ``ModelError``."""


class BatchError(errors.BatchError, QwenError):
    """``qwen_core.errors.BatchError`` as LangChain's ``ModelError``."""


class TaskError(errors.TaskError, QwenError):
    """``qwen_core.errors.TaskError`` as LangChain's ``ModelError``."""


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
        TaskError,
    )
}


def to_langchain(error: errors.QwenError) -> errors.QwenError:
    """Return the error in the class that LangChain knows too. The SDK's exception stays the cause."""
    kind = CLASSES.get(type(error))
    if kind is None:
        return error
    langchain_error = kind(error.message)
    langchain_error.__dict__.update(error.__dict__)
    langchain_error.is_retryable = error.is_retryable
    langchain_error.__cause__ = error.__cause__
    return langchain_error


def _translate(error: BaseException) -> BaseException | None:
    if not isinstance(error, errors.QwenError) or type(error) not in CLASSES:
        return None
    return to_langchain(error)


langchain_errors = ErrorTranslation(_translate)
"""Raise the core's errors in LangChain's classes."""
