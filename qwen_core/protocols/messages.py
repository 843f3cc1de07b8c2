"""Encode what the protocols have in common: the conversation, tools, and parameters."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any

import msgspec
from msgspec import UNSET

from qwen_core.config.self_hosted import ReasoningKey
from qwen_core.models.profile import ModelProfile
from qwen_core.protocols.schema import SentFunction, SentMessage, SentToolCall
from qwen_core.types.errors import UnsupportedFeatureError
from qwen_core.types.messages import (
    MEDIA_PARTS,
    AudioPart,
    FilePart,
    Message,
    Part,
    ReasoningPart,
    TextPart,
    Tool,
    ToolCallPart,
    has_media,
    part_urls,
)
from qwen_core.types.requests import TOOL_CHOICE_MODES, ChatRequest

Content = str | list[dict[str, Any]]
EncodeContent = Callable[[tuple[Part, ...], str], Content]
"""Encodes the visible parts of a message as its content. The separator joins texts into one."""

NOT_SHOWN = (ToolCallPart, ReasoningPart, AudioPart)
"""Parts of a response outside of its content. Audio output is in the text too, and no model accepts it back."""

OSS_HEADERS = {"X-DashScope-OssResourceResolve": "enable"}


def encode_messages(
    request: ChatRequest, profile: ModelProfile, encode_content: EncodeContent
) -> list[SentMessage]:
    """Encode the conversation.

    Old reasoning is sent again within the current tool round, and before it if ``preserve_thinking`` is set.
    """
    keep = request.preserve_thinking
    keep_all = profile.preserve_thinking_default if keep is None else keep
    messages: Sequence[Message] = request.messages
    if has_media(messages):
        messages = list(with_file_messages(with_tool_media(messages)))
    asked = [i for i, message in enumerate(messages) if message.role == "user" and type(message) is Message]
    last_user = max(asked, default=-1)
    return [
        encode_message(message, encode_content, profile.reasoning_keys if keep_all or i > last_user else ())
        for i, message in enumerate(messages)
    ]


def encode_message(
    message: Message, encode_content: EncodeContent, reasoning_keys: tuple[ReasoningKey, ...]
) -> SentMessage:
    """Encode one message, with its reasoning under these keys.

    Texts of a user stay separate lines; those of an assistant were one text and become it again.
    """
    parts = message.parts
    if message.role != "assistant":
        return SentMessage(
            role=message.role,
            content=encode_content(parts, "\n"),
            name=message.name or UNSET,
            tool_call_id=message.tool_call_id or UNSET,
        )
    calls = [
        SentToolCall(part.id, SentFunction(part.name, part.arguments))
        for part in parts
        if isinstance(part, ToolCallPart)
    ]
    reasoning = (message.reasoning if reasoning_keys else "") or UNSET
    visible = tuple([part for part in parts if not isinstance(part, NOT_SHOWN)])
    return SentMessage(
        role="assistant",
        content=encode_content(visible, ""),
        name=message.name or UNSET,
        tool_calls=calls or UNSET,
        reasoning_content=reasoning if "reasoning_content" in reasoning_keys else UNSET,
        reasoning=reasoning if "reasoning" in reasoning_keys else UNSET,
        partial=message.partial,
    )


class ShownMessage(Message, frozen=True):
    """A user message that shows what tools returned. It asks nothing."""


def with_tool_media(messages: Sequence[Message]) -> Iterator[Message]:
    """Move the media of tool results into a user message after the last result of the round.

    A tool message holds only text (compatible 3, native 4.2).
    """
    shown: list[Part] = []
    for message in messages:
        if message.role != "tool":
            if shown:
                yield ShownMessage("user", tuple(shown))
                shown = []
            yield message
            continue
        texts = tuple(part for part in message.parts if isinstance(part, TextPart))
        media = [part for part in message.parts if not isinstance(part, TextPart)]
        shown += [TextPart(SHOWN), *media] if media and not shown else media
        yield msgspec.structs.replace(message, parts=texts or (TextPart(SEE_BELOW),)) if media else message
    if shown:
        yield ShownMessage("user", tuple(shown))


SEE_BELOW = "The result is shown in the next message."
SHOWN = "This is what the tool returned:"


def with_file_messages(messages: Iterable[Message]) -> Iterator[Message]:
    """Move uploaded files to where the service looks for them.

    Their ids form a system message of their own, ``fileid://a,fileid://b``, after the message that sets the role
    (compatible 3, native 4.1). A user's files come just before the user's text.
    """
    for message in messages:
        ids = [part.file_id for part in message.parts if isinstance(part, FilePart) and part.file_id]
        if not ids:
            yield message
            continue
        files = Message("system", (TextPart(",".join(f"fileid://{id}" for id in ids)),))
        rest = tuple(part for part in message.parts if not (isinstance(part, FilePart) and part.file_id))
        others = [msgspec.structs.replace(message, parts=rest)] if rest else []
        yield from [*others, files] if message.role == "system" else [files, *others]


def joined_text(parts: tuple[Part, ...], separator: str) -> str | None:
    """Return the text if there is nothing else.

    A prompt cache breakpoint needs a list of parts (compatible 2.5).
    """
    if len(parts) == 1 and isinstance(parts[0], TextPart) and parts[0].cache_control is None:
        return parts[0].text
    if all(isinstance(part, TextPart) and part.cache_control is None for part in parts):
        return separator.join(part.text for part in parts if isinstance(part, TextPart))
    return None


def with_values(target: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Add those of the fields to the object that are not None."""
    target.update((name, value) for name, value in fields.items() if value is not None)
    return target


class ParameterEncoder:
    """Copies the parameters of a request that the caller set, under their names on one protocol."""

    __slots__ = ("_names", "_nested", "_values")

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = tuple(names.values())
        self._values = attrgetter(*names)
        self._nested = [(name, *name.split(".")) for name in self._names if "." in name]

    def __call__(self, request: ChatRequest) -> dict[str, Any]:
        """Return the parameters by name. A dotted name is a key of an object."""
        encoded = {
            name: value
            for name, value in zip(self._names, self._values(request), strict=True)
            if value is not None
        }
        for name, group, key in self._nested:
            if name in encoded:
                encoded.setdefault(group, {})[key] = encoded.pop(name)
        return encoded


def set_parameters(request: ChatRequest, names: Iterable[str]) -> list[str]:
    """Return those of these parameters that the caller set."""
    found: list[str] = []
    for name in names:
        if getattr(request, name) not in (None, ()):
            found.append(name)
    return found


def refuse(request: ChatRequest, names: Iterable[str], protocol: str, hint: str) -> None:
    """Raise UnsupportedFeatureError for the first of these parameters that the caller set."""
    for name in set_parameters(request, names):
        raise UnsupportedFeatureError(f"`{name}` is not available over the {protocol} protocol.", hint=hint)


def refuse_part(part: Part, protocol: str) -> UnsupportedFeatureError:
    """Return the error for a part that is not supported in a message on this protocol."""
    kind = type(part).__name__.removesuffix("Part")
    return UnsupportedFeatureError(f"{kind} parts are not supported in this message on the {protocol} protocol.")


def encode_tools(request: ChatRequest) -> dict[str, Any]:
    """Encode ``tools`` and ``tool_choice``; without tools, neither: the service refuses an empty list."""
    if not request.tools:
        return {}
    tools: dict[str, Any] = {"tools": [encode_tool(tool) for tool in request.tools]}
    if request.tool_choice is not None:
        tools["tool_choice"] = encode_tool_choice(request.tool_choice)
    return tools


def encode_tool(tool: Tool) -> dict[str, Any]:
    """Encode a function definition, its schema unchanged."""
    function = with_values(
        {"name": tool.name, "description": tool.description, "parameters": tool.parameters}, strict=tool.strict
    )
    return {"type": "function", "function": function}


def encode_tool_choice(choice: str) -> str | dict[str, Any]:
    """Encode a mode unchanged; any other word is the name of the function to call."""
    if choice in TOOL_CHOICE_MODES:
        return choice
    return {"type": "function", "function": {"name": choice}}


def oss_headers(messages: Sequence[Message]) -> dict[str, str]:
    """Return the headers that URLs of temporary storage require (compatible 2.6, native 1.5)."""
    for message in messages:
        for part in message.parts:
            if type(part) in MEDIA_PARTS and any(url.startswith("oss://") for url in part_urls(part)):
                return OSS_HEADERS
    return {}
