"""Speech: recognition by chat, by sentences and in tasks; synthesis on two paths.

Sources: the API references of Qwen-ASR, Qwen-Audio ASR and Fun-ASR, and of Qwen-TTS and CosyVoice. The wording of
most refusals is ours.
"""

from __future__ import annotations

import base64
import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from qwen_emulator import speech
from qwen_emulator.failures import Failure, invalid_parameter
from qwen_emulator.models import exists
from qwen_emulator.protocols import COMPATIBLE, NATIVE
from qwen_emulator.protocols.base import Encoder, dump, event_reply, json_reply
from qwen_emulator.protocols.native import frame
from qwen_emulator.replies import RawReply, Reply
from qwen_emulator.requests import RecordedRequest
from qwen_emulator.routes.tasks import NOT_ASYNC, is_asynchronous, submit
from qwen_emulator.script import Mutated, Scripted
from qwen_emulator.service import OSS_HEADER, Service, route
from qwen_emulator.tasks import TaskPlan, TaskResult
from qwen_emulator.validation import native as rules

_SERVICES = "/api/v1/services"
_MAX_TEXT = 600
_NOT_RESOLVED = Failure(
    400, "InvalidURL", "The file URL cannot be resolved: the header X-DashScope-OssResourceResolve is missing."
)
_NOTE = {"type": "audio_info", "emotion": "neutral"}


def chat(service: Service, request: RecordedRequest) -> RawReply:
    """Respond to a recognition request on the OpenAI-compatible protocol."""
    body = request.body

    def validate() -> Failure | None:
        if not speech.CHAT_RECOGNITION.fullmatch(body["model"]):
            return invalid_parameter("'messages' is a required property")
        return _one_audio(body.get("messages"), _compatible_audio) or _resolvable(request, _chat_source(body))

    def respond(text: str) -> RawReply:
        return _chat_reply(request, body, text, _seconds(service, _chat_source(body), text))

    return _respond(service, request, COMPATIBLE, validate, lambda: _chat_source(body), respond)


def multimodal(service: Service, request: RecordedRequest) -> RawReply:
    """Respond to a recognition or synthesis request on the native multimodal path."""
    model = request.body["model"]
    if speech.SYNTHESIS.fullmatch(model):
        return _synthesis(service, request, speech.CHAT_SYNTHESIS, ("wav",))
    if speech.SENTENCE_RECOGNITION.fullmatch(model):
        return _sentence_recognition(service, request)
    return _native_recognition(service, request)


def _native_recognition(service: Service, request: RecordedRequest) -> RawReply:
    body = request.body
    messages: Any = (body.get("input") or {}).get("messages")

    def source() -> str:
        return str(messages[-1]["content"][0]["audio"])

    def validate() -> Failure | None:
        if not speech.NATIVE_RECOGNITION.fullmatch(body["model"]):
            return invalid_parameter("url error, please check url！")
        return _one_audio(messages, _native_audio) or _resolvable(request, source())

    def respond(text: str) -> RawReply:
        note = {**_NOTE, "language": speech.language_of(text)}
        usage = {
            "input_tokens_details": {"text_tokens": 0},
            "output_tokens_details": {"text_tokens": len(text.split())},
            "seconds": _seconds(service, source(), text),
        }

        def payload(chunk: str, finish: str) -> dict[str, Any]:
            message = {"role": "assistant", "content": [{"text": chunk}] if chunk else [], "annotations": [note]}
            output = {"choices": [{"finish_reason": finish, "message": message}]}
            return {"output": output, "usage": usage, "request_id": request.request_id}

        if not request.stream:
            return json_reply(payload(text, "stop"), request.request_id)
        chunks = [*(payload(word, "null") for word in _words(text)), payload("", "stop")]
        return _events(request, chunks)

    return _respond(service, request, NATIVE, validate, source, respond)


def _sentence_recognition(service: Service, request: RecordedRequest) -> RawReply:
    body = request.body
    messages: Any = (body.get("input") or {}).get("messages")

    def source() -> str:
        return str(messages[-1]["content"][0]["input_audio"]["data"])

    def validate() -> Failure | None:
        if not isinstance(messages, list) or not messages or not _compatible_audio(messages[-1]):
            return invalid_parameter("The last message must have one input_audio.")
        if not (body.get("parameters") or {}).get("format"):
            return invalid_parameter("'format' is a required property - 'parameters'")
        return _resolvable(request, source())

    def respond(text: str) -> RawReply:
        speakers = 2 if (body.get("parameters") or {}).get("speaker_diarization_enabled") else 0
        usage = {"duration": _seconds(service, source(), text)}
        spoken = speech.sentences(text, speakers or 1)

        def payload(number: int, said: speech.Spoken, ended: bool = True) -> dict[str, Any]:
            sentence = {
                "sentence_id": number, "sentence_end": ended, "begin_time": said.begin, "channel_id": 0,
                "text": said.text, "words": [{**word, "fixed": ended} for word in said.words()],
            }  # fmt: skip
            if ended:
                sentence["end_time"] = said.end
            if speakers:
                sentence["speaker_id"] = said.speaker
            answer = {"request_id": request.request_id, "output": {"text": said.text, "sentence": sentence}}
            return answer | ({"usage": usage} if ended else {})

        if request.stream:
            frames = []
            for number, said in enumerate(spoken, 1):
                half = said.text[: len(said.text) // 2]
                frames += [payload(number, replace(said, text=half), False), payload(number, said)]
            return _events(request, frames)
        if speakers or len(spoken) > 1:
            listed = [payload(number, said)["output"]["sentence"] for number, said in enumerate(spoken, 1)]
            output: dict[str, Any] = {"text": text, "sentences": listed}
        else:
            output = payload(1, spoken[0])["output"] if spoken else {"text": ""}
        return json_reply({"request_id": request.request_id, "output": output, "usage": usage}, request.request_id)

    return _respond(service, request, NATIVE, validate, source, respond)


def _transcription(service: Service, request: RecordedRequest) -> RawReply:
    body = request.body

    def source() -> str:
        held = body["input"]
        return str(held["file_url"] if "file_url" in held else held["file_urls"][0])

    def validate() -> Failure | None:
        if refused := rules.outline(body):
            return refused
        one, several = (
            speech.FILE_RECOGNITION.fullmatch(body["model"]),
            speech.FILES_RECOGNITION.fullmatch(body["model"]),
        )
        if not one and not several:
            return invalid_parameter("url error, please check url！")
        if not is_asynchronous(request):
            return NOT_ASYNC
        held = body["input"].get("file_url" if one else "file_urls")
        if not (isinstance(held, str) if one else isinstance(held, list) and len(held) == 1):
            return invalid_parameter(f"'{'file_url' if one else 'file_urls'}' is a required property - 'input'")
        if not source().startswith(("https://", "oss://")):
            return Failure(400, "InvalidParameter.MalformedURL", "The file URL is malformed.")
        return _resolvable(request, source())

    def respond(text: str) -> RawReply:
        seconds = _seconds(service, source(), text)
        return submit(service, request, lambda plan: _result(service, request, source(), text, seconds, plan))

    return _respond(service, request, NATIVE, validate, source, respond)


def _result(
    service: Service, request: RecordedRequest, source: str, text: str, seconds: int, plan: TaskPlan
) -> TaskResult:
    """Return the result of a transcription task, whose transcript is a file behind a link."""
    given = request.body.get("parameters") or {}
    single = bool(speech.FILE_RECOGNITION.fullmatch(request.body["model"]))
    if 0 in plan.failed_results and not single:
        failed = {"file_url": source, "subtask_status": "FAILED", "code": plan.code, "message": plan.message}
        return TaskResult({"results": [failed]})
    speakers = int(given.get("speaker_count") or 2) if given.get("diarization_enabled") else 1
    spoken = speech.sentences(text, speakers)
    transcripts = []
    for channel in given.get("channel_id") or [0]:
        listed = []
        for number, said in enumerate(spoken, 0 if single else 1):
            sentence: dict[str, Any] = {
                "sentence_id": number, "begin_time": said.begin, "end_time": said.end, "text": said.text,
            }  # fmt: skip
            if single:
                sentence |= {"language": speech.language_of(text), "emotion": "neutral"}
            elif given.get("diarization_enabled"):
                sentence["speaker_id"] = said.speaker
            if not single or given.get("enable_words"):
                sentence["words"] = said.words()
            listed.append(sentence)
        transcripts.append({"channel_id": channel, "text": text, "sentences": listed})
        if not single:
            transcripts[-1]["content_duration_in_milliseconds"] = seconds * 1000
    described = (
        {"audio_info": {"format": "wav", "sample_rate": speech.RATE}}
        if single
        else {
            "properties": {
                "audio_format": "pcm_s16le",
                "channels": given.get("channel_id") or [0],
                "original_sampling_rate": speech.RATE,
                "original_duration_in_milliseconds": seconds * 1000,
            }
        }
    )
    file = dump({"file_url": source, **described, "transcripts": transcripts})
    link = service.results.add(request, "transcript.json", file, "application/json")
    if single:
        return TaskResult({"result": {"transcription_url": link}}, {"seconds": seconds})
    entry = {"file_url": source, "transcription_url": link, "subtask_status": "SUCCEEDED"}
    return TaskResult({"results": [entry]}, {"duration": seconds})


def _synthesizer(service: Service, request: RecordedRequest) -> RawReply:
    return _synthesis(service, request, speech.SYNTHESIZER, tuple(speech.FORMATS))


def _synthesis(service: Service, request: RecordedRequest, family: Any, formats: tuple[str, ...]) -> RawReply:
    body = request.body

    def validate() -> Failure | None:
        if refused := rules.outline(body):
            return refused
        if not family.fullmatch(body["model"]):
            return invalid_parameter("url error, please check url！")
        held = body["input"]
        if not isinstance(held.get("text"), str) or not held["text"].strip():
            return invalid_parameter("text property is required")
        if not isinstance(held.get("voice"), str) or not held["voice"]:
            return invalid_parameter("voice property is required")
        if len(formats) == 1 and len(held["text"]) > _MAX_TEXT:
            return invalid_parameter(f"Range of input length should be [0, {_MAX_TEXT}]")
        if held.get("format", formats[0]) not in formats:
            return invalid_parameter("format is not supported")
        return None

    def respond(text: str) -> RawReply:
        held = body["input"]
        format = held.get("format") or ("wav" if len(formats) == 1 else "mp3")
        content = speech.audio(held["text"], format)
        link = service.results.add(request, f"speech.{format}", content, speech.FORMATS[format])
        usage = {"characters": sum(2 if ord(character) > 0x2E7F else 1 for character in held["text"])}
        if len(formats) == 1:
            usage |= {"input_tokens": 0, "output_tokens": 0}

        def payload(data: bytes, finish: str, **more: Any) -> dict[str, Any]:
            audio = {
                "data": base64.b64encode(data).decode(), "url": link if finish == "stop" else "",
                "id": f"audio_{request.request_id}", "expires_at": int(time.time()) + 86_400,
            }  # fmt: skip
            output = {"text": None, "finish_reason": finish, "choices": None, "audio": audio, **more}
            return {"request_id": request.request_id, "output": output, "usage": usage}

        if not request.stream:
            answer = {"status_code": 200, "code": "", "message": "", **payload(b"", "stop")}
            return json_reply(answer, request.request_id)
        # The chunks of the first API are raw samples, without a header.
        streamed = speech.tone(held["text"]) if len(formats) == 1 else content
        more: dict[str, Any] = {}
        if len(formats) > 1:
            said = speech.Spoken(held["text"], 0, int(speech.seconds_of(held["text"]) * 1000))
            words = [
                {**word, "begin_index": index, "end_index": index + 1} for index, word in enumerate(said.words())
            ]
            timed = words if held.get("word_timestamp_enabled") else []
            more = {"type": "sentence-synthesis", "sentence": {"index": 0, "words": timed}}
        chunks = [payload(chunk, "null", **more) for chunk in speech.chunked(streamed)]
        return _events(request, [*chunks, payload(b"", "stop")])

    return _respond(service, request, NATIVE, validate, None, respond)


def _respond(
    service: Service,
    request: RecordedRequest,
    encoder: Encoder,
    validate: Callable[[], Failure | None],
    source: Callable[[], str] | None,
    respond: Callable[[str], RawReply],
) -> RawReply:
    """Refuse the request, or respond with the scripted text, or with what the audio says."""
    if service.settings.validate and (refused := _known_model(request) or validate()):
        return encoder.encode_refusal(refused, request.request_id, stream=request.stream)

    def render(scripted: Scripted | None) -> RawReply:
        if isinstance(scripted, RawReply):
            return scripted
        if isinstance(scripted, Failure):
            return encoder.encode_failure(scripted, request.request_id)
        if isinstance(scripted, Mutated):
            return scripted.mutate(render(scripted.reply))
        if isinstance(scripted, Reply):
            scripted = scripted.text if isinstance(scripted.text, str) else "".join(scripted.text)
        if scripted is not None:
            return respond(scripted)
        heard = speech.text_in(_content(service, source())) if source else None
        return respond(speech.DEFAULT_TEXT if heard is None else heard)

    return render(service.script.take(request))


def _known_model(request: RecordedRequest) -> Failure | None:
    return None if exists(str(request.model)) else rules.not_found(str(request.model))


def _chat_reply(request: RecordedRequest, body: dict[str, Any], text: str, seconds: int) -> RawReply:
    note = {**_NOTE, "language": speech.language_of(text)}
    tokens = len(text.split())
    usage = {
        "prompt_tokens": 25 * seconds, "completion_tokens": tokens, "total_tokens": 25 * seconds + tokens,
        "seconds": seconds, "prompt_tokens_details": {"audio_tokens": 25 * seconds, "text_tokens": 0},
        "completion_tokens_details": {"text_tokens": tokens},
    }  # fmt: skip
    common = {"id": f"chatcmpl-{request.request_id}", "created": int(time.time()), "model": body["model"]}
    if not request.stream:
        message = {"role": "assistant", "content": text, "annotations": [note]}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        answer = {**common, "object": "chat.completion", "choices": [choice], "usage": usage}
        return json_reply(answer, request.request_id)

    def event(choices: list[dict[str, Any]], usage: dict[str, Any] | None = None) -> bytes:
        payload = {**common, "object": "chat.completion.chunk", "choices": choices, "usage": usage}
        return b"data: " + dump(payload) + b"\n\n"

    def delta(finish: str | None = None, **fields: Any) -> list[dict[str, Any]]:
        return [{"index": 0, "logprobs": None, "delta": fields, "finish_reason": finish}]

    events = [event(delta(role="assistant", content=""))]
    events += [event(delta(role=None, content=word, annotations=[note])) for word in _words(text)]
    events.append(event(delta("stop", role=None)))
    if (body.get("stream_options") or {}).get("include_usage"):
        events.append(event([], usage))
    return event_reply((*events, b"data: [DONE]\n\n"), request.request_id)


def _events(request: RecordedRequest, payloads: list[dict[str, Any]]) -> RawReply:
    segments = tuple(frame(number, payload) for number, payload in enumerate(payloads, 1))
    return event_reply(segments, request.request_id)


def _words(text: str) -> list[str]:
    words = text.split(" ")
    return [word if not index else f" {word}" for index, word in enumerate(words)] if text else []


def _one_audio(messages: Any, is_audio: Callable[[Any], bool]) -> Failure | None:
    """Require one user message with one audio item, with at most a system message before it."""
    if not isinstance(messages, list) or not messages:
        return invalid_parameter("'messages' is a required property")
    roles = [message.get("role") if isinstance(message, dict) else None for message in messages]
    if roles not in (["user"], ["system", "user"]) or not is_audio(messages[-1]):
        return invalid_parameter("The messages must be one user message with one audio, and a system message.")
    return None


def _compatible_audio(message: Any) -> bool:
    content = message.get("content") if isinstance(message, dict) else None
    if not isinstance(content, list) or len(content) != 1 or not isinstance(content[0], dict):
        return False
    held = content[0].get("input_audio")
    return content[0].get("type") == "input_audio" and isinstance(held, dict) and isinstance(held.get("data"), str)


def _native_audio(message: Any) -> bool:
    content = message.get("content")
    return isinstance(content, list) and len(content) == 1 and isinstance(content[0].get("audio"), str)


def _chat_source(body: dict[str, Any]) -> str:
    return str(body["messages"][-1]["content"][0]["input_audio"]["data"])


def _resolvable(request: RecordedRequest, source: str) -> Failure | None:
    if source.startswith("oss://") and request.headers.get(OSS_HEADER) != "enable":
        return _NOT_RESOLVED
    return (
        None if source.startswith(("https://", "http://", "oss://", "data:")) else invalid_parameter("url error")
    )


def _content(service: Service, source: str) -> bytes | None:
    return service.files.temporary(source) if source.startswith("oss://") else speech.content_of(source)


def _seconds(service: Service, source: str, text: str) -> int:
    """Return the seconds that are billed: those of the audio, if it can be read; a started second counts."""
    seconds = speech.wav_seconds(_content(service, source))
    return math.ceil(speech.seconds_of(text) if seconds is None else seconds)


ROUTES = (
    route("POST", f"{_SERVICES}/audio/asr/transcription", _transcription),
    route("POST", f"{_SERVICES}/audio/tts/SpeechSynthesizer", _synthesizer),
)
