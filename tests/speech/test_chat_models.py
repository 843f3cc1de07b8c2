"""Chat classes and models for speech: annotations of recognition, and the class to use instead."""

import asyncio
import warnings
from functools import reduce
from operator import add
from typing import Any

import pytest
from langchain_core.messages import AIMessageChunk, HumanMessage
from llama_index.core.base.llms.types import AudioBlock, ChatMessage

from langchain_qwen import ChatQwen
from llama_index_qwen import Qwen
from qwen_core.errors import UnsupportedFeatureError
from qwen_emulator import Emulator
from tests.speech.conftest import KEY, collected

URL = "https://example.com/a.wav"
CONTENT: list[Any] = [{"type": "audio", "url": URL}]


@pytest.mark.parametrize("protocol", ["openai", "dashscope"])
@pytest.mark.parametrize("way", ["invoke", "ainvoke", "stream", "astream"])
def test_chat_with_a_recognition_model_keeps_its_annotations(protocol: Any, way: str, service: Emulator) -> None:
    model = ChatQwen(model="qwen3-asr-flash", api_key=KEY, base_url=service.base_url, protocol=protocol)
    messages = [HumanMessage(CONTENT)]
    if way == "invoke":
        message: Any = model.invoke(messages)
    elif way == "ainvoke":
        message = asyncio.run(model.ainvoke(messages))
    else:
        chunks: list[AIMessageChunk] = (
            list(model.stream(messages)) if way == "stream" else asyncio.run(collected(model.astream(messages)))
        )
        message = reduce(add, chunks)
    assert message.text == "Good morning. How can I help you?"
    expected = [{"type": "audio_info", "language": "en", "emotion": "neutral"}]
    assert message.response_metadata["annotations"] == expected


@pytest.mark.parametrize("protocol", ["openai", "dashscope"])
def test_llm_with_a_recognition_model_keeps_its_annotations(protocol: Any, service: Emulator) -> None:
    llm = Qwen(model="qwen3-asr-flash", api_key=KEY, base_url=service.base_url, protocol=protocol)
    message = ChatMessage(role="user", blocks=[AudioBlock(url=URL, format="wav")])
    response = llm.chat([message])
    assert "neutral" in str(response.raw)


@pytest.mark.parametrize(
    ("model", "langchain", "llama_index"),
    [
        ("fun-asr", "QwenAudioParser", "QwenAudioReader"),
        ("qwen3-asr-flash-filetrans", "QwenAudioParser", "QwenAudioReader"),
        ("qwen3-tts-flash", "QwenTextToSpeech", "QwenSpeechToolSpec"),
        ("cosyvoice-v3-flash", "QwenTextToSpeech", "QwenSpeechToolSpec"),
    ],
)
def test_chat_classes_name_the_class_for_speech_before_anything_is_sent(
    model: str, langchain: str, llama_index: str, service: Emulator
) -> None:
    pytest.importorskip("qwen_core.prepare.kinds")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(UnsupportedFeatureError, match=langchain):
            ChatQwen(model=model, api_key=KEY, base_url=service.base_url).invoke("Hi.")
        with pytest.raises(UnsupportedFeatureError, match=llama_index):
            Qwen(model=model, api_key=KEY, base_url=service.base_url).complete("Hi.")
    assert not service.requests
