"""The media of embedding and rerank requests, made ready as those of a chat are: checked, and files read."""

from collections.abc import Iterable

from qwen_core.prepare.local_files import AllowedFiles
from qwen_core.prepare.media import ready_media
from qwen_core.types.errors import UnsupportedFeatureError
from qwen_core.types.messages import Message, Part, has_media
from qwen_core.types.requests import ChatRequest


def ready_contents(
    model: str, contents: Iterable[tuple[Part, ...]], allowed: AllowedFiles
) -> tuple[tuple[Part, ...], ...]:
    """The contents with their media checked and read. Large files would have to be uploaded, which is not done."""
    messages = tuple(Message("user", content) for content in contents)
    if not has_media(messages):
        return tuple(message.parts for message in messages)
    ready = ready_media(ChatRequest(model=model, messages=messages, allow_local_files=allowed))
    if ready.uploads:
        names = ", ".join(file.name for file in ready.uploads.values())
        raise UnsupportedFeatureError(
            f"Too large to be sent in a request: {names}.", hint="Give a URL, or a smaller file."
        )
    return tuple(message.parts for message in ready.request.messages)
