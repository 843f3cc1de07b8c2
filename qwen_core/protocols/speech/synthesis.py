"""Encode texts to speak, and decode the audio: chunks in a stream, a link otherwise (speech 7 to 9)."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, cast

import msgspec

from qwen_core.models.profile import ModelProfile
from qwen_core.protocols.base import EncodedRequest, merge_body
from qwen_core.protocols.dashscope.decode import decode_usage
from qwen_core.protocols.dashscope.encode import PATHS, STREAM_HEADERS, WHOLE_HEADERS
from qwen_core.protocols.error_decoding import decode_body
from qwen_core.protocols.speech.payloads import Payload, payload_error
from qwen_core.protocols.speech.transcripts import as_index, as_object, as_objects, as_string, counted, to_seconds
from qwen_core.types.errors import (
    BadRequestError,
    IncompleteStreamError,
    InvalidResponseError,
    UnsupportedFeatureError,
)
from qwen_core.types.json import encode_json
from qwen_core.types.speech import SpeechRequest, Word
from qwen_core.types.usage import Usage

SynthesisApi = Literal["multimodal-generation", "speech-synthesizer"]
SYNTHESIZER_PATH = "/services/audio/tts/SpeechSynthesizer"
DEFAULT_VOICE = "Cherry"

LANGUAGE_CODES = {
    "Chinese": "zh", "English": "en", "German": "de", "Italian": "it", "Portuguese": "pt", "Spanish": "es",
    "Japanese": "ja", "Korean": "ko", "French": "fr", "Russian": "ru",
}  # fmt: skip
"""Codes of ``language_hints`` for the names of ``language_type``."""

MIME_TYPES = {"wav": "audio/wav", "mp3": "audio/mpeg", "opus": "audio/ogg", "pcm": "audio/pcm"}


class ApiFacts(NamedTuple):
    """What one API has. ``names`` are its options by our names, ``limit`` the most characters of one text."""

    path: str
    names: Mapping[str, str]
    formats: tuple[str, ...]
    default_format: str
    sends_format: bool
    limit: int
    default_voice: str | None


SAME = ("voice", "language_type", "instructions", "optimize_instructions")
SYNTHESIZER_OPTIONS = (
    "voice", "format", "sample_rate", "volume", "rate", "pitch", "bit_rate", "seed", "enable_ssml",
    "language_hints", "word_timestamp_enabled", "hot_fix", "enable_markdown_filter",
)  # fmt: skip

APIS: Mapping[SynthesisApi, ApiFacts] = {
    "multimodal-generation": ApiFacts(
        path=PATHS["multimodal-generation"],
        names={name: name for name in SAME},
        formats=("wav", "pcm"),
        default_format="wav",
        sends_format=False,
        limit=600,
        default_voice=DEFAULT_VOICE,
    ),
    "speech-synthesizer": ApiFacts(
        path=SYNTHESIZER_PATH,
        names={**{name: name for name in SYNTHESIZER_OPTIONS}, "instructions": "instruction"},
        formats=("mp3", "pcm", "wav", "opus"),
        default_format="mp3",
        sends_format=True,
        limit=2000,
        default_voice=None,
    ),
}
"""The limit of the second API is not documented; this one keeps each call short."""

OPTION_FIELDS = tuple(
    name for name in SpeechRequest.__struct_fields__ if name not in ("model", "text", "api", "extra_body")
)


def synthesis_api(request: SpeechRequest, profile: ModelProfile) -> SynthesisApi:
    """Return the API of the model. An unknown model is taken for one of the first API.

    Raise UnsupportedFeatureError for a model of another kind, or one that is only served over a websocket.
    """
    api = request.api or profile.media_api
    if request.api is None and profile.kind not in ("speech", "chat", "realtime", "other"):
        raise UnsupportedFeatureError(
            f"{request.model} is a model of kind {profile.kind}: it does not speak a given text.",
            hint="Use a model for speech synthesis.",
        )
    if api is None:
        return "multimodal-generation"
    if api not in APIS:
        raise UnsupportedFeatureError(
            f"{request.model} has the API {api}, which this class does not call.",
            hint=f"Use a model with one of the APIs {', '.join(APIS)}.",
        )
    return cast(SynthesisApi, api)


def encode_speech(request: SpeechRequest, api: SynthesisApi, *, stream: bool) -> EncodedRequest:
    """Encode one text. All fields are in ``input``; there are no parameters (speech 8, 9)."""
    facts = APIS[api]
    body: dict[str, Any] = {
        "model": request.model,
        "input": merge_body({"text": request.text, **options(request, api)}, request.extra_body),
    }
    headers = STREAM_HEADERS if stream else WHOLE_HEADERS
    return EncodedRequest(path=facts.path, body=encode_json(body), headers=dict(headers))


def options(request: SpeechRequest, api: SynthesisApi) -> dict[str, Any]:
    """Return the options that are set, by the API's names. Raise for one that it does not have."""
    facts = APIS[api]
    values = {name: getattr(request, name) for name in OPTION_FIELDS}
    values["voice"] = request.voice or facts.default_voice
    if not values["voice"]:
        raise UnsupportedFeatureError(
            f"{request.model} has no default voice.", hint="Set `voice` to a voice of this model's generation."
        )
    if api == "speech-synthesizer" and (language := values.pop("language_type")):
        code = LANGUAGE_CODES.get(language)
        values["language_hints"] = request.language_hints or ((code,) if code else ())
    chosen = output_format(request, api)
    values["format"] = chosen if facts.sends_format and request.format else None
    sent = {name: value for name, value in values.items() if value is not None and value != ()}
    for name in sent.keys() - facts.names.keys():
        raise UnsupportedFeatureError(
            f"`{name}` is not available for {request.model} (API {api}).",
            hint=f"Leave it out. This API has {', '.join(sorted(facts.names))}.",
        )
    return {facts.names[name]: list(value) if isinstance(value, tuple) else value for name, value in sent.items()}


def output_format(request: SpeechRequest, api: SynthesisApi) -> str:
    """Return the format of the audio. Raise UnsupportedFeatureError for one that the API does not have."""
    facts = APIS[api]
    chosen = (request.format or facts.default_format).lower()
    if chosen not in facts.formats:
        raise UnsupportedFeatureError(
            f"format={request.format!r} is not available for {request.model}.",
            hint=f"Use one of {', '.join(facts.formats)}.",
        )
    return chosen


def check_text(text: str) -> None:
    """Raise BadRequestError if there is nothing to speak."""
    if not text.strip():
        raise BadRequestError("The text is empty: there is nothing to speak.")


class SpeechResult(NamedTuple):
    """What one call reported beside the audio."""

    link: str | None
    characters: int | None
    usage: Usage | None
    words: tuple[Word, ...]
    request_id: str | None


class SpeechDecoder:
    """Decodes the answer to one text. A complete body is a stream of one payload, whose audio is a link.

    ``finish_reason`` is the text "null" until the end; ``code`` and ``message`` are there, empty, in a success.
    """

    done = False

    def __init__(self) -> None:
        self._finished = False
        self._link: str | None = None
        self._usage: dict[str, Any] = {}
        self._words: dict[tuple[int, int], Word] = {}
        self._request_id: str | None = None

    def feed(self, payload: Payload) -> list[bytes]:
        """Return the audio in a payload. Raise the error that it is instead."""
        body = decode_body(_decode_object, payload.data, {})
        self._request_id = as_string(body.get("request_id")) or self._request_id
        output = body.get("output")
        if not isinstance(output, dict) or (as_string(body.get("code")) and not output):
            raise payload_error(payload, self._request_id)
        self._usage = as_object(body.get("usage")) or self._usage
        if as_string(output.get("finish_reason")) not in (None, "null"):
            self._finished = True
        sentence = as_object(output.get("sentence"))
        number = as_index(sentence.get("index")) or 0
        for word in as_objects(sentence.get("words")):
            decoded = Word(
                text=str(word.get("text") or ""),
                start=to_seconds(word.get("begin_time")),
                end=to_seconds(word.get("end_time")),
            )
            begin = as_index(word.get("begin_index"))
            self._words[number, len(self._words) if begin is None else begin] = decoded
        audio = as_object(output.get("audio"))
        self._link = as_string(audio.get("url")) or self._link
        data = as_string(audio.get("data"))
        return [decode_audio(data)] if data else []

    def close(self) -> SpeechResult:
        """Return what was reported. Raise IncompleteStreamError if the response did not end."""
        if not self._finished:
            raise IncompleteStreamError(
                "The stream ended without a finish_reason; the audio is incomplete.", request_id=self._request_id
            )
        return SpeechResult(
            link=self._link,
            characters=as_index(self._usage.get("characters")) or None,
            usage=counted(decode_usage(self._usage)),
            words=tuple(self._words.values()),
            request_id=self._request_id,
        )


_decode_object = msgspec.json.Decoder(dict[str, Any]).decode


def decode_audio(data: str) -> bytes:
    """Return the bytes of base64 audio."""
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as reason:
        raise InvalidResponseError(
            f"The response cannot be decoded: its audio is not base64: {reason}."
        ) from reason
