"""Transcription by all four APIs against exact answers: what is sent, what is read, and the odd cases."""

import base64
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from qwen_core import (
    AsyncQwenTranscription,
    ClientSettings,
    QwenTranscription,
    Sentence,
    Transcription,
    TranscriptionChunk,
    TranscriptionRequest,
    Word,
)
from qwen_core.errors import (
    BadRequestError,
    IncompleteStreamError,
    InvalidResponseError,
    NotFoundError,
    RateLimitError,
    UnsupportedFeatureError,
)
from tests.canned_server import Canned, CannedServer, event_stream
from tests.speech.conftest import WAV, Both, collected

URL = "https://example.com/call.wav"
CHAT = "/compatible-mode/v1/chat/completions"
NATIVE = "/api/v1/services/aigc/multimodal-generation/generation"
TASK = "/api/v1/services/audio/asr/transcription"
POLL = "/api/v1/tasks/t-1"
FAST: dict[str, Any] = {"poll_seconds": 0.01}

QWEN = "qwen3-asr-flash"
SENTENCES = "qwen-audio-3.0-asr-flash"
FILE = "qwen3-asr-flash-filetrans"
FILES = "fun-asr"

NOTE = {"type": "audio_info", "language": "en", "emotion": "neutral"}


def asr(model: str, audio: Any = URL, **fields: Any) -> TranscriptionRequest:
    return TranscriptionRequest(model=model, audio=audio, **fields)


def transcribe(
    both: Both[Any], settings: ClientSettings, request: TranscriptionRequest, **options: Any
) -> Transcription:
    result: Transcription = both(
        lambda: QwenTranscription(settings, **{**FAST, **options}).transcribe(request),
        lambda: AsyncQwenTranscription(settings, **{**FAST, **options}).transcribe(request),
    )
    return result


def stream(both: Both[Any], settings: ClientSettings, request: TranscriptionRequest) -> list[TranscriptionChunk]:
    chunks: list[TranscriptionChunk] = both(
        lambda: list(QwenTranscription(settings, **FAST).stream(request)),
        lambda: collected(AsyncQwenTranscription(settings, **FAST).stream(request)),
    )
    return chunks


def chat_answer(text: str, finish: str | None = "stop", notes: bool = True) -> dict[str, Any]:
    message = {"role": "assistant", "content": text, **({"annotations": [NOTE]} if notes else {})}
    return {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1767683986, "model": QWEN,
        "choices": [{"index": 0, "finish_reason": finish, "message": message}],
        "usage": {"prompt_tokens": 75, "completion_tokens": 4, "total_tokens": 79, "seconds": 3,
                  "prompt_tokens_details": {"audio_tokens": 75, "text_tokens": 0},
                  "completion_tokens_details": {"text_tokens": 4}},
    }  # fmt: skip


# ---- The chat API


def test_chat_request_holds_one_audio_part_options_and_context(server: CannedServer, both: Both[Any]) -> None:
    server.on(CHAT, chat_answer("Good morning."))
    request = asr(QWEN, language="en", enable_itn=True, context="Names: Liu Wei", extra_body={"x": 1})
    transcribe(both, server.settings(), request)
    assert server.requests[0].body == {
        "model": QWEN,
        "messages": [
            {"role": "system", "content": "Names: Liu Wei"},
            {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": URL}}]},
        ],
        "asr_options": {"language": "en", "enable_itn": True},
        "x": 1,
    }


def test_chat_answer_has_text_language_emotion_usage_and_cost(server: CannedServer, both: Both[Any]) -> None:
    server.on(CHAT, chat_answer("Good morning."))
    result = transcribe(both, server.settings(region="cn-beijing"), asr(QWEN))
    assert (result.text, result.language, result.emotion) == ("Good morning.", "en", "neutral")
    assert result.sentences == (Sentence(text="Good morning.", language="en", emotion="neutral"),)
    assert (result.seconds, result.duration, result.request_id) == (3.0, 3.0, "1")
    assert result.usage is not None and (result.usage.audio_tokens, result.usage.output_tokens) == (75, 4)
    assert result.cost is not None and result.cost.total == pytest.approx(0.00066)
    assert result.raw["id"] == "chatcmpl-1" and not result.truncated


@pytest.mark.parametrize("finish", ["stop", "length"])
def test_silence_is_an_empty_text_and_length_is_truncated(
    finish: str, server: CannedServer, both: Both[Any]
) -> None:
    server.on(CHAT, chat_answer("", finish, notes=False))
    result = transcribe(both, server.settings(), asr(QWEN))
    assert (result.text, result.sentences, result.language) == ("", (), None)
    assert result.truncated is (finish == "length")


def chat_stream(*, end: bool = True) -> Canned:
    def chunk(delta: dict[str, Any] | None, finish: str | None = None, **more: Any) -> str:
        choices = [{"index": 0, "delta": delta, "finish_reason": finish}] if delta is not None else []
        return (
            "data: " + json.dumps({"id": "c", "model": QWEN, "usage": None, "choices": choices, **more}) + "\n\n"
        )

    frames = [
        chunk({"role": "assistant", "content": ""}),
        chunk({"role": None, "content": "Good", "annotations": [NOTE]}),
        chunk({"role": None, "content": " morning.", "annotations": [NOTE]}),
    ]
    if end:
        frames += [chunk({"role": None}, "stop"), chunk(None, usage={"seconds": 2, "prompt_tokens": 50}),
                   "data: [DONE]\n\n"]  # fmt: skip
    return Canned("".join(frames), content_type="text/event-stream")


def test_chat_stream_yields_text_and_does_not_join_repeated_annotations(
    server: CannedServer, both: Both[Any]
) -> None:
    server.on(CHAT, chat_stream())
    chunks = stream(both, server.settings(), asr(QWEN))
    assert [chunk.text for chunk in chunks] == ["Good", " morning.", ""]
    last = chunks[-1].transcription
    assert last is not None and (last.text, last.language, last.seconds) == ("Good morning.", "en", 2.0)
    assert server.requests[0].body["stream_options"] == {"include_usage": True}


def test_chat_stream_without_end_is_incomplete(server: CannedServer, both: Both[Any]) -> None:
    server.on(CHAT, chat_stream(end=False))
    with pytest.raises(IncompleteStreamError):
        stream(both, server.settings(), asr(QWEN))


NATIVE_ANSWER = {
    "request_id": "r",
    "output": {"choices": [{"finish_reason": "stop", "message": {
        "role": "assistant", "content": [{"text": "Good morning."}], "annotations": [NOTE]}}]},
    "usage": {"input_tokens_details": {"text_tokens": 0}, "output_tokens_details": {"text_tokens": 6},
              "seconds": 1},
}  # fmt: skip


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        (QWEN, {"protocol": "dashscope"}),
        ("qwen3-asr-flash-us", {}),
        (f"{QWEN}-2025-09-08", {"protocol": "dashscope"}),
    ],
)
def test_native_chat_needs_no_sdk_and_sums_the_token_details(
    model: str, fields: dict[str, Any], server: CannedServer, both: Both[Any]
) -> None:
    server.on(NATIVE, NATIVE_ANSWER)
    request = asr(model, context="Names: Liu Wei", enable_itn=True)
    result = transcribe(both, server.settings(**fields), request)
    assert server.requests[0].body == {
        "model": model,
        "input": {
            "messages": [
                {"role": "system", "content": [{"text": "Names: Liu Wei"}]},
                {"role": "user", "content": [{"audio": URL}]},
            ]
        },
        "parameters": {"asr_options": {"enable_itn": True}},
    }
    assert (result.text, result.language, result.seconds) == ("Good morning.", "en", 1.0)
    assert result.usage is not None  # the sums of the details
    assert (result.usage.input_tokens, result.usage.output_tokens, result.usage.total_tokens) == (0, 6, 6)
    assert result.request_id == "r"


def test_native_stream_ends_with_a_finish_reason_other_than_the_text_null(
    server: CannedServer, both: Both[Any]
) -> None:
    def event(text: str, finish: str) -> dict[str, Any]:
        message = {"role": "assistant", "content": [{"text": text}] if text else [], "annotations": [NOTE]}
        return {"request_id": "r", "output": {"choices": [{"finish_reason": finish, "message": message}]},
                "usage": {"seconds": 1}}  # fmt: skip

    settings = server.settings(protocol="dashscope")
    server.on(NATIVE, event_stream(event("Good", "null"), event(" day", "null"), event("", "stop")))
    chunks = stream(both, settings, asr(QWEN))
    assert [chunk.text for chunk in chunks] == ["Good", " day", ""]
    assert server.requests[0].headers["x-dashscope-sse"] == "enable"
    server.on(NATIVE, event_stream(event("Good", "null"), event(" day", "null")))
    with pytest.raises(IncompleteStreamError):
        stream(both, settings, asr(QWEN))


# ---- The API of sentences


def sentence(text: str, end: bool = True, **fields: Any) -> dict[str, Any]:
    return {
        "sentence_id": 1, "sentence_end": end, "begin_time": 760, "channel_id": 0, "text": text,
        **({"end_time": 3800} if end else {}), **fields,
    }  # fmt: skip


WORDS = [
    {"text": "Hello", "begin_time": 760, "end_time": 1040, "punctuation": "", "fixed": True},
    {"text": " world", "begin_time": 1040, "end_time": 1240, "punctuation": ".", "fixed": True},
]
SENTENCE_ANSWER = {
    "request_id": "r",
    "output": {"text": "Hello world.", "sentence": sentence("Hello world.", words=WORDS)},
    "usage": {"duration": 4},
}


def test_sentence_api_requires_the_format_and_takes_hot_words(server: CannedServer, both: Both[Any]) -> None:
    server.on(NATIVE, SENTENCE_ANSWER)
    request = asr(
        SENTENCES, language="en", context="earlier", vocabulary={"Bailian": 5}, sample_rate=16000,
        diarization_enabled=True, enable_words=True,
    )  # fmt: skip
    transcribe(both, server.settings(), request)
    assert server.requests[0].body == {
        "model": SENTENCES,
        "input": {
            "messages": [
                {"role": "user", "content": [{"type": "input_text", "text": "earlier"}]},
                {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": URL}}]},
            ]
        },
        "parameters": {
            "format": "wav",
            "language_hints": ["en"],
            "vocabulary": {"Bailian": 5},
            "sample_rate": "16000",
            "speaker_diarization_enabled": True,
        },
    }
    with pytest.raises(UnsupportedFeatureError, match="format"):
        transcribe(both, server.settings(), asr(SENTENCES, "https://example.com/stream"))


def test_sentence_answer_has_words_with_times_in_seconds(server: CannedServer, both: Both[Any]) -> None:
    server.on(NATIVE, SENTENCE_ANSWER)
    result = transcribe(both, server.settings(region="cn"), asr(SENTENCES))
    assert (result.text, result.seconds, result.channels) == ("Hello world.", 4.0, (0,))
    (found,) = result.sentences
    assert (found.start, found.end, found.channel) == (0.76, 3.8, 0)
    assert found.words[1] == Word(text=" world", start=1.04, end=1.24, punctuation=".")
    assert result.cost is not None and result.cost.total == pytest.approx(4 * 0.00022)


def test_sentence_answer_with_speakers_and_several_sentences(server: CannedServer, both: Both[Any]) -> None:
    sentences = [
        sentence("Yes?", sentence_id=1, speaker_id=0, begin_time=0),
        sentence(" No.", sentence_id=2, speaker_id=1, begin_time=900),
    ]
    server.on(NATIVE, {"request_id": "r", "output": {"sentences": sentences}, "usage": {"duration": 2}})
    result = transcribe(both, server.settings(), asr(SENTENCES))
    assert [(s.text, s.speaker) for s in result.sentences] == [("Yes?", 0), (" No.", 1)]
    assert result.text == "Yes? No."


def test_sentence_stream_is_cumulative_and_ends_with_its_sentence(server: CannedServer, both: Both[Any]) -> None:
    def event(text: str, end: bool, number: int = 1) -> dict[str, Any]:
        held = sentence(text, end, sentence_id=number)
        return {
            "request_id": "r",
            "output": {"text": text, "sentence": held},
            **({"usage": {"duration": 4}} if end else {}),
        }

    events = [
        event("Hello", False),
        event("Hello world", False),
        event("Hello world.", True),
        event(" Bye.", True, 2),
    ]
    server.on(NATIVE, event_stream(*events))
    chunks = stream(both, server.settings(), asr(SENTENCES))
    assert [chunk.text for chunk in chunks] == ["Hello", " world", ".", " Bye.", ""]
    last = chunks[-1].transcription
    assert last is not None and last.text == "Hello world. Bye." and len(last.sentences) == 2
    server.on(NATIVE, event_stream(*events[:2]))
    with pytest.raises(IncompleteStreamError, match="within a sentence"):
        stream(both, server.settings(), asr(SENTENCES))


def test_silence_on_the_sentence_api_is_an_empty_text(server: CannedServer, both: Both[Any]) -> None:
    server.on(NATIVE, {"request_id": "r", "output": {"text": ""}, "usage": {"duration": 1}})
    result = transcribe(both, server.settings(), asr(SENTENCES))
    assert (result.text, result.sentences, result.seconds) == ("", (), 1.0)


# ---- Tasks


def task(status: str, usage: dict[str, Any] | None = None, **output: Any) -> dict[str, Any]:
    return {"request_id": "r", "output": {"task_id": "t-1", "task_status": status, **output},
            **({"usage": usage} if usage else {})}  # fmt: skip


QWEN_FILE = {
    "file_url": URL, "audio_info": {"format": "mp3", "sample_rate": 22050},
    "transcripts": [{"channel_id": 0, "text": "Good morning.", "sentences": [
        {"sentence_id": 0, "begin_time": 0, "end_time": 1440, "language": "en", "emotion": "happy",
         "text": "Good morning.",
         "words": [{"begin_time": 0, "end_time": 160, "text": "Good", "punctuation": ""}]}]}],
}  # fmt: skip
TWO_CHANNELS = {
    "file_url": URL,
    "properties": {"audio_format": "pcm_s16le", "channels": [0, 1], "original_duration_in_milliseconds": 3834},
    "transcripts": [
        {"channel_id": 0, "text": "Hello. Bye.", "sentences": [
            {"sentence_id": 1, "begin_time": 100, "end_time": 900, "speaker_id": 0, "text": "Hello."},
            {"sentence_id": 2, "begin_time": 3000, "end_time": 3800, "speaker_id": 0, "text": "Bye."}]},
        {"channel_id": 1, "text": "Yes?", "sentences": [
            {"sentence_id": 1, "begin_time": 1000, "end_time": 2000, "speaker_id": 1, "text": "Yes?"}]}],
}  # fmt: skip


def on_task(server: CannedServer, family: str, file: dict[str, Any] | Canned = QWEN_FILE) -> None:
    server.on(TASK, task("PENDING"))
    link = "{server}/result.json?Expires=1"
    if family == FILE:
        done = task("SUCCEEDED", {"seconds": 3}, result={"transcription_url": link})
    else:
        entry = {"file_url": URL, "transcription_url": link, "subtask_status": "SUCCEEDED"}
        done = task("SUCCEEDED", {"duration": 4}, results=[entry])
    server.on(POLL, task("RUNNING", task_metrics={"TOTAL": 1, "SUCCEEDED": 0, "FAILED": 0}), done)
    server.on("/result.json", file if isinstance(file, Canned) else Canned(file))


def test_task_of_one_file_is_submitted_polled_and_fetched(server: CannedServer, both: Both[Any]) -> None:
    on_task(server, FILE)
    request = asr(FILE, language="en", enable_words=True, enable_itn=True, channel_id=(0,))
    result = transcribe(both, server.settings(region="cn-beijing"), request)
    sent = server.requests[0]
    assert sent.body == {
        "model": FILE,
        "input": {"file_url": URL},
        "parameters": {"language": "en", "enable_words": True, "enable_itn": True, "channel_id": [0]},
    }
    assert sent.headers["x-dashscope-async"] == "enable"
    assert (result.text, result.task_id, result.request_id) == ("Good morning.", "t-1", "r")
    assert (result.language, result.emotion, result.seconds, result.channels) == ("en", "happy", 3.0, (0,))
    assert result.sentences[0].words[0].end == 0.16
    assert result.cost is not None and result.cost.total == pytest.approx(3 * 0.00022)
    assert "authorization" not in server.requests[-1].headers


def test_task_of_the_other_family_has_speakers_and_channels(server: CannedServer, both: Both[Any]) -> None:
    on_task(server, FILES, TWO_CHANNELS)
    request = asr(
        FILES, "http://example.com/call.wav", diarization_enabled=True, speaker_count=2, channel_id=(0, 1),
        vocabulary_id="v", special_word_filter={"system_reserved_filter": True}, language_hints=("en", "zh"),
    )  # fmt: skip
    result = transcribe(both, server.settings(), request)
    assert server.requests[0].body == {
        "model": FILES,
        "input": {"file_urls": [URL]},
        "parameters": {
            "language_hints": ["en", "zh"],
            "channel_id": [0, 1],
            "diarization_enabled": True,
            "speaker_count": 2,
            "vocabulary_id": "v",
            "special_word_filter": '{"system_reserved_filter": true}',
        },
    }
    assert result.text == "Hello. Bye.\nYes?"
    assert [(s.text, s.channel, s.speaker) for s in result.sentences] == [
        ("Hello.", 0, 0), ("Yes?", 1, 1), ("Bye.", 0, 0),
    ]  # fmt: skip
    assert (result.channels, result.duration, result.seconds) == ((0, 1), 3.834, 4.0)


def test_parameters_of_a_task_are_sent_even_if_empty(server: CannedServer, both: Both[Any]) -> None:
    on_task(server, FILES)
    transcribe(both, server.settings(), asr(FILES))
    assert server.requests[0].body["parameters"] == {}


def test_failed_file_in_a_succeeded_task_raises_with_the_ids(server: CannedServer, both: Both[Any]) -> None:
    entry = {
        "file_url": URL,
        "subtask_status": "FAILED",
        "code": "InvalidFile.DownloadFailed",
        "message": "no file",
    }
    server.on(TASK, task("PENDING"))
    server.on(POLL, task("SUCCEEDED", results=[entry]))
    with pytest.raises(BadRequestError, match="no file") as raised:
        transcribe(both, server.settings(), asr(FILES))
    assert (raised.value.task_id, raised.value.model, raised.value.request_id) == ("t-1", FILES, "r")


@pytest.mark.parametrize(
    ("file", "error", "text"),
    [
        (Canned(b"<Error/>", 403), NotFoundError, "expired"),
        (Canned(b"[]"), InvalidResponseError, "cannot be decoded"),
        (Canned(b"not JSON"), InvalidResponseError, "cannot be decoded"),
    ],
)
def test_unreadable_result_file_raises_with_the_task(
    file: Canned, error: type[Exception], text: str, server: CannedServer, both: Both[Any]
) -> None:
    on_task(server, FILE, file)
    with pytest.raises(error, match=text) as raised:
        transcribe(both, server.settings(), asr(FILE))
    assert raised.value.task_id == "t-1"  # type: ignore[attr-defined]


def test_result_link_to_a_foreign_host_is_not_followed(server: CannedServer, both: Both[Any]) -> None:
    server.on(TASK, task("PENDING"))
    server.on(POLL, task("SUCCEEDED", result={"transcription_url": "http://169.254.169.254/latest"}))
    with pytest.raises(InvalidResponseError, match="Nothing was downloaded"):
        transcribe(both, server.settings(), asr(FILE))


def test_empty_transcripts_of_a_task_are_silence(server: CannedServer, both: Both[Any]) -> None:
    on_task(server, FILE, {"file_url": URL, "transcripts": [{"channel_id": 0, "text": "", "sentences": []}]})
    result = transcribe(both, server.settings(), asr(FILE))
    assert (result.text, result.sentences, result.channels) == ("", (), (0,))


def test_known_task_is_resumed_and_not_submitted_again(server: CannedServer, both: Both[Any]) -> None:
    known: dict[str, str] = {}
    for _ in range(2):
        on_task(server, FILE)
        assert transcribe(both, server.settings(), asr(FILE), tasks=known).text == "Good morning."
    assert server.paths("POST") == [TASK] and list(known.values()) == ["t-1"]
    transcribe(both, server.settings(), asr(FILE, language="de"), tasks=known)
    assert server.paths("POST") == [TASK, TASK] and len(known) == 2


def test_known_task_that_expired_is_submitted_once_more(server: CannedServer, both: Both[Any]) -> None:
    known: dict[str, str] = {}
    on_task(server, FILE)
    transcribe(both, server.settings(), asr(FILE), tasks=known)
    done = server.responses[POLL][-1]
    server.on(POLL, task("UNKNOWN"), done)
    assert transcribe(both, server.settings(), asr(FILE), tasks=known).text == "Good morning."
    assert server.paths("POST") == [TASK, TASK]


def test_failed_task_is_forgotten(server: CannedServer, both: Both[Any]) -> None:
    known: dict[str, str] = {}
    server.on(TASK, task("PENDING"))
    server.on(POLL, task("FAILED", code="FILE_403_FORBIDDEN", message="forbidden"))
    with pytest.raises(BadRequestError, match="forbidden"):
        transcribe(both, server.settings(), asr(FILE), tasks=known)
    assert known == {}


def test_submitted_task_is_resumed_by_its_id(server: CannedServer, both: Both[Any]) -> None:
    on_task(server, FILE)
    settings = server.settings(region="cn-beijing")
    task_id = both(
        lambda: QwenTranscription(settings).submit(asr(FILE)),
        lambda: AsyncQwenTranscription(settings).submit(asr(FILE)),
    )
    result = both(
        lambda: QwenTranscription(settings, **FAST).resume(task_id, model=FILE),
        lambda: AsyncQwenTranscription(settings, **FAST).resume(task_id, model=FILE),
    )
    assert result.text == "Good morning." and result.cost is not None
    assert server.paths("POST") == [TASK]


def test_models_that_answer_directly_are_not_submitted(server: CannedServer, both: Both[Any]) -> None:
    settings = server.settings()
    with pytest.raises(UnsupportedFeatureError, match="tasks"):
        both(
            lambda: QwenTranscription(settings).submit(asr(QWEN)),
            lambda: AsyncQwenTranscription(settings).submit(asr(QWEN)),
        )
    assert not server.requests


def test_stream_of_a_task_is_one_chunk(server: CannedServer, both: Both[Any]) -> None:
    on_task(server, FILE)
    (chunk,) = stream(both, server.settings(), asr(FILE))
    assert chunk.text == "Good morning." and chunk.transcription is not None


# ---- Audio


def test_bytes_and_local_files_are_sent_inline(server: CannedServer, both: Both[Any], tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    path.write_bytes(WAV)
    uri = "data:audio/wav;base64," + base64.b64encode(WAV).decode()
    for audio in (WAV, path, str(path), path.as_uri(), uri):
        server.on(CHAT, chat_answer("x"))
        server.requests.clear()
        transcribe(both, server.settings(), asr(QWEN, audio, allow_local_files=True))
        part = server.requests[0].body["messages"][0]["content"][0]
        assert part["input_audio"]["data"] == uri


@pytest.mark.parametrize("model", [QWEN, SENTENCES, FILE])
@pytest.mark.parametrize("allowed", [False, ("/nowhere",)])
def test_local_files_need_permission(
    model: str, allowed: Any, server: CannedServer, both: Both[Any], tmp_path: Path
) -> None:
    path = tmp_path / "call.wav"
    path.write_bytes(WAV)
    for audio in (path, str(path)):
        with pytest.raises(UnsupportedFeatureError, match="allow_local_files"):
            transcribe(both, server.settings(), asr(model, audio, allow_local_files=allowed))
    assert not server.requests


@pytest.mark.parametrize(
    ("audio", "text"),
    [
        (b"", "empty"),
        (b"\x89PNG\r\n\x1a\n" + b"x" * 60, "image"),
        ("http://127.0.0.1/a.wav", "not a public address"),
        ("ftp://example.com/a.wav", "scheme"),
        ("data:audio/wav;base64,!!", "base64"),
        (b"x" * 8_000_000, "10 MB"),
    ],
)
def test_audio_that_the_service_would_refuse_is_not_sent(
    audio: Any, text: str, server: CannedServer, both: Both[Any]
) -> None:
    with pytest.raises(BadRequestError, match=text):
        transcribe(both, server.settings(), asr(QWEN, audio))
    assert not server.requests


@pytest.mark.parametrize("model", [FILE, SENTENCES])
def test_content_that_cannot_be_inline_is_uploaded(model: str, server: CannedServer, both: Both[Any]) -> None:
    policy = {"policy": "p", "signature": "s", "upload_dir": "d", "upload_host": server.url + "/store",
              "oss_access_key_id": "k"}  # fmt: skip
    server.on("/api/v1/uploads", {"data": policy})
    server.on("/store", Canned(b""))
    server.on(NATIVE, SENTENCE_ANSWER)
    on_task(server, FILE)
    content = WAV if model == FILE else WAV + b"\0" * 8_000_000
    transcribe(both, server.settings(), asr(model, content, filename="my call.wav"))
    sent = next(request for request in server.requests if request.path in (TASK, NATIVE))
    url = "oss://d/0-my_call.wav"
    assert url in sent.raw.decode() and sent.headers["x-dashscope-ossresourceresolve"] == "enable"


# ---- Models and errors


def test_options_that_the_api_does_not_have_are_refused_by_name(server: CannedServer, both: Both[Any]) -> None:
    cases: list[tuple[str, dict[str, Any]]] = [
        (QWEN, {"diarization_enabled": True}),
        (QWEN, {"vocabulary": {"a": 1}}),
        (FILE, {"speaker_count": 2}),
        (FILE, {"context": "names"}),
        (FILES, {"enable_itn": True}),
        (SENTENCES, {"channel_id": (0,)}),
    ]
    for model, fields in cases:
        (name,) = fields
        with pytest.raises(UnsupportedFeatureError, match=f"`{name}` is not available for {model}"):
            transcribe(both, server.settings(), asr(model, **fields))
    assert not server.requests


@pytest.mark.parametrize(
    "model", ["qwen3-asr-flash-realtime", "qwen3-tts-flash", "qwen-image-2.0", "text-embedding-v4"]
)
def test_models_that_do_not_transcribe_are_refused(model: str, server: CannedServer, both: Both[Any]) -> None:
    with pytest.raises(UnsupportedFeatureError, match=model):
        transcribe(both, server.settings(), asr(model))
    assert not server.requests


def test_unlisted_model_can_be_given_its_api(server: CannedServer, both: Both[Any]) -> None:
    server.on(NATIVE, SENTENCE_ANSWER)
    result = transcribe(both, server.settings(), asr("my-own-model", api="multimodal-generation"))
    assert result.text == "Hello world." and result.model == "my-own-model" and result.cost is None


@pytest.mark.parametrize(("model", "path"), [(QWEN, CHAT), (SENTENCES, NATIVE)])
def test_throttled_calls_are_retried(model: str, path: str, server: CannedServer, both: Both[Any]) -> None:
    throttled = Canned({"code": "Throttling.RateQuota", "message": "slow", "request_id": "r"}, 429)
    good = chat_answer("Hi") if model == QWEN else SENTENCE_ANSWER
    server.on(path, throttled, Canned(good))
    assert transcribe(both, server.settings(max_retries=1), asr(model)).text
    server.on(path, throttled)
    with pytest.raises(RateLimitError) as raised:
        transcribe(both, server.settings(), asr(model))
    assert (raised.value.model, raised.value.request_id) == (model, "r")


@pytest.mark.parametrize(("model", "path"), [(QWEN, CHAT), (SENTENCES, NATIVE)])
@pytest.mark.parametrize("body", [b"", b"null", b"[1]", b"\xff\xfe", b'{"output":7}', b'{"choices":[7]}', b"{}"])
def test_invalid_bodies_raise_a_typed_error(
    model: str, path: str, body: bytes, server: CannedServer, both: Both[Any]
) -> None:
    server.on(path, Canned(body))
    with pytest.raises((InvalidResponseError, IncompleteStreamError)) as raised:
        transcribe(both, server.settings(), asr(model))
    assert raised.value.model == model


def test_errors_in_a_body_with_status_200_are_typed(server: CannedServer, both: Both[Any]) -> None:
    server.on(NATIVE, {"request_id": "r", "code": "InvalidParameter", "message": "format is wrong"})
    with pytest.raises(BadRequestError, match="format is wrong"):
        transcribe(both, server.settings(), asr(SENTENCES))


def test_calls_from_many_threads_do_not_mix(server: CannedServer) -> None:
    server.on(CHAT, chat_answer("Good morning."))
    resource = QwenTranscription(server.settings())
    texts: list[str] = []
    threads = [
        threading.Thread(target=lambda: texts.append(resource.transcribe(asr(QWEN)).text)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert texts == ["Good morning."] * 8
