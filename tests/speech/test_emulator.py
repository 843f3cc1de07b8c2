"""The same classes against the emulator: spoken text comes back as text on every API; the life of a task."""

import json
from typing import Any

import pytest
from langchain_core.document_loaders import Blob

from langchain_qwen import QwenAudioParser, QwenTextToSpeech
from llama_index_qwen import QwenAudioReader, QwenSpeechToolSpec
from qwen_core import AsyncQwenTranscription, QwenTasks, QwenTranscription, TranscriptionRequest
from qwen_core.adapters.speech_fields import TranscriptionFields
from qwen_core.errors import BadRequestError, NotFoundError, PermissionDeniedError, RateLimitError, TaskError
from qwen_core.execution.sync.service_calls import ServiceCalls
from qwen_emulator import Emulator, Failure, Reply
from tests.speech.conftest import KEY, Both, collected

TEXT = "Hello from Berlin. How are you? Goodbye."
MODELS = [
    "qwen3-asr-flash",
    "qwen3-asr-flash-us",
    "qwen-audio-3.1-asr-flash",
    "qwen3-asr-flash-filetrans",
    "fun-asr",
    "paraformer-v2",
]


def fields(service: Emulator, **more: Any) -> dict[str, Any]:
    return {"api_key": KEY, "base_url": service.base_url, "max_retries": 0, **more}


@pytest.fixture
def spoken(service: Emulator) -> bytes:
    return QwenTextToSpeech(**fields(service)).synthesize(TEXT).data


@pytest.mark.parametrize("model", MODELS)
def test_spoken_text_is_transcribed_by_every_family_in_both_frameworks(
    model: str, service: Emulator, spoken: bytes, both: Both[Any]
) -> None:
    parser = QwenAudioParser(**fields(service, model=model, poll_seconds=0.01))
    reader = QwenAudioReader(**fields(service, model=model, poll_seconds=0.01))
    blob = Blob.from_data(spoken, mime_type="audio/wav")
    (document,) = both(lambda: parser.parse(blob), lambda: parser.aparse(blob))
    (node,) = both(lambda: reader.load_data(spoken), lambda: reader.aload_data(spoken))
    assert document.page_content == node.text == TEXT
    assert document.metadata["duration"] > 0 and document.metadata["request_id"]


@pytest.mark.parametrize("model", MODELS[:4])
def test_streams_of_every_family_end_with_the_whole_text(
    model: str, service: Emulator, spoken: bytes, both: Both[Any]
) -> None:
    request = TranscriptionRequest(model=model, audio=spoken)
    settings = TranscriptionFields(**fields(service)).client_settings()
    chunks = both(
        lambda: list(QwenTranscription(settings, poll_seconds=0.01).stream(request)),
        lambda: collected(AsyncQwenTranscription(settings, poll_seconds=0.01).stream(request)),
    )
    assert chunks[-1].transcription.text.split() == TEXT.split()
    assert "".join("".join(chunk.text for chunk in chunks).split()) == "".join(TEXT.split())


def test_speakers_words_and_channels_of_a_long_file(service: Emulator, spoken: bytes) -> None:
    reader = QwenAudioReader(
        **fields(service, model="fun-asr", diarization_enabled=True, channel_id=[0, 1], by_sentence=True,
                 poll_seconds=0.01)
    )  # fmt: skip
    found = [(node.text, node.metadata["speaker"], node.metadata["channel"]) for node in reader.load_data(spoken)]
    assert len(found) == 6 and {speaker for _, speaker, _ in found} == {0, 1}
    assert sorted({channel for _, _, channel in found}) == [0, 1]


def test_scripted_text_and_silence(service: Emulator) -> None:
    parser = QwenAudioParser(**fields(service))
    service.reply("Scripted.", Reply(text=""))
    blob = Blob(path="https://example.com/a.wav", data=None)
    assert [parser.parse(blob)[0].page_content for _ in range(2)] == ["Scripted.", ""]


@pytest.mark.parametrize("model", ["qwen3-tts-flash", "cosyvoice-v3-flash"])
def test_streamed_and_complete_speech_have_the_same_samples(
    model: str, service: Emulator, both: Both[Any]
) -> None:
    tool = QwenTextToSpeech(**fields(service, model=model, voice="v", format="pcm"))
    complete = both(lambda: tool.synthesize(TEXT), lambda: tool.asynthesize(TEXT))
    chunks = both(lambda: list(tool.stream_bytes(TEXT)), lambda: collected(tool.astream_bytes(TEXT)))
    assert b"".join(chunks) == complete.data and len(chunks) > 3


def test_text_that_one_call_does_not_take_is_divided(service: Emulator, both: Both[Any]) -> None:
    text = "A short sentence. " * 100
    spec = QwenSpeechToolSpec(**fields(service))
    speak = spec.to_tool_list()[0]
    output = both(lambda: speak.call(text=text), lambda: speak.acall(text=text))
    sent = [request.body["input"]["text"] for request in service.requests if request.method == "POST"]
    assert len(sent) == 4 and output.raw_output.speech.characters == sum(map(len, sent))


@pytest.mark.parametrize(
    ("plan", "error"),
    [
        ({"ends": "FAILED", "code": "FILE_403_FORBIDDEN", "message": "forbidden"}, BadRequestError),
        ({"failed_results": [0], "code": "InvalidFile.DownloadFailed"}, BadRequestError),
        ({"ends": "CANCELED"}, TaskError),
        ({"ends": "UNKNOWN"}, NotFoundError),
    ],
)
def test_tasks_end_as_planned(plan: dict[str, Any], error: type[Exception], service: Emulator) -> None:
    service.plan_tasks(polls=2, **plan)
    parser = QwenAudioParser(**fields(service, model="fun-asr", poll_seconds=0.01))
    with pytest.raises(error) as raised:
        parser.parse(Blob(path="https://example.com/a.wav", data=None))
    assert raised.value.task_id  # type: ignore[attr-defined]
    assert [request.path for request in service.requests if request.method == "POST"] == [
        "/api/v1/services/audio/asr/transcription"
    ]


def test_expired_links_are_refused_as_the_store_does(service: Emulator) -> None:
    service.expire_links()
    parser = QwenAudioParser(**fields(service, model="fun-asr", poll_seconds=0.01))
    with pytest.raises(NotFoundError, match="expired"):
        parser.parse(Blob(path="https://example.com/a.wav", data=None))
    with pytest.raises(NotFoundError, match="expired"):
        QwenTextToSpeech(**fields(service)).synthesize("Hi.")


def test_pending_tasks_are_listed_and_canceled(service: Emulator) -> None:
    service.plan_tasks(polls=100)
    settings = TranscriptionFields(**fields(service)).client_settings()
    resource, tasks = QwenTranscription(settings), QwenTasks(settings)
    task_id = resource.submit(TranscriptionRequest(model="fun-asr", audio="https://example.com/a.wav"))
    assert [(task.task_id, task.status, task.model_name) for task in tasks.all()] == [
        (task_id, "PENDING", "fun-asr")
    ]
    resource.cancel(task_id)
    assert tasks.get(task_id).status == "CANCELED"
    with pytest.raises(BadRequestError, match="PENDING"):
        resource.cancel(task_id)


def test_failures_meet_speech_calls(service: Emulator) -> None:
    service.reply(Failure.named("rate_limit"))
    with pytest.raises(RateLimitError):
        QwenTextToSpeech(**fields(service)).synthesize("Hi.")


NATIVE = "/services/aigc/multimodal-generation/generation"
TASK = "/services/audio/asr/transcription"
AUDIO = [{"type": "input_audio", "input_audio": {"data": "https://example.com/a.wav"}}]


def heard(model: str) -> dict[str, Any]:
    return {"model": model, "input": {"messages": [{"role": "user", "content": AUDIO}]}}


def said(model: str, **held: Any) -> dict[str, Any]:
    return {"model": model, "input": held}


@pytest.mark.parametrize(
    ("path", "body", "error", "text"),
    [
        (
            TASK,
            {"model": "fun-asr", "input": {"file_urls": ["https://x.de/a"]}},
            PermissionDeniedError,
            "synchronous",
        ),
        (NATIVE, said("qwen3-tts-flash", text="Hi."), BadRequestError, "voice property"),
        (NATIVE, said("qwen3-tts-flash", text="x" * 601, voice="v"), BadRequestError, "length"),
        (NATIVE, said("cosyvoice-v2", text="Hi.", voice="v"), BadRequestError, "url error"),
        (NATIVE, heard("qwen-audio-3.0-asr-flash"), BadRequestError, "format"),
        (NATIVE, heard("fun-asr"), BadRequestError, "url error"),
    ],
)
def test_invalid_requests_are_refused(
    path: str, body: dict[str, Any], error: type[Exception], text: str, service: Emulator
) -> None:
    calls = ServiceCalls(TranscriptionFields(**fields(service)).client_settings(), "dashscope")
    with pytest.raises(error, match=text):
        calls.send_once("POST", path, json.dumps(body).encode())


def test_plain_http_links_are_upgraded_for_tasks(service: Emulator) -> None:
    parser = QwenAudioParser(**fields(service, model="fun-asr", poll_seconds=0.01))
    parser.parse(Blob(path="http://example.com/a.wav", data=None))
    assert service.requests[0].body["input"]["file_urls"] == ["https://example.com/a.wav"]
