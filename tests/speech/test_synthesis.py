"""Synthesis by both APIs against exact answers: what is sent, what comes back, and the odd cases."""

import base64
import io
import wave
from typing import Any

import pytest

from qwen_core import AsyncQwenSpeech, ClientSettings, QwenSpeech, Speech, SpeechChunk, SpeechRequest, count_usage
from qwen_core.errors import (
    BadRequestError,
    ContentFilterError,
    IncompleteStreamError,
    InvalidResponseError,
    NotFoundError,
    UnsupportedFeatureError,
)
from qwen_core.protocols.speech.audio_files import WavFormat, WavStream, join_files, samples
from qwen_core.protocols.speech.division import divide_text
from tests.canned_server import Canned, CannedServer, event_stream
from tests.speech.conftest import PCM, WAV, Both, collected

FIRST = "/api/v1/services/aigc/multimodal-generation/generation"
SECOND = "/api/v1/services/audio/tts/SpeechSynthesizer"
QWEN = "qwen3-tts-flash"
COSY = "cosyvoice-v3-flash"
LINK = "{server}/a.wav?Expires=1"
MP3 = b"ID3\x04\x00\x00\x00\x00\x00\x02xx\xff\xfb" + b"m" * 40


def say(text: str = "Good morning.", model: str = QWEN, **fields: Any) -> SpeechRequest:
    return SpeechRequest(model=model, text=text, **fields)


def synthesize(both: Both[Any], settings: ClientSettings, request: SpeechRequest, **options: Any) -> Speech:
    speech: Speech = both(
        lambda: QwenSpeech(settings, **options).synthesize(request),
        lambda: AsyncQwenSpeech(settings, **options).synthesize(request),
    )
    return speech


def stream(both: Both[Any], settings: ClientSettings, request: SpeechRequest) -> list[SpeechChunk]:
    chunks: list[SpeechChunk] = both(
        lambda: list(QwenSpeech(settings).stream(request)),
        lambda: collected(AsyncQwenSpeech(settings).stream(request)),
    )
    return chunks


def answer(
    data: bytes = b"", finish: str = "stop", url: str = "", usage: dict[str, Any] | None = None, **output: Any
) -> dict[str, Any]:
    audio = {"data": base64.b64encode(data).decode(), "url": url, "id": "audio_r", "expires_at": 1766113409}
    return {
        "status_code": 200, "request_id": "r", "code": "", "message": "",
        "output": {"text": None, "finish_reason": finish, "choices": None, "audio": audio, **output},
        "usage": {"input_tokens": 0, "output_tokens": 0, "characters": 13} if usage is None else usage,
    }  # fmt: skip


def frames(content: bytes) -> tuple[int, bytes]:
    with wave.open(io.BytesIO(content)) as recording:
        return recording.getframerate(), recording.readframes(recording.getnframes())


def test_first_api_sends_everything_in_input_and_downloads_the_link(server: CannedServer, both: Both[Any]) -> None:
    server.on(FIRST, answer(url=LINK))
    server.on("/a.wav", Canned(WAV, content_type="audio/wav"))
    request = say(language_type="English", instructions="Softly.", optimize_instructions=True, extra_body={"x": 1})
    speech = synthesize(both, server.settings(), request)
    assert server.requests[0].body == {
        "model": QWEN,
        "input": {
            "text": "Good morning.",
            "voice": "Cherry",
            "language_type": "English",
            "instructions": "Softly.",
            "optimize_instructions": True,
            "x": 1,
        },
    }
    assert "authorization" not in server.requests[1].headers
    assert (speech.data, speech.mime_type, speech.characters) == (WAV, "audio/wav", 13)
    assert (speech.request_id, speech.usage) == ("r", None)
    assert speech.duration == pytest.approx(0.5)


def test_second_api_has_its_own_path_names_and_formats(server: CannedServer, both: Both[Any]) -> None:
    server.on(SECOND, answer(url="{server}/a.mp3", usage={"characters": 13}))
    server.on("/a.mp3", Canned(MP3, content_type="audio/mpeg"))
    request = say(
        model=COSY, voice="longanhuan_v3.6", format="mp3", rate=1.5, pitch=0.9, volume=70, seed=3,
        sample_rate=22050, instructions="Sad.", language_type="Chinese",
        hot_fix={"replace": [{"a": "b"}]},
    )  # fmt: skip
    speech = synthesize(both, server.settings(), request)
    assert server.requests[0].body == {
        "model": COSY,
        "input": {
            "text": "Good morning.", "voice": "longanhuan_v3.6", "format": "mp3", "rate": 1.5, "pitch": 0.9,
            "volume": 70, "seed": 3, "sample_rate": 22050, "instruction": "Sad.", "language_hints": ["zh"],
            "hot_fix": {"replace": [{"a": "b"}]},
        },
    }  # fmt: skip
    assert (speech.data, speech.mime_type, speech.duration) == (MP3, "audio/mpeg", None)


@pytest.mark.parametrize("header", [True, False], ids=["RIFF", "raw"])
def test_stream_is_one_playable_file_with_or_without_a_header_in_its_first_chunk(
    header: bool, server: CannedServer, both: Both[Any]
) -> None:
    content = WavFormat().header() + PCM if header else PCM
    sent = [content[:20], content[20:60], content[60:5000], content[5000:]]
    server.on(FIRST, event_stream(*(answer(chunk, "null") for chunk in sent), answer(url=LINK)))
    chunks = stream(both, server.settings(), say())
    joined = b"".join(chunk.data for chunk in chunks)
    assert samples(joined) == (WavFormat(), PCM)
    last = chunks[-1].speech
    assert last is not None and (last.characters, last.data, last.mime_type) == (13, b"", "audio/wav")
    assert last.duration == pytest.approx(0.5)
    assert server.paths("GET") == [] and server.requests[0].headers["x-dashscope-sse"] == "enable"


def test_pcm_is_the_samples_alone(server: CannedServer, both: Both[Any]) -> None:
    server.on(FIRST, event_stream(answer(WAV[:100], "null"), answer(WAV[100:], "null"), answer(url=LINK)))
    chunks = stream(both, server.settings(), say(format="pcm"))
    assert b"".join(chunk.data for chunk in chunks) == PCM
    server.on(FIRST, answer(url=LINK))
    server.on("/a.wav", Canned(WAV))
    speech = synthesize(both, server.settings(), say(format="pcm"))
    assert (speech.data, speech.mime_type) == (PCM, "audio/pcm")


def test_stream_with_nothing_but_a_link_at_its_end_downloads_it(server: CannedServer, both: Both[Any]) -> None:
    server.on(FIRST, event_stream(answer(url=LINK)))
    server.on("/a.wav", Canned(WAV))
    chunks = stream(both, server.settings(), say())
    assert samples(b"".join(chunk.data for chunk in chunks))[1] == PCM


def test_streams_of_the_second_api_have_sentences_and_times_of_words(
    server: CannedServer, both: Both[Any]
) -> None:
    words = [
        {"text": "Good", "begin_index": 0, "end_index": 4, "begin_time": 0, "end_time": 200},
        {"text": "day", "begin_index": 5, "end_index": 8, "begin_time": 210, "end_time": 400},
    ]
    events = [
        answer(b"", "null", type="sentence-begin", original_text="Good day.", sentence={"index": 0, "words": []}),
        answer(MP3[:20], "null", type="sentence-synthesis", sentence={"index": 0, "words": words}),
        answer(MP3[20:], "null", type="sentence-synthesis", sentence={"index": 0, "words": words}),
        answer(b"", "null", type="sentence-end", original_text="Good day.", sentence={"index": 0, "words": words}),
        answer(url=LINK),
    ]
    server.on(SECOND, event_stream(*events))
    chunks = stream(both, server.settings(), say(model=COSY, voice="v", word_timestamp_enabled=True))
    assert b"".join(chunk.data for chunk in chunks) == MP3
    last = chunks[-1].speech
    assert last is not None
    assert [(word.text, word.start, word.end) for word in last.words] == [("Good", 0.0, 0.2), ("day", 0.21, 0.4)]


def test_stream_without_end_is_incomplete_and_one_with_an_error_raises_it(
    server: CannedServer, both: Both[Any]
) -> None:
    server.on(FIRST, event_stream(answer(PCM, "null")))
    with pytest.raises(IncompleteStreamError) as raised:
        stream(both, server.settings(), say())
    assert (raised.value.model, raised.value.request_id) == (QWEN, "r")
    refusal = {
        "request_id": "r",
        "code": "DataInspectionFailed",
        "message": "Input data may contain inappropriate content.",
    }
    server.on(FIRST, event_stream(answer(PCM, "null"), refusal))
    with pytest.raises(ContentFilterError):
        stream(both, server.settings(), say())


@pytest.mark.parametrize(
    ("link", "file", "error"),
    [
        ("http://example.com/a.wav", Canned(WAV), InvalidResponseError),
        ("", Canned(WAV), InvalidResponseError),
        (LINK, Canned(b"<Error/>", 403), NotFoundError),
        (LINK, Canned(b""), InvalidResponseError),
    ],
    ids=["foreign host", "no link", "expired", "empty"],
)
def test_audio_that_cannot_be_downloaded_raises_a_typed_error(
    link: str, file: Canned, error: type[Exception], server: CannedServer, both: Both[Any]
) -> None:
    server.on(FIRST, answer(url=link))
    server.on("/a.wav", file)
    with pytest.raises(error) as raised:
        synthesize(both, server.settings(), say())
    assert raised.value.model == QWEN  # type: ignore[attr-defined]


def test_long_text_is_spoken_in_parts_and_joined(server: CannedServer, both: Both[Any]) -> None:
    text = " ".join(f"This is the sentence number {number} of a long text." for number in range(60))
    server.on(FIRST, answer(url=LINK))
    server.on("/a.wav", Canned(WAV))
    with count_usage() as usage:
        speech = synthesize(both, server.settings(region="cn-beijing"), say(text), workers=4)
    sent = sorted((r.body["input"]["text"] for r in server.requests if r.method == "POST"), key=text.index)
    assert " ".join(sent) == text and all(len(part) <= 600 and part.endswith(".") for part in sent)
    assert frames(speech.data) == (24_000, PCM * len(sent))
    assert speech.characters == 13 * len(sent) and len(speech.request_ids) == len(sent)
    assert usage.calls == len(sent)
    server.on(FIRST, event_stream(answer(WAV, "null"), answer(url=LINK)))
    chunks = stream(both, server.settings(), say(text))
    assert samples(b"".join(chunk.data for chunk in chunks)) == (WavFormat(), PCM * len(sent))
    last = chunks[-1].speech
    assert last is not None and last.duration == pytest.approx(0.5 * len(sent))


def test_token_usage_of_the_older_models_is_kept(server: CannedServer, both: Both[Any]) -> None:
    usage = {
        "input_tokens": 76,
        "output_tokens": 1045,
        "total_tokens": 1121,
        "characters": 0,
        "output_tokens_details": {"audio_tokens": 1045},
    }
    server.on(FIRST, answer(url=LINK, usage=usage))
    server.on("/a.wav", Canned(WAV))
    speech = synthesize(both, server.settings(), say(model="qwen-tts"))
    assert speech.usage is not None and speech.characters is None
    assert (speech.usage.input_tokens, speech.usage.output_audio_tokens, speech.usage.total_tokens) == (
        76,
        1045,
        1121,
    )


@pytest.mark.parametrize("text", ["", "  \n", "。" * 700])
def test_empty_text_is_refused(text: str, server: CannedServer, both: Both[Any]) -> None:
    with pytest.raises(BadRequestError, match="empty"):
        synthesize(both, server.settings(), say(text))
    assert not server.requests


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"model": QWEN, "format": "mp3"}, "format"),
        ({"model": QWEN, "rate": 1.5}, "`rate` is not available"),
        ({"model": COSY}, "no default voice"),
        ({"model": COSY, "voice": "v", "optimize_instructions": True}, "optimize_instructions"),
        ({"model": "qwen3-tts-flash-realtime"}, "websocket"),
        ({"model": "sambert-zhichu-v1"}, "websocket"),
        ({"model": "qwen3-asr-flash"}, "transcription"),
    ],
)
def test_what_the_model_cannot_do_is_refused(
    fields: dict[str, Any], text: str, server: CannedServer, both: Both[Any]
) -> None:
    with pytest.raises(UnsupportedFeatureError, match=text):
        synthesize(both, server.settings(), say(**fields))
    assert not server.requests


@pytest.mark.parametrize(
    "body", [b"", b"null", b"{}", b'{"output":{"audio":{"data":"%%"},"finish_reason":"stop"}}']
)
def test_invalid_bodies_raise_a_typed_error(body: bytes, server: CannedServer, both: Both[Any]) -> None:
    server.on(FIRST, Canned(body))
    with pytest.raises((InvalidResponseError, IncompleteStreamError)):
        synthesize(both, server.settings(), say())


def test_missing_voice_is_the_services_error(server: CannedServer, both: Both[Any]) -> None:
    server.on(FIRST, Canned({"request_id": "r", "code": "InvalidParameter", "message": "voice is wrong"}, 400))
    with pytest.raises(BadRequestError, match="voice is wrong"):
        synthesize(both, server.settings(), say(voice="Nobody"))


# ---- Pure


@pytest.mark.parametrize(
    ("text", "limit", "parts"),
    [
        ("One. Two! Three?", 6, ["One.", "Two!", "Three?"]),
        ("One. Two! Three?", 100, ["One. Two! Three?"]),
        ("今天天气很好。我们去公园吧！好不好？", 10, ["今天天气很好。", "我们去公园吧！", "好不好？"]),
        ("Pi is 3.14 today. Yes.", 18, ["Pi is 3.14 today.", "Yes."]),
        ("one, two, three four five", 11, ["one, two,", "three four", "five"]),
        ("x" * 25, 10, ["x" * 10, "x" * 10, "x" * 5]),
        ("“Go!” he said. “Now.”", 14, ["“Go!” he said.", "“Now.”"]),
        ("A.\n\n---\n\nB.", 3, ["A.", "B."]),
    ],
)
def test_text_is_divided_at_sentences_then_clauses_then_spaces(text: str, limit: int, parts: list[str]) -> None:
    assert divide_text(text, limit) == parts


def test_divided_text_loses_nothing_but_white_space() -> None:
    text = "Ein Satz, der lang ist — und länger. Noch einer! " * 40 + "末尾没有标点" * 50
    parts = divide_text(text, 60)
    assert "".join("".join(parts).split()) == "".join(text.split())
    assert all(0 < len(part) <= 60 for part in parts)


def test_files_of_different_rates_are_not_joined() -> None:
    other = WavFormat(rate=16_000).header(len(PCM)) + PCM
    with pytest.raises(InvalidResponseError, match="different formats"):
        join_files([WAV, other], "wav")


def test_tags_of_joined_mp3_files_stand_at_the_beginning_only() -> None:
    assert join_files([MP3, MP3], "mp3") == MP3 + MP3[12:]


def test_header_in_any_chunks_is_read_once() -> None:
    for size in (1, 3, 7, 44, 45, 1000):
        stream = WavStream(with_header=False)
        content = WavFormat(rate=16_000).header(len(PCM)) + PCM
        chunks = [stream.feed(content[start : start + size]) for start in range(0, 2000, size)]
        assert b"".join(chunks) == PCM[: len(b"".join(chunks))] and len(b"".join(chunks)) >= 1900
