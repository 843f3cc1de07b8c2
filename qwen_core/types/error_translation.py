"""Translate the exceptions of a block into others."""

from collections.abc import Callable
from types import TracebackType
from typing import TypeVar

ErrorT = TypeVar("ErrorT", bound=BaseException)


class ErrorTranslation:
    """A context manager that raises what ``translate`` returns for an exception; None leaves it unchanged.

    One object serves any number of blocks, also at the same time: a block costs a tenth of one made by a
    generator. ``translate`` sets the new exception's cause.
    """

    __slots__ = ("_translate",)

    def __init__(self, translate: Callable[[BaseException], BaseException | None]) -> None:
        self._translate = translate

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        translated = None if error is None else self._translate(error)
        if translated is not None:
            try:
                raise translated
            finally:
                # Its traceback holds this frame, which would hold it.
                del translated


def with_cause(error: ErrorT, cause: BaseException | None) -> ErrorT:
    """Set the cause of an exception, as ``raise ... from`` does, and return it."""
    error.__cause__ = cause
    return error
