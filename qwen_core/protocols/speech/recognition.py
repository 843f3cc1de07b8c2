"""Encode transcription requests, for the API of the model (speech 1).

chat                      OpenAI-compatible or native chat with one audio part
multimodal-generation     the same native path with another body
transcription-file-url    a task for one file, ``file_url``
transcription-file-urls   a task, ``file_urls``
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple, cast

from qwen_core.config.endpoints import ProtocolName
from qwen_core.models.profile import ModelProfile
from qwen_core.protocols.base import EncodedRequest, merge_body
from qwen_core.protocols.dashscope.encode import PATHS, STREAM_HEADERS, WHOLE_HEADERS
from qwen_core.types.errors import UnsupportedFeatureError
from qwen_core.types.json import encode_json, json_text
from qwen_core.types.speech import TranscriptionRequest

RecognitionApi = Literal["chat", "multimodal-generation", "transcription-file-url", "transcription-file-urls"]
APIS = ("chat", "multimodal-generation", "transcription-file-url", "transcription-file-urls")
TASK_APIS = ("transcription-file-url", "transcription-file-urls")

TASK_PATH = "/services/audio/asr/transcription"
CHAT_PATH = "/chat/completions"
OSS_HEADERS = {"X-DashScope-OssResourceResolve": "enable"}

MAX_CONTEXT = 400
"""Characters of one message of context, where it is messages; the service cuts the rest (speech 4)."""


def as_is(value: Any) -> Any:
    """Return the value."""
    return value


def as_list(value: Any) -> list[Any]:
    """Return the value in a list."""
    return [value]


def as_text(value: Any) -> str:
    """Return a number as text, or an object as JSON text."""
    return value if isinstance(value, str) else json_text(value)


def as_code(value: Any) -> Any:
    """Return the first of several language hints."""
    return value[0]


class Name(NamedTuple):
    """The name of an option in one API, and the form of its value there."""

    name: str
    form: Callable[[Any], Any] = as_is


NOTHING_TO_SEND = Name("")
"""What the API does anyway."""

OPTIONS: Mapping[str, Mapping[str, Name]] = {
    "language": {
        "chat": Name("language"),
        "multimodal-generation": Name("language_hints", as_list),
        "transcription-file-url": Name("language"),
        "transcription-file-urls": Name("language_hints", as_list),
    },
    "language_hints": {
        "multimodal-generation": Name("language_hints", list),
        "transcription-file-urls": Name("language_hints", list),
    },
    "enable_itn": {"chat": Name("enable_itn"), "transcription-file-url": Name("enable_itn")},
    "enable_words": {
        "multimodal-generation": NOTHING_TO_SEND,
        "transcription-file-url": Name("enable_words"),
        "transcription-file-urls": NOTHING_TO_SEND,
    },
    "channel_id": {
        "transcription-file-url": Name("channel_id", list),
        "transcription-file-urls": Name("channel_id", list),
    },
    "diarization_enabled": {
        "multimodal-generation": Name("speaker_diarization_enabled"),
        "transcription-file-urls": Name("diarization_enabled"),
    },
    "speaker_count": {"transcription-file-urls": Name("speaker_count")},
    "vocabulary_id": {
        "multimodal-generation": Name("vocabulary_id"),
        "transcription-file-urls": Name("vocabulary_id"),
    },
    "vocabulary": {
        "multimodal-generation": Name("vocabulary", dict),
        "transcription-file-urls": Name("vocabulary", dict),
    },
    "special_word_filter": {"transcription-file-urls": Name("special_word_filter", as_text)},
    "disfluency_removal_enabled": {"transcription-file-urls": Name("disfluency_removal_enabled")},
    "timestamp_alignment_enabled": {"transcription-file-urls": Name("timestamp_alignment_enabled")},
    "keep_dialect": {"multimodal-generation": Name("keep_dialect")},
    "sample_rate": {"multimodal-generation": Name("sample_rate", as_text)},
}
"""The options that are parameters, by the name on each API that has them (speech 2 to 5)."""


def recognition_api(request: TranscriptionRequest, profile: ModelProfile) -> RecognitionApi:
    """Return the API of the model. An unknown model is taken for one that chats.

    Raise UnsupportedFeatureError for a model of another kind, or one that is only served over a websocket.
    """
    api = request.api or profile.media_api
    if request.api is None and profile.kind not in ("transcription", "chat", "omni", "realtime", "other"):
        raise UnsupportedFeatureError(
            f"{request.model} is a model of kind {profile.kind}: it transcribes nothing.",
            hint="Use a model for speech recognition.",
        )
    if api is None:
        return "chat"
    if api not in APIS:
        raise UnsupportedFeatureError(
            f"{request.model} has the API {api}, which this class does not call.",
            hint=f"Use a model with one of the APIs {', '.join(APIS)}.",
        )
    return cast(RecognitionApi, api)


def parameters(request: TranscriptionRequest, api: RecognitionApi) -> dict[str, Any]:
    """Return the options that are set, by their names on this API. Raise for one that it does not have."""
    sent: dict[str, Any] = {}
    for option, names in OPTIONS.items():
        value = getattr(request, option)
        if value is None or value == () or (value is False and api not in names):
            continue
        name = names.get(api)
        if name is None:
            others = ", ".join(names)
            raise UnsupportedFeatureError(
                f"`{option}` is not available for {request.model} (API {api}).",
                hint=f"Leave it out, or use a model with the API {others}.",
            )
        if name.name:
            sent[name.name] = name.form(value)
    return sent


def encode_transcription(
    request: TranscriptionRequest, api: RecognitionApi, protocol: ProtocolName, url: str, *, stream: bool = False
) -> EncodedRequest:
    """Encode a request whose audio is at this URL. ``protocol`` matters for chat only."""
    if api in TASK_APIS:
        encoded = encode_task(request, api, url)
    elif api == "multimodal-generation":
        encoded = encode_sentences(request, url, stream)
    else:
        encode = encode_chat if protocol == "openai" else encode_native_chat
        encoded = encode(request, url, stream)
    path, body, headers = encoded
    for name, value in (request.extra_body or {}).items():
        merge_body(body, {name: value})
    if url.startswith("oss://"):
        headers = {**headers, **OSS_HEADERS}
    return EncodedRequest(path=path, body=encode_json(body), headers=headers)


Parts = tuple[str, dict[str, Any], dict[str, str]]
"""Path, body and headers."""


def encode_chat(request: TranscriptionRequest, url: str, stream: bool) -> Parts:
    """Encode for the OpenAI-compatible API: the context is a system message, the options are ``asr_options``."""
    audio = {"type": "input_audio", "input_audio": {"data": url}}
    body: dict[str, Any] = {
        "model": request.model,
        "messages": [
            *([{"role": "system", "content": request.context}] if request.context else ()),
            {"role": "user", "content": [audio]},
        ],
    }
    if options := parameters(request, "chat"):
        body["asr_options"] = options
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return CHAT_PATH, body, {}


def encode_native_chat(request: TranscriptionRequest, url: str, stream: bool) -> Parts:
    """Encode for the native protocol (speech 3)."""
    options = parameters(request, "chat")
    body: dict[str, Any] = {
        "model": request.model,
        "input": {
            "messages": [
                *([{"role": "system", "content": [{"text": request.context}]}] if request.context else ()),
                {"role": "user", "content": [{"audio": url}]},
            ]
        },
        "parameters": {
            **({"asr_options": options} if options else {}),
            **({"incremental_output": True} if stream else {}),
        },
    }
    return PATHS["multimodal-generation"], body, STREAM_HEADERS if stream else WHOLE_HEADERS


def encode_sentences(request: TranscriptionRequest, url: str, stream: bool) -> Parts:
    """Encode for the models that answer in sentences, which require the format of the audio (speech 4)."""
    if not request.format:
        raise UnsupportedFeatureError(
            f"The format of the audio is unknown, and {request.model} requires it.",
            hint='Set format="wav", "mp3", "opus", ...',
        )
    audio = {"type": "input_audio", "input_audio": {"data": url}}
    body: dict[str, Any] = {
        "model": request.model,
        "input": {"messages": [*context_messages(request), {"role": "user", "content": [audio]}]},
        "parameters": {"format": request.format, **parameters(request, "multimodal-generation")},
    }
    return PATHS["multimodal-generation"], body, STREAM_HEADERS if stream else WHOLE_HEADERS


def encode_task(request: TranscriptionRequest, api: RecognitionApi, url: str) -> Parts:
    """Encode a task. ``parameters`` is sent even if it is empty: without it the task fails later (speech 5.1)."""
    held: dict[str, Any] = {"file_url": url} if api == "transcription-file-url" else {"file_urls": [url]}
    if request.context:
        if api == "transcription-file-url":
            raise UnsupportedFeatureError(
                f"`context` is not available for {request.model}.", hint="Leave it out, or use another model."
            )
        held["context"] = context_messages(request)
    body = {"model": request.model, "input": held, "parameters": parameters(request, api)}
    return TASK_PATH, body, {}


def context_messages(request: TranscriptionRequest) -> list[dict[str, Any]]:
    """Return the context as the message of a user."""
    if not request.context:
        return []
    return [{"role": "user", "content": [{"type": "input_text", "text": request.context[:MAX_CONTEXT]}]}]
