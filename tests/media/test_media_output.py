"""Media output: audio as a file, OCR results and image sizes as data, and usage by modality."""

import base64
import io
import json
import wave
from typing import Any

import pytest
from langchain_core.messages import AIMessageChunk, HumanMessage
from llama_index.core.base.llms.types import AudioBlock, ChatMessage, ImageBlock, TextBlock

from qwen_core import ChatRequest, ClientSettings
from qwen_core.resources.sync.client import QwenClient
from qwen_core.types.messages import Message, TextPart
from qwen_core.types.wav import wav
from qwen_emulator import Emulator, RawReply, Reply
from qwen_emulator.speech import DEFAULT_TEXT
from tests.media.conftest import KEY, Make
from tests.media.generated_media import data_uri, png_image, wav_audio

SPEECH = {"modalities": ["text", "audio"], "audio": {"voice": "Cherry", "format": "wav"}}
OMNI = {"openai": "qwen3.5-omni-plus", "dashscope": "qwen-omni-turbo"}
QUESTION = [HumanMessage("Say hello")]
IMAGE_BLOCK = {"type": "image", "url": data_uri(png_image())}


def seconds(content: bytes) -> float:
    """Return the duration of a WAV file, after checking its format."""
    with wave.open(io.BytesIO(content)) as opened:
        assert (opened.getframerate(), opened.getnchannels(), opened.getsampwidth()) == (24_000, 1, 2)
        return float(opened.getnframes() / opened.getframerate())


def test_wav_header_is_added_once() -> None:
    pcm = bytes(range(256)) * 10
    assert wav(wav(pcm)) == wav(pcm)
    with wave.open(io.BytesIO(wav(pcm))) as opened:
        assert opened.readframes(opened.getnframes()) == pcm


def test_langchain_audio_output(chat: Make, service: Emulator, protocol: str) -> None:
    model = chat(model=OMNI[protocol], **SPEECH)
    whole = model.invoke(QUESTION)
    audio = whole.additional_kwargs["audio"]
    assert audio["format"] == "wav" and audio["transcript"] == whole.content == "hello"
    assert seconds(base64.b64decode(audio["data"])) == pytest.approx(0.3)
    (block,) = [block for block in whole.content_blocks if block["type"] == "audio"]
    assert block["base64"] == audio["data"] and block["mime_type"] == "audio/wav"
    assert block["extras"]["transcript"] == "hello"
    assert whole.usage_metadata["output_token_details"]["audio"] > 0

    chunks = list(model.stream(QUESTION))
    pieces = [chunk.additional_kwargs["audio"]["data"] for chunk in chunks if "audio" in chunk.additional_kwargs]
    assert len(pieces) == 3
    total: Any = chunks[0]
    for chunk in chunks[1:]:
        total += chunk
    assert total.additional_kwargs["audio"]["data"] == audio["data"]
    assert next(block for block in total.content_blocks if block["type"] == "audio")["base64"] == audio["data"]


def test_langchain_audio_output_in_v1_content(chat: Make, protocol: str) -> None:
    model = chat(model=OMNI[protocol], output_version="v1", **SPEECH)
    whole = model.invoke(QUESTION)
    total: Any = None
    for chunk in model.stream(QUESTION):
        total = chunk if total is None else total + chunk
    assert isinstance(total, AIMessageChunk)
    for message in (whole, total):
        (block,) = [block for block in message.content if block["type"] == "audio"]
        assert seconds(base64.b64decode(block["base64"])) == pytest.approx(0.3)
        assert block["mime_type"] == "audio/wav"


def test_langchain_audio_output_as_stream_events(chat: Make, protocol: str) -> None:
    events = list(chat(model=OMNI[protocol], **SPEECH).stream_events(QUESTION[0].content, version="v3"))
    pieces = [
        event["delta"]["data"]
        for event in events
        if event["event"] == "content-block-delta" and event["delta"]["type"] == "data-delta"
    ]
    assert len(pieces) == 3
    (block,) = [
        event["content"]
        for event in events
        if event["event"] == "content-block-finish" and event["content"]["type"] == "audio"
    ]
    assert seconds(base64.b64decode(block["base64"])) == pytest.approx(0.3)


def test_audio_output_is_not_sent_back_in_history(chat: Make, llm: Make, service: Emulator, protocol: str) -> None:
    for version in ("v0", "v1"):
        model = chat(model=OMNI[protocol], output_version=version, **SPEECH)
        model.invoke([*QUESTION, model.invoke(QUESTION), HumanMessage("Again")])
        assert b"UklGR" not in service.last_request.raw
    spoken = llm(model=OMNI[protocol], **SPEECH)
    question = ChatMessage(role="user", content="Say hello")
    spoken.chat([question, spoken.chat([question]).message, question])
    assert b"UklGR" not in service.last_request.raw


def test_llama_index_audio_output(llm: Make, protocol: str) -> None:
    model = llm(model=OMNI[protocol], **SPEECH)
    question = [ChatMessage(role="user", content="Say hello")]
    *pieces, last = model.stream_chat(question)
    for response in (model.chat(question), last):
        (block,) = [block for block in response.message.blocks if isinstance(block, AudioBlock)]
        assert block.format == "wav"
        assert seconds(block.resolve_audio().read()) == pytest.approx(0.3)
        assert response.message.content == "hello"
        assert response.raw["usage"]["completion_tokens_details"]["audio_tokens"] > 0
    assert sum("audio_delta" in piece.additional_kwargs for piece in pieces) == 3


def test_core_audio_output(service: Emulator, protocol: str) -> None:
    settings = ClientSettings(api_key=KEY, base_url=service.base_url, protocol=protocol)  # type: ignore[arg-type]
    request = ChatRequest(
        model=OMNI[protocol],
        messages=(Message("user", (TextPart("Say hello"),)),),
        modalities=("text", "audio"),
        audio={"voice": "Cherry", "format": "wav"},
    )
    audio = QwenClient(settings).generate(request).choices[0].audio
    assert audio is not None and seconds(audio.wav()) == pytest.approx(0.3)


def test_unknown_model_streams_for_audio_output(chat: Make, service: Emulator) -> None:
    message = chat(model="my-own-omni", protocol="openai", **SPEECH).invoke(QUESTION)
    assert "audio" in message.additional_kwargs and service.last_request.stream


def test_audio_deltas_with_base64_padding_are_joined(chat: Make, service: Emulator) -> None:
    """Join base64 deltas that each end in padding."""
    service.reply(Reply("Hi.", audio=[b"\1" * 10, b"\2" * 7, b"\3" * 5]))
    message = chat(model=OMNI["openai"], protocol="openai", **SPEECH).invoke(QUESTION)
    assert base64.b64decode(message.additional_kwargs["audio"]["data"])[44:] == b"\1" * 10 + b"\2" * 7 + b"\3" * 5


# Image input.

TASKS = [
    "text_recognition",
    "key_information_extraction",
    "table_parsing",
    "document_parsing",
    "formula_recognition",
    "multi_lan",
    "advanced_recognition",
]


@pytest.mark.parametrize("task", TASKS)
def test_ocr_options_return_ocr_result(chat: Make, llm: Make, service: Emulator, task: str) -> None:
    options: dict[str, Any] = {"task": task}
    if task == "key_information_extraction":
        options["task_config"] = {"result_schema": {"date": "", "number": ""}}
    fields: dict[str, Any] = {"model": "qwen-vl-ocr", "protocol": "auto", "ocr_options": options}
    whole = chat(**fields).invoke([HumanMessage([IMAGE_BLOCK])])
    assert service.last_request.protocol == "dashscope"
    assert service.last_request.parameters["ocr_options"] == options
    total: Any = None
    for chunk in chat(**fields).stream([HumanMessage([IMAGE_BLOCK])]):
        total = chunk if total is None else total + chunk
    response = llm(**fields).chat([ChatMessage(role="user", blocks=[ImageBlock(image=png_image())])])
    results = [
        whole.response_metadata.get("ocr_result"),
        total.response_metadata.get("ocr_result"),
        response.raw.get("ocr_result"),
    ]
    assert "48×32" in whole.content
    if task == "key_information_extraction":
        assert results == [{"kv_result": {"date": "", "number": ""}}] * 3
    elif task == "advanced_recognition":
        assert results[0]["words_info"][0]["location"] == [0, 0, 48, 0, 48, 32, 0, 32]
        assert results[1:] == results[:1] * 2
    else:
        assert results == [None] * 3


def test_recorded_ocr_result_is_decoded(chat: Make, service: Emulator) -> None:
    words = [{"text": "HELLO", "location": [704, 390, 1314, 390, 1314, 675, 704, 675]}]
    item = {"ocr_result": {"words_info": words}, "text": "```json\n[]\n```"}
    body = {
        "output": {"choices": [{"finish_reason": "stop", "message": {"content": [item], "role": "assistant"}}]},
        "usage": {"image_tokens": 1862, "input_tokens": 1895, "output_tokens": 32, "total_tokens": 1927},
        "request_id": "r",
    }
    service.reply(RawReply(200, {"Content-Type": "application/json"}, (json.dumps(body).encode(),)))
    options = {"task": "advanced_recognition"}
    message = chat(model="qwen-vl-ocr", protocol="dashscope", ocr_options=options).invoke(
        [HumanMessage([IMAGE_BLOCK])]
    )
    assert message.response_metadata["ocr_result"] == {"words_info": words}
    assert message.usage_metadata["input_token_details"]["image"] == 1862


def test_image_sizes_are_returned(chat: Make, llm: Make) -> None:
    fields = {"protocol": "dashscope", "extra_body": {"vl_enable_image_hw_output": True}}
    message = chat(**fields).invoke([HumanMessage([IMAGE_BLOCK, "What?"])])
    assert message.response_metadata["image_hw"] == [[32, 48]]
    blocks = [ImageBlock(image=png_image()), TextBlock(text="What?")]
    *_, last = llm(**fields).stream_chat([ChatMessage(role="user", blocks=blocks)])
    assert last.raw["image_hw"] == [[32, 48]]


def test_visual_reasoning_model_returns_reasoning_content(chat: Make) -> None:
    message = chat(model="qvq-max").invoke([HumanMessage([IMAGE_BLOCK, "What?"])])
    assert message.additional_kwargs["reasoning_content"] and "48×32" in message.content


@pytest.mark.parametrize("model", ["qwen3-asr-flash", "qwen3-omni-30b-a3b-captioner"])
def test_transcription_and_captioning_models(chat: Make, service: Emulator, model: str, protocol: str) -> None:
    options = {"asr_options": {"language": "en", "enable_itn": True}}
    block = {"type": "audio", "url": data_uri(wav_audio(2.0), "audio/wav")}
    message = chat(model=model, extra_body=options).invoke([HumanMessage([block])])
    expected = DEFAULT_TEXT if model == "qwen3-asr-flash" else "2.0 seconds"
    assert expected in message.content
    assert service.last_request.parameters["asr_options"] == options["asr_options"]
    if model == "qwen3-asr-flash" and protocol == "dashscope":  # counts only text (native, section 5.2)
        assert message.usage_metadata["input_tokens"] == 0 < message.usage_metadata["output_tokens"]
    else:
        assert message.usage_metadata["input_token_details"]["audio"] > 0


def test_usage_counts_tokens_by_modality(chat: Make, llm: Make) -> None:
    blocks: list[Any] = [IMAGE_BLOCK, {"type": "video", "video": [IMAGE_BLOCK] * 4}, "What?"]
    details = chat().invoke([HumanMessage(blocks)]).usage_metadata["input_token_details"]
    assert details["image"] > 0 and details["video"] > 0
    response = llm().chat([ChatMessage(role="user", blocks=[ImageBlock(image=png_image()), TextBlock(text="?")])])
    assert response.raw["usage"]["prompt_tokens_details"]["image_tokens"] > 0
