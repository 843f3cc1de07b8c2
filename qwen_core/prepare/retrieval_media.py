"""Validate the media of embedding and rerank requests, and read local files, as for a chat."""

from collections.abc import Iterable

from qwen_core.prepare.local_files import AllowedFiles
from qwen_core.prepare.media import prepare_media
from qwen_core.types.errors import UnsupportedFeatureError
from qwen_core.types.messages import Message, Part, has_media
from qwen_core.types.requests import ChatRequest


def prepare_contents(
    model: str, contents: Iterable[tuple[Part, ...]], allowed: AllowedFiles
) -> tuple[tuple[Part, ...], ...]:
    """Return the contents with media validated and local files inlined.

    Raise UnsupportedFeatureError for large files: they would have to be uploaded, which is not implemented here.
    """
    messages = tuple(Message("user", content) for content in contents)
    if not has_media(messages):
        return tuple(message.parts for message in messages)
    ready = prepare_media(ChatRequest(model=model, messages=messages, allow_local_files=allowed))
    if ready.uploads:
        names = ", ".join(file.name for file in ready.uploads.values())
        raise UnsupportedFeatureError(
            f"These files are too large for one request: {names}.", hint="Pass a URL or a smaller file."
        )
    return tuple(message.parts for message in ready.request.messages)
