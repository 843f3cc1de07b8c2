"""Messages and the content parts they are made of.

Plain immutable values that both frameworks and all protocols share. A message has a role and parts; a tool result
is a message with the role ``tool`` that names the tool call it belongs to.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Literal

import msgspec

Role = Literal["system", "user", "assistant", "tool"]


class TextPart(msgspec.Struct, frozen=True, tag="text"):
    """Visible text. ``cache_control`` marks the end of a prefix to cache: a prompt cache breakpoint."""

    text: str
    cache_control: dict[str, str] | None = None


class ReasoningPart(msgspec.Struct, frozen=True, tag="reasoning"):
    """Reasoning of the model before its answer. Never part of the visible text."""

    text: str


class ImagePart(msgspec.Struct, frozen=True, tag="image"):
    """An image by URL: ``https:``, ``data:`` or ``oss:``. The limits are numbers of pixels."""

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
    """A document: by URL (also ``data:``), or by the id of an uploaded file."""

    url: str | None = None
    file_id: str | None = None
    filename: str | None = None


class ToolCallPart(msgspec.Struct, frozen=True, tag="tool_call"):
    """A tool call of the model. ``arguments`` is the JSON text exactly as the model wrote it."""

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
    """One message of a conversation.

    ``tool_call_id`` belongs to the role ``tool``. ``partial`` on a last assistant message asks the model to
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
        """The reasoning, joined."""
        return "".join(part.text for part in self.parts if isinstance(part, ReasoningPart))

    @property
    def tool_calls(self) -> tuple[ToolCallPart, ...]:
        """The tool calls of this message."""
        return tuple(part for part in self.parts if isinstance(part, ToolCallPart))


class Tool(msgspec.Struct, frozen=True):
    """A function that the model may call. ``parameters`` is its JSON schema, sent unchanged.

    ``cache_control`` is a prompt cache breakpoint, which moves to the system message.
    """

    name: str
    description: str = ""
    parameters: dict[str, Any] = msgspec.field(default_factory=dict)
    strict: bool | None = None
    cache_control: dict[str, str] | None = None


LONG_CONVERSATION = 300_000
"""Number of characters above which counting and encoding a conversation may take a tenth of a second."""


def is_long(messages: Iterable[Message]) -> bool:
    """Return whether a conversation is too long to count and encode on an event loop."""
    return text_length(messages) > LONG_CONVERSATION


def text_length(messages: Iterable[Message]) -> int:
    """Return the number of characters of all visible text."""
    length = 0
    for message in messages:
        for part in message.parts:
            if type(part) is TextPart:
                length += len(part.text)
    return length


def has_media(messages: Iterable[Message]) -> bool:
    """Return whether these messages have any part other than text, reasoning and tool calls."""
    for message in messages:
        for part in message.parts:
            if type(part) in MEDIA_PARTS:
                return True
    return False


def part_urls(part: Part) -> tuple[str, ...]:
    """Return the URLs of a media part: one, or those of a video's frames; none for other parts."""
    if not isinstance(part, MEDIA_PARTS) or not part.url:
        return ()
    return (part.url,) if isinstance(part.url, str) else part.url


def cache_breakpoints(messages: Iterable[Message]) -> Iterator[PartIndex]:
    """Yield the positions of the prompt cache breakpoints."""
    for message_index, message in enumerate(messages):
        for part_index, part in enumerate(message.parts):
            if type(part) in CACHEABLE_PARTS and part.cache_control:  # type: ignore[union-attr]
                yield message_index, part_index
