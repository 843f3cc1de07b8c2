"""JSON encoding of user values: sent as the text or number they are, or refused with their path."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy
import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from llama_index.core.base.llms.types import ChatMessage, TextBlock, ToolCallBlock

from langchain_qwen import ChatQwen
from llama_index_qwen import Qwen
from qwen_core import ChatRequest, ClientSettings, EmbeddingRequest, QwenClient, RerankRequest
from qwen_core.adapters.tool_arguments import parse_arguments
from qwen_core.errors import UnsupportedFeatureError
from qwen_core.types.json import encode_json
from qwen_core.types.messages import Message, TextPart
from qwen_emulator import Emulator
from tests.core.conftest import KEY
from tests.core.surfaces import WAYS, Run


class Text(str):
    """A str subclass, as LangChain and numpy have them."""

    __slots__ = ()

    def __str__(self) -> str:
        return "something else"


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ({"a": [Text("é")]}, b'{"a":["\xc3\xa9"]}'),
        (numpy.str_("a"), b'"a"'),
        (numpy.int64(3), b"3"),
        (numpy.float32(1.5), b"1.5"),
        (numpy.float64(1.5), b"1.5"),
    ],
)
def test_str_subclasses_and_numpy_scalars_are_encoded(value: Any, wanted: bytes) -> None:
    assert encode_json(value) == wanted


def test_value_without_json_form_is_refused_naming_its_type() -> None:
    with pytest.raises(UnsupportedFeatureError, match=r"builtins\.object"):
        encode_json({"a": object()})


LONE_SURROGATE = "caf\N{LATIN SMALL LETTER E WITH ACUTE} \ud83d"
NON_JSON_ARGUMENTS = {
    "day": date(2026, 11, 23),
    "moment": datetime(2026, 11, 23, tzinfo=UTC),
    "price": Decimal("1.10"),
    "id": UUID(int=1),
    "set": {1},
    "count": numpy.int64(3),
    "half": LONE_SURROGATE,
}
ENCODED_ARGUMENTS = {
    "day": "2026-11-23",
    "moment": "2026-11-23T00:00:00Z",
    "price": "1.10",
    "id": "00000000-0000-0000-0000-000000000001",
    "set": [1],
    "count": 3,
    "half": LONE_SURROGATE,
}


@pytest.mark.parametrize("way", WAYS)
def test_lone_surrogate_in_message_is_refused_with_its_path(way: Run, settings: ClientSettings) -> None:
    messages = (Message("user", (TextPart("Hi"),)), Message("user", (TextPart(LONE_SURROGATE),)))
    with pytest.raises(UnsupportedFeatureError, match=r"messages\[1\]\.content .*U\+D83D.*Repair") as caught:
        way(settings, ChatRequest(model="qwen-plus", messages=messages))
    assert LONE_SURROGATE not in str(caught.value)


def test_lone_surrogate_in_embedding_and_rerank_is_refused(settings: ClientSettings) -> None:
    client = QwenClient(settings)
    with pytest.raises(UnsupportedFeatureError, match=r"\[1\] contains a lone surrogate"):
        client.embed(EmbeddingRequest(model="text-embedding-v4", texts=("a", LONE_SURROGATE)))
    with pytest.raises(UnsupportedFeatureError, match=r"\[1\] contains a lone surrogate"):
        client.rerank(
            RerankRequest(
                model="qwen3-rerank", query=TextPart("a"), documents=(TextPart("a"), TextPart(LONE_SURROGATE))
            )
        )


NON_FINITE_NUMBERS = [
    ({"temperature": float("nan")}, "temperature cannot be encoded as JSON: .*nan"),
    ({"extra_body": {"a": {"b": [1.0, float("-inf")]}}}, r"a\.b\[1\] cannot be encoded as JSON: .*-inf"),
    ({"extra_body": {"a": numpy.float32("inf")}}, "a cannot be encoded as JSON: .*inf"),
]


@pytest.mark.parametrize(("fields", "place"), NON_FINITE_NUMBERS)
@pytest.mark.parametrize("way", WAYS)
def test_nan_and_infinity_are_refused_with_their_path(
    way: Run, fields: dict[str, Any], place: str, settings: ClientSettings, qwen_emulator: Emulator
) -> None:
    request = ChatRequest(model="qwen-plus", messages=(Message("user", (TextPart("Hi"),)),), **fields)
    with pytest.raises(UnsupportedFeatureError, match=place):
        way(settings, request)
    address: dict[str, Any] = {"api_key": KEY, "base_url": settings.base_url, "protocol": settings.protocol}
    with pytest.raises(UnsupportedFeatureError, match=place):
        ChatQwen(**address, **fields).invoke("Hi")
    with pytest.raises(UnsupportedFeatureError, match=place):
        Qwen(**address, **fields).complete("Hi")
    assert not qwen_emulator.requests


def test_explicit_none_is_encoded_as_null() -> None:
    assert encode_json({"a": None, "b": [0.5, {"c": "null"}]}) == b'{"a":null,"b":[0.5,{"c":"null"}]}'


def test_self_referencing_value_is_refused() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(UnsupportedFeatureError, match="contains itself"):
        encode_json(value)


def ask_langchain(model: ChatQwen, messages: list[BaseMessage]) -> list[Callable[[], object]]:
    async def astream() -> object:
        return [chunk async for chunk in model.astream(messages)]

    return [
        lambda: model.invoke(messages),
        lambda: list(model.stream(messages)),
        lambda: asyncio.run(model.ainvoke(messages)),
        lambda: asyncio.run(astream()),
    ]


def ask_llama_index(model: Qwen, messages: list[ChatMessage]) -> list[Callable[[], object]]:
    async def astream() -> object:
        return [chunk async for chunk in await model.astream_chat(messages)]

    return [
        lambda: model.chat(messages),
        lambda: list(model.stream_chat(messages)),
        lambda: asyncio.run(model.achat(messages)),
        lambda: asyncio.run(astream()),
    ]


def langchain_history(arguments: dict[str, Any], result: Any) -> list[BaseMessage]:
    call = {"id": "call_1", "name": "book", "args": arguments}
    return [HumanMessage("Hi"), AIMessage("", tool_calls=[call]), ToolMessage(result, tool_call_id="call_1")]


def llama_index_history(arguments: dict[str, Any], result: str) -> list[ChatMessage]:
    call = ToolCallBlock(tool_call_id="call_1", tool_name="book", tool_kwargs=arguments)
    return [
        ChatMessage("Hi"),
        ChatMessage(role="assistant", blocks=[call]),
        ChatMessage(role="tool", blocks=[TextBlock(text=result)], additional_kwargs={"tool_call_id": "call_1"}),
    ]


@pytest.mark.parametrize("way", range(4))
@pytest.mark.parametrize("framework", ["langchain", "llama_index"])
def test_tool_call_arguments_in_history_are_encoded_as_json_or_refused(
    settings: ClientSettings, qwen_emulator: Emulator, framework: str, way: int
) -> None:
    fields: dict[str, Any] = {"api_key": KEY, "base_url": settings.base_url, "protocol": settings.protocol}

    def ask(arguments: dict[str, Any], result: str) -> object:
        if framework == "langchain":
            return ask_langchain(ChatQwen(**fields), langchain_history(arguments, result))[way]()
        return ask_llama_index(Qwen(**fields), llama_index_history(arguments, result))[way]()

    ask(NON_JSON_ARGUMENTS, "done")
    (call,) = qwen_emulator.requests[-1].messages[1]["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == ENCODED_ARGUMENTS
    with pytest.raises(
        UnsupportedFeatureError, match=r"^messages\[1\]: a cannot be encoded as JSON: .*builtins\.object"
    ):
        ask({"a": object()}, "done")
    with pytest.raises(UnsupportedFeatureError, match=r"^messages\[1\]: b\[0\] cannot be encoded as JSON"):
        ask({"b": [float("nan")]}, "done")
    with pytest.raises(UnsupportedFeatureError, match=r"messages\[2\]\.content contains a lone surrogate"):
        ask({}, LONE_SURROGATE)


def test_escaped_lone_surrogate_in_tool_arguments_is_parsed() -> None:
    assert parse_arguments('{"a": "\\ud83d"}') == ({"a": "\ud83d"}, None)
    assert parse_arguments('{"a": "\\ud83d')[0] is None
