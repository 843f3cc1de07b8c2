"""Code that leans on the internals of pydantic and LangChain: each with its gain, and one switch for all.

``QWEN_PLAIN_PYDANTIC=1`` in the environment turns it off, for a version of either that it does not fit yet:
objects are then built by their constructors, and classes and signatures say what they are. Everything works either
way; what is lost is written down below. Times are of one core, Python 3.11, pydantic 2.12, langchain-core 1.x.
"""

import os
from collections.abc import Callable
from inspect import signature
from typing import Any, Generic, TypeVar

from langchain_core.messages import AIMessageChunk
from langchain_core.messages.base import BaseMessageChunk
from pydantic import BaseModel, ConfigDict

from langchain_qwen.content_blocks import finish_message

SWITCH = "QWEN_PLAIN_PYDANTIC"
enabled = not os.environ.get(SWITCH)

M = TypeVar("M", bound=BaseModel)

_set = object.__setattr__


class Template(Generic[M]):
    """An object that pydantic validated, of which copies are made without validation.

    For values that we made ourselves. Whatever of a copy may be altered in place must be passed for each.

    Leans on: the four attributes in which pydantic keeps an instance (``model_construct`` sets the same ones,
    after a look at each field).
    Gain: 3.1 instead of 11.8 µs per streamed chunk, 8.4 instead of 19.2 µs per invoke.
    Without it: the constructor validates each object.
    """

    def __init__(self, validated: M) -> None:
        self._kind: type[M] = type(validated)
        self._values = dict(vars(validated))
        self._names = set(validated.model_fields_set)
        self._has_extra = validated.__pydantic_extra__ is not None

    def copy(self, **values: Any) -> M:
        """Return a copy with these values. They count as set if those of the validated object did."""
        if not enabled:
            return self._kind(**values)
        copied = self._kind.__new__(self._kind)
        _set(copied, "__dict__", {**self._values, **values})
        _set(copied, "__pydantic_fields_set__", self._names.copy())
        _set(copied, "__pydantic_extra__", {} if self._has_extra else None)
        _set(copied, "__pydantic_private__", None)
        return copied


class QwenMessageChunk(AIMessageChunk):
    """A chunk whose finished sum is a plain ``AIMessageChunk`` without a truncated tool call among its calls.

    LangChain completes truncated JSON when it adds chunks up, so that an agent would execute half a call. Only the
    sum of all chunks can tell, in ``+`` as in the list addition under ``invoke``; hence a class of our own.

    Leans on: ``__class__``, which says ``AIMessageChunk``. LangGraph writes it into checkpoints, and readers of
    those know LangChain's own classes alone: any other would come back as a dict. ``message_chunk_to_message``
    makes a message of the first base of it.
    Gain: checkpoints that hold a chunk, and messages made of unfinished sums. It takes no time and saves none.
    Without it: a message made of an unfinished sum stays a chunk, and a checkpoint that holds a single chunk, or
    an unfinished sum, is read as a dict; finished sums, which are what graphs keep, are LangChain's own class
    either way.
    """

    # Built with the first chunk: it would take longer to import than the rest of the package.
    model_config = ConfigDict(defer_build=True)

    if enabled:

        @property  # type: ignore[misc]
        def __class__(self) -> Any:
            """Return the class that LangGraph and LangChain are to see."""
            return AIMessageChunk

    @classmethod
    def lc_id(cls) -> list[str]:
        """Return the id of LangChain's own class, so that every reader of serialized messages knows it."""
        return AIMessageChunk.lc_id()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the chunk as an instance of this class: ``pickle`` asks for ``__class__`` too."""
        return chunk_of_state, (self.__getstate__(),)

    def __add__(self, other: Any) -> BaseMessageChunk:  # type: ignore[override]
        """Return the sum, which is finished after the last chunk."""
        return finished_or_open(super().__add__(other))

    def __radd__(self, other: AIMessageChunk) -> BaseMessageChunk:  # type: ignore[misc]
        """Return the sum that begins with an empty chunk of LangChain's own class, as in many a loop."""
        total = AIMessageChunk.__add__(other, self)
        return total if other.chunk_position == "last" else finished_or_open(total)


def chunk_of_state(state: dict[Any, Any], kind: type[AIMessageChunk] = QwenMessageChunk) -> AIMessageChunk:
    """Return a chunk from what ``__getstate__`` of another one returned."""
    chunk = kind.__new__(kind)
    chunk.__setstate__(state)
    return chunk


def finished_or_open(total: BaseMessageChunk) -> BaseMessageChunk:
    """Return a sum that LangChain made: finished after the last chunk, else one that more can be added to."""
    if not isinstance(total, AIMessageChunk):
        return total
    is_last = total.chunk_position == "last"
    kind = AIMessageChunk if is_last else QwenMessageChunk
    if type(total) is not kind:
        total = chunk_of_state(total.__getstate__(), kind)
    return finish_message(total) if is_last else total


def precompute_signature(*methods: Callable[..., Any]) -> None:
    """Store the signatures of methods where ``inspect.signature`` looks first.

    Leans on: LangChain asks for the signature of ``_generate`` and ``_agenerate`` with each call.
    Gain: 5.6 instead of 18.4 µs per invoke.
    Without it: the signature is worked out with each call.
    """
    for method in methods if enabled else ():
        vars(method)["__signature__"] = signature(method)


class BriefRepr(BaseModel):
    """A ``repr`` without the fields that are None, and never with a secret.

    Leans on: ``__repr_args__``, the hook of pydantic's ``repr``.
    Gain: readable log lines; no time.
    Without it: fields that are None are shown too.
    """

    def __repr_args__(self) -> Any:
        """Return the fields that ``repr`` shows."""
        return [(name, value) for name, value in super().__repr_args__() if value is not None or not enabled]
