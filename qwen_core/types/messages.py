"""Messages and the parts they are made of.

Plain immutable values that both frameworks and both wires share. A message has a role and parts; a tool
result is a message of role ``tool`` that names the call it answers.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Literal

import msgspec

Role = Literal["system", "user", "assistant", "tool"]


class TextPart(msgspec.Struct, frozen=True, tag="text"):
    """Visible text. ``cache_control`` marks the end of a prefix that the service shall cache."""

    text: str
    cache_control: dict[str, str] | None = None


class ReasoningPart(msgspec.Struct, frozen=True, tag="reasoning"):
    """What the model thought before it answered. Never part of the visible text."""

    text: str


class ImagePart(msgspec.Struct, frozen=True, tag="image"):
    """An image by URL: ``https:``, ``data:`` or ``oss:``. The pixel limits are counts of pixels."""

    url: str
    min_pixels: int | None = None
    max_pixels: int | None = None
    cache_control: dict[str, str] | None = None


class VideoPart(msgspec.Struct, frozen=True, tag="video"):
    """A video by URL, or as a sequence of frames, each an image URL. ``fps`` is in frames per second."""

    url: str | tuple[str, ...]
    fps: float | None = None
    max_frames: int | None = None
    min_pixels: int | None = None
    max_pixels: int | None = None
    total_pixels: int | None = None


class AudioPart(msgspec.Struct, frozen=True, tag="audio"):
    """Audio by URL, ``data:`` URIs included. ``format`` is its container, such as ``wav`` or ``mp3``."""

    url: str
    format: str | None = None


class FilePart(msgspec.Struct, frozen=True, tag="file"):
    """A document: by URL (``data:`` included), or by the id under which it was uploaded."""

    url: str | None = None
    file_id: str | None = None
    filename: str | None = None


class ToolCallPart(msgspec.Struct, frozen=True, tag="tool_call"):
    """A call that the model asks for. ``arguments`` is the JSON text exactly as the model wrote it."""

    id: str
    name: str
    arguments: str


Part = TextPart | ReasoningPart | ImagePart | VideoPart | AudioPart | FilePart | ToolCallPart

MEDIA_PARTS = (ImagePart, VideoPart, AudioPart, FilePart)
CACHEABLE_PARTS = (TextPart, ImagePart)
"""Parts that may carry ``cache_control`` (compatible 2.5)."""
PartIndex = tuple[int, int]
"""The indices of a message and of a part in it."""


class Message(msgspec.Struct, frozen=True):
    """One turn of a conversation.

    ``tool_call_id`` belongs to role ``tool``. ``partial`` on a last assistant message asks the model to
    continue that text.
    """

    role: Role
    parts: tuple[Part, ...] = ()
    name: str | None = None
    tool_call_id: str | None = None
    partial: bool = False

    @property
    def text(self) -> str:
        """The visible text, joined."""
        if len(self.parts) == 1 and type(self.parts[0]) is TextPart:
            return self.parts[0].text
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))

    @property
    def reasoning(self) -> str:
        """The reasoning text, joined."""
        return "".join(part.text for part in self.parts if isinstance(part, ReasoningPart))

    @property
    def tool_calls(self) -> tuple[ToolCallPart, ...]:
        """The calls that this message asks for."""
        return tuple(part for part in self.parts if isinstance(part, ToolCallPart))


class Tool(msgspec.Struct, frozen=True):
    """A function that the model may call. ``parameters`` is its JSON schema, sent untouched.

    ``cache_control`` marks the end of a prefix that the service shall cache, which the system message then bears.
    """

    name: str
    description: str = ""
    parameters: dict[str, Any] = msgspec.field(default_factory=dict)
    strict: bool | None = None
    cache_control: dict[str, str] | None = None


LONG_CONVERSATION = 300_000
"""Characters from which on counting and encoding a conversation may take a tenth of a second."""


def is_long(messages: Iterable[Message]) -> bool:
    """Whether a conversation takes so long to count and to encode that an event loop should not wait for it."""
    return text_length(messages) > LONG_CONVERSATION


def text_length(messages: Iterable[Message]) -> int:
    """The characters of all visible text."""
    return sum([len(part.text) for message in messages for part in message.parts if type(part) is TextPart])


def part_types(messages: Iterable[Message]) -> set[type[Part]]:
    """The kinds of parts that there are."""
    return {type(part) for message in messages for part in message.parts}


def has_media(messages: Iterable[Message]) -> bool:
    """Whether anything in these messages is more than words."""
    return not part_types(messages).isdisjoint(MEDIA_PARTS)


def part_urls(part: Part) -> tuple[str, ...]:
    """The URL of an image, a video, a sound or a document; those of a video's frames; none of another part."""
    if not isinstance(part, MEDIA_PARTS) or not part.url:
        return ()
    return (part.url,) if isinstance(part.url, str) else part.url


def cache_breakpoints(messages: Iterable[Message]) -> Iterator[PartIndex]:
    """Where cache marks stand."""
    for message_index, message in enumerate(messages):
        for part_index, part in enumerate(message.parts):
            if type(part) in CACHEABLE_PARTS and part.cache_control:  # type: ignore[union-attr]
                yield message_index, part_index
