"""Encode the conversation of a call of an application."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from qwen_core.types.applications import ApplicationRequest
from qwen_core.types.errors import BadRequestError, UnsupportedFeatureError
from qwen_core.types.messages import AudioPart, FilePart, ImagePart, Message, TextPart, VideoPart

API_NAMES = {
    "completion": "The completion API of applications",
    "responses": "The Responses API of applications",
    "knowledge": "A knowledge chat service",
}


def check_messages(request: ApplicationRequest) -> None:
    """Raise a BadRequestError for messages that no application accepts."""
    if not any(message.role == "user" for message in request.messages):
        raise BadRequestError("An application needs at least one message of the user.")
    for message in request.messages:
        if message.role == "tool" or message.tool_calls:
            raise UnsupportedFeatureError(
                "Applications accept no tool calls or tool results.",
                hint="Their tools are set in the Model Studio console. Use a chat model for tools of your own.",
            )
        for part in message.parts:
            if isinstance(part, FilePart) and not part.url:
                raise UnsupportedFeatureError(
                    "Applications accept files by URL.", hint="Pass uploaded files as session_files."
                )


def refuse_fields(request: ApplicationRequest, names: Iterable[str]) -> None:
    """Raise UnsupportedFeatureError for the first of these fields that is set."""
    for name in names:
        if getattr(request, name) not in (None, ()):
            raise UnsupportedFeatureError(
                f"{API_NAMES[request.resolved_api]} has no parameter `{name}`.",
                hint="Leave it out, or choose another `api`. Parameters without a name here go into extra_body.",
            )


def new_messages(messages: Sequence[Message]) -> Sequence[Message]:
    """Return the messages after the last one of the assistant: what a session does not know yet."""
    last = max((index for index, message in enumerate(messages) if message.role == "assistant"), default=-1)
    return messages[last + 1 :]


def message_text(message: Message) -> str:
    """Return the text of a message. The texts of a user stay separate lines; those of an assistant were one."""
    texts = [part.text for part in message.parts if isinstance(part, TextPart)]
    return ("" if message.role == "assistant" else "\n").join(texts)


def image_urls(messages: Iterable[Message]) -> list[str]:
    """Return the URLs of the images in these messages."""
    return [part.url for message in messages for part in message.parts if isinstance(part, ImagePart)]


def file_urls(messages: Iterable[Message]) -> list[str]:
    """Return the URLs of the files in these messages."""
    return [part.url for message in messages for part in message.parts if isinstance(part, FilePart) and part.url]


def plain_messages(messages: Iterable[Message]) -> Iterator[dict[str, Any]]:
    """Yield the messages with their text as content."""
    for message in messages:
        yield {"role": message.role, "content": message_text(message)}


def refuse_other_media(messages: Iterable[Message]) -> None:
    """Raise UnsupportedFeatureError for audio and video: no application accepts them in messages."""
    for message in messages:
        if any(isinstance(part, AudioPart | VideoPart) for part in message.parts):
            raise UnsupportedFeatureError("Applications accept text, images and files, but not audio or video.")
