"""Media without the limits of Alibaba's service, errors that know the server, gateways and their aliases."""

import json
import warnings
from pathlib import Path
from typing import Any

import httpx
import pytest
from langchain_core.exceptions import OutputParserException
from langchain_core.messages import HumanMessage
from llama_index.core.base.llms.types import ChatMessage, ImageBlock
from pydantic import BaseModel

from langchain_qwen import ChatQwen, QwenEmbeddings, QwenRerank
from llama_index_qwen import Qwen
from qwen_core.errors import (
    AuthenticationError,
    BadRequestError,
    ContextOverflowError,
    NotFoundError,
    QwenError,
    QwenWarning,
)
from qwen_core.protocols.error_decoding import decode_error
from qwen_emulator import Emulator
from tests.self_hosted.test_chat import chain_model, index_model

GIF = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
PRIVATE = "http://192.168.1.5/a.png"


def image(**fields: str) -> list[HumanMessage]:
    return [HumanMessage([{"type": "text", "text": "?"}, {"type": "image", **fields}])]


def test_media_limits_of_alibabas_service_do_not_apply_to_self_hosted_servers(
    service: Emulator, server: str, tmp_path: Path
) -> None:
    small, large = image(base64=GIF, mime_type="image/gif"), image(base64="A" * 11_000_000, mime_type="image/x")
    model = chain_model(service, server, allow_local_files=True)
    (tmp_path / "a.gif").write_bytes(b"GIF89a")
    for messages in (small, large, image(url=(tmp_path / "a.gif").as_uri())):
        model.invoke(messages)
        assert service.last_request.messages[0]["content"][1]["image_url"]["url"].startswith("data:image/")
    alibaba = ChatQwen(model="qwen3-vl-plus", api_key="k", base_url=service.base_url)
    for messages in (small, large):
        with pytest.raises(BadRequestError):
            alibaba.invoke(messages)
    for data in ("", "?"):
        with pytest.raises(BadRequestError, match=r"empty|base64"):
            model.invoke(image(url=f"data:image/png;base64,{data}"))


async def test_private_media_urls_are_sent_only_where_they_are_allowed(service: Emulator, server: str) -> None:
    messages = image(url=PRIVATE)
    with pytest.raises(BadRequestError, match="allow_private_media_urls=True"):
        chain_model(service, server).invoke(messages)
    assert service.requests == []
    for allowed in (chain_model(service, server, allow_private_media_urls=True), chain_model(service, server)):
        await allowed.ainvoke(messages, allow_private_media_urls=True)
        assert service.last_request.messages[0]["content"][1]["image_url"]["url"] == PRIVATE
    blocks = [ChatMessage(blocks=[ImageBlock(url=PRIVATE)])]
    with pytest.raises(BadRequestError, match="allow_private_media_urls=True"):
        index_model(service, server).chat(blocks)
    index_model(service, server, allow_private_media_urls=True).chat(blocks)
    alibaba = ChatQwen(
        model="qwen3-vl-plus", api_key="k", base_url=service.base_url, allow_private_media_urls=True
    )
    with pytest.raises(BadRequestError, match="not a public address") as caught:
        alibaba.invoke(messages)
    assert "allow_private" not in str(caught.value)


DETAILS = {
    '{"detail": "Not Found"}': "Not Found",
    '{"detail": [{"loc": ["body", "messages", 0], "msg": "Field required", "type": "missing"}]}': (
        "messages.0: Field required"
    ),
    '{"detail": [{"loc": ["body"], "msg": "a"}, {"loc": ["body", "b"], "msg": "c"}]}': ": a; b: c",
}


@pytest.mark.parametrize(("body", "message"), DETAILS.items(), ids=["text", "list", "two"])
def test_detail_of_fastapi_is_the_message(body: str, message: str) -> None:
    assert decode_error(422, body.encode(), {}).message == message
    assert "HTTP status" in decode_error(422, b'{"detail": []}', {}).message
    assert "HTTP status" in decode_error(422, b'{"detail": [1, {"msg": 2}]}', {}).message


LASTING: list[tuple[int, str, type[QwenError]]] = [
    (501, "This server does not support embeddings. Start it with `--embeddings`", BadRequestError),
    (501, "This server does not support reranking. Start it with `--reranking`", BadRequestError),
    (500, "image input is not supported - hint: you may need to provide the mmproj", BadRequestError),
    (500, "input (15000 tokens) is too large to process. increase the physical batch size", ContextOverflowError),
]


def server_of(status: int, body: Any) -> tuple[httpx.Client, list[httpx.Request]]:
    seen: list[httpx.Request] = []

    def respond(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(status, json=body)

    return httpx.Client(transport=httpx.MockTransport(respond)), seen


@pytest.mark.parametrize(("status", "message", "error"), LASTING)
def test_errors_that_cannot_go_away_are_not_retried(status: int, message: str, error: type[QwenError]) -> None:
    client, seen = server_of(status, {"error": {"code": status, "message": message, "type": "server_error"}})
    fields: dict[str, Any] = {"model": "q", "base_url": "http://localhost:8080/v1", "server": "llama.cpp"}
    with pytest.raises(error):
        QwenEmbeddings(**fields, http_client=client).embed_query("x")
    with pytest.raises(error):
        ChatQwen(**fields, http_client=client).invoke("x")
    assert len(seen) == 2


def test_hints_for_self_hosted_servers_name_base_url_and_no_region() -> None:
    cases: list[tuple[int, type[QwenError], str]] = [
        (404, NotFoundError, r"base_url \(http://localhost:8080/api\).*/api/models"),
        (401, AuthenticationError, "Pass the key that this server"),
        (403, QwenError, "Pass the key that this server"),
        (422, BadRequestError, "transformers serve"),
    ]
    for status, error, hint in cases:
        client, _ = server_of(status, {"detail": "No"})
        fields: dict[str, Any] = {"model": "q", "base_url": "http://localhost:8080/api", "http_client": client}
        chain, index = ChatQwen(**fields, api_key="k"), Qwen(**fields, api_key="k")
        for call in (chain.invoke, index.complete):
            with pytest.raises(error, match=hint) as caught:
                call("x")
            assert "region" not in str(caught.value) and "console" not in str(caught.value)


class City(BaseModel):
    """A city."""

    name: str
    country: str


BAD_ANSWERS = ["Paris, of course.", '{"name": 1}', "", "[1]"]


@pytest.mark.parametrize("text", BAD_ANSWERS)
@pytest.mark.parametrize("method", ["json_schema", "json_mode"])
async def test_structured_stream_raises_what_invoke_raises(service: Emulator, text: str, method: Any) -> None:
    service.reply(*[text] * 6)
    model = chain_model(service, "vllm")
    chain = model.with_structured_output(City, method=method)
    with pytest.raises(OutputParserException):
        chain.invoke("JSON?")
    with pytest.raises(OutputParserException):
        list(chain.stream("JSON?"))
    with pytest.raises(OutputParserException):
        [value async for value in chain.astream("JSON?")]
    raw: Any = model.with_structured_output(City, method=method, include_raw=True)
    whole = raw.invoke("JSON?")
    assert isinstance(whole["parsing_error"], OutputParserException) and whole["parsed"] is None
    for items in (list(raw.stream("JSON?")), [item async for item in raw.astream("JSON?")]):
        errors = [item["parsing_error"] for item in items if "parsing_error" in item]
        assert [type(error) for error in errors] == [OutputParserException]
        assert [item["parsed"] for item in items if "parsed" in item][-1] is None
        assert all("raw" in item or "parsed" in item or "parsing_error" in item for item in items)


def test_structured_stream_with_raw_ends_with_the_value(service: Emulator) -> None:
    text = json.dumps({"name": "Rome", "country": "Italy"})
    service.reply(text, text)
    raw: Any = chain_model(service, "vllm").with_structured_output(City, include_raw=True)
    items = list(raw.stream("JSON?"))
    assert [item["parsed"] for item in items if "parsed" in item][-1] == City(name="Rome", country="Italy")
    assert [item["parsing_error"] for item in items if "parsing_error" in item] == [None]
    assert raw.invoke("JSON?")["parsed"] == City(name="Rome", country="Italy")


def test_transformers_gets_only_what_it_knows() -> None:
    body = {"id": "c", "choices": [{"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop"}]}
    client, seen = server_of(200, body)
    model = ChatQwen(
        model="q",
        base_url="http://localhost:8000/v1",
        server="transformers",
        http_client=client,
        enable_thinking=False,
        top_k=5,
        repetition_penalty=1.1,
        n=2,
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.invoke([("user", "?"), ("assistant", "A")])
        model.bind(response_format={"type": "json_object"}).invoke("?")
    sent = [json.loads(request.content) for request in seen]
    known = {"model", "messages", "chat_template_kwargs"}
    assert [set(body) - known for body in sent] == [set(), set()]
    assert len([one for one in caught if one.category is QwenWarning]) >= 3


def gateway(model: str = "qwen-prod", **fields: Any) -> tuple[ChatQwen, list[httpx.Request]]:
    body = {"id": "c", "choices": [{"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop"}]}
    client, seen = server_of(200, body)
    given: dict[str, Any] = {"base_url": "http://127.0.0.1:4000/v1", "server": "dashscope", "api_key": "k"}
    return ChatQwen(model=model, http_client=client, **{**given, **fields}), seen


def test_auto_stays_on_the_compatible_protocol_behind_a_gateway() -> None:
    model, seen = gateway(enable_search=True)
    with pytest.warns(QwenWarning, match="base_url"):
        model.invoke("x")
    assert [request.url.path for request in seen] == ["/v1/chat/completions"]
    results = {"results": [{"index": 0, "relevance_score": 0.5}]}
    client, reranked = server_of(200, results)
    fields: dict[str, Any] = {"base_url": "http://127.0.0.1:4000/v1", "server": "dashscope", "api_key": "k"}
    QwenRerank(model="qwen3-rerank", http_client=client, **fields).rerank("q", ["a"])
    assert [request.url.path for request in reranked] == ["/v1/rerank"]


def test_base_model_gives_an_alias_the_profile_of_its_model() -> None:
    def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    for name, base_model in (("qwen3.7-plus", None), ("qwen-prod", "qwen3.7-plus")):
        model, seen = gateway(name, base_model=base_model)
        with pytest.warns(QwenWarning, match="without thinking"):
            model.bind_tools([add], tool_choice="add").invoke("x")
        sent = json.loads(seen[-1].content)
        assert (sent["model"], sent["enable_thinking"]) == (name, False)
    known, alias = gateway("qwen3.7-plus")[0], gateway("qwen-prod", base_model="qwen3.7-plus")[0]
    assert {**(alias.profile or {}), "name": "qwen3.7-plus"} == known.profile
    assert alias.get_num_tokens("Guten Tag") == known.get_num_tokens("Guten Tag")
    index = Qwen(model="qwen-prod", base_model="qwen3.7-plus", api_key="k")
    assert index.metadata.context_window == Qwen(model="qwen3.7-plus", api_key="k").metadata.context_window
