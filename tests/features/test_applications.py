"""Applications: agents, workflows and chat services, on exact bytes and on the emulator, over every surface."""

import asyncio
import json
import pickle
from collections.abc import Iterator
from functools import reduce
from operator import add
from typing import Any, NamedTuple

import pytest
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from llama_index.core.base.llms.types import ChatMessage, CitationBlock

from langchain_qwen import ChatQwenApplication
from langchain_qwen.errors import QwenError as LangChainQwenError
from llama_index_qwen import QwenApplication
from qwen_core import (
    ApplicationRequest,
    AsyncQwenApplications,
    ClientSettings,
    Message,
    QwenApplications,
    TextPart,
)
from qwen_core.errors import (
    AuthenticationError,
    BadRequestError,
    IncompleteStreamError,
    InvalidResponseError,
    NotFoundError,
    QwenError,
    RateLimitError,
    UnsupportedFeatureError,
)
from qwen_core.execution.service_plans import plan_application
from qwen_core.types.accumulator import accumulate
from qwen_emulator import Emulator, Failure
from tests.canned_server import KEY, Canned, CannedServer, canned_server, event_stream

APP = "b7250cba01"
PATH = f"/api/v1/apps/{APP}/completion"
CHAT = "/api/v2/apps/knowledge/chat"
RESPONSES = f"/api/v2/apps/agent/{APP}/compatible-mode/v1/responses"

FRAMEWORKS = ("core", "langchain", "llama_index")
WAYS = ("whole", "stream", "async_whole", "async_stream")

OBSERVED = [{"content": "x", "dataName": "Patterns", "referenceIndex": 1, "score": 0.5756, "title": "T"}]
THOUGHTS = [
    {"action_type": "agentRag", "action": "rag", "arguments": "{}", "observation": json.dumps(OBSERVED)},
    {"action_type": "api", "action": "memory", "arguments": '{"q":1}', "observation": "not [JSON"},
]
REFERENCES = [
    {
        "index_id": "1",
        "title": "Title",
        "doc_id": "file_1",
        "doc_name": "Patterns",
        "text": "t",
        "images": ["http://i"],
    },
    {"index_id": "4", "title": "", "doc_id": "file_2", "doc_name": "Other", "doc_url": "https://d/4", "text": "u"},
]
ANSWER = "xUnit<ref>[1]</ref> and more<ref>[4]</ref>."
MODELS = {
    "models": [
        {"model_id": "qwen-max", "input_tokens": 20, "output_tokens": 9},
        {"model_id": "r", "input_tokens": 3, "output_tokens": 1},
    ]
}


def output(text: str | None, finish: str | None = "null", **fields: Any) -> dict[str, Any]:
    """Return a chunk of the completion API."""
    texts = {} if text is None else {"text": text}
    return {
        "output": {"session_id": "s-1", "finish_reason": finish, **texts, **fields},
        "usage": MODELS,
        "request_id": "r-1",
    }


WHOLE = output(ANSWER, "stop", thoughts=THOUGHTS, doc_references=REFERENCES)
STREAM = event_stream(
    output("xUnit<re", thoughts=THOUGHTS[:1]),
    output("f>[1]</"),
    output("ref> and ", doc_references=REFERENCES[:1], thoughts=THOUGHTS),
    output("more<ref>[4]</ref>", doc_references=REFERENCES),
    output(".", doc_references=REFERENCES),
    output("", "stop", doc_references=REFERENCES),
)


class Seen(NamedTuple):
    """What a surface shows of a response."""

    text: str
    data: dict[str, Any]
    citations: list[tuple[int, int | None, int | None]]
    tokens: int | None
    chunks: int


@pytest.fixture
def server() -> Iterator[CannedServer]:
    with canned_server() as server:
        yield server


@pytest.fixture(params=FRAMEWORKS)
def framework(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def ask(framework: str, way: str, url: str, app_id: str = APP, **fields: Any) -> Seen:
    """Ask one question over one surface."""
    if framework == "core":
        return ask_core(way, url, app_id, fields)
    if framework == "langchain":
        return ask_langchain(
            way, ChatQwenApplication(app_id=app_id, api_key=KEY, base_url=url, max_retries=0, **fields)
        )
    return ask_llama_index(way, QwenApplication(app_id=app_id, api_key=KEY, base_url=url, max_retries=0, **fields))


def ask_core(way: str, url: str, app_id: str, fields: dict[str, Any]) -> Seen:
    """Ask the core."""
    settings = ClientSettings(api_key=KEY, base_url=url, max_retries=0)
    request = ApplicationRequest(app_id=app_id, messages=(Message("user", (TextPart("Hello"),)),), **fields)

    async def collect() -> list[Any]:
        return [event async for event in AsyncQwenApplications(settings).stream(request)]

    events: list[Any] = []
    if way == "whole":
        response = QwenApplications(settings).generate(request)
    elif way == "async_whole":
        response = asyncio.run(AsyncQwenApplications(settings).generate(request))
    else:
        events = list(QwenApplications(settings).stream(request)) if way == "stream" else asyncio.run(collect())
        response = accumulate(events)
    spans = {span.index: (span.start, span.end) for span in response.choices[0].spans}
    cited = [(c.index, *spans.get(c.index, (None, None))) for c in response.citations]
    tokens = response.usage.total_tokens if response.usage else None
    return Seen(response.text, response.extras or {}, cited, tokens, len(events))


def ask_langchain(way: str, model: ChatQwenApplication) -> Seen:
    """Ask LangChain's model."""

    async def collect() -> list[AIMessageChunk]:
        return [chunk async for chunk in model.astream("Hello")]

    chunks: list[AIMessageChunk] = []
    message: AIMessage
    if way == "whole":
        message = model.invoke("Hello")
    elif way == "async_whole":
        message = asyncio.run(model.ainvoke("Hello"))
    else:
        chunks = list(model.stream("Hello")) if way == "stream" else asyncio.run(collect())
        message = reduce(add, chunks)
    text = next((block for block in message.content_blocks if block["type"] == "text"), None)
    notes: list[Any] = list(text.get("annotations") or []) if text and text["type"] == "text" else []
    cited = [(note["extras"]["index"], note.get("start_index"), note.get("end_index")) for note in notes]
    usage = message.usage_metadata
    return Seen(
        message.text, message.response_metadata, cited, usage["total_tokens"] if usage else None, len(chunks)
    )


def ask_llama_index(way: str, llm: QwenApplication) -> Seen:
    """Ask LlamaIndex's LLM."""
    messages = [ChatMessage(role="user", content="Hello")]

    async def collect() -> list[Any]:
        return [chunk async for chunk in await llm.astream_chat(messages)]

    chunks: list[Any] = []
    if way == "whole":
        response = llm.chat(messages)
    elif way == "async_whole":
        response = asyncio.run(llm.achat(messages))
    else:
        chunks = list(llm.stream_chat(messages)) if way == "stream" else asyncio.run(collect())
        response = chunks[-1]
        assert "".join(chunk.delta for chunk in chunks) == response.message.content
    infos = [b.additional_location_info for b in response.message.blocks if isinstance(b, CitationBlock)]
    cited = [(info["index"], info.get("start_index"), info.get("end_index")) for info in infos]
    data = response.raw
    assert isinstance(data, dict)
    usage = data.get("usage") or {}
    return Seen(response.message.content or "", data, cited, usage.get("total_tokens"), len(chunks))


def test_agent_response_has_session_thoughts_and_cited_references(
    server: CannedServer, framework: str, way: str
) -> None:
    server.on(PATH, STREAM if "stream" in way else Canned(WHOLE))
    seen = ask(framework, way, server.url, has_thoughts=True)
    assert seen.text == ANSWER
    assert seen.citations == [(1, 5, 19), (4, 28, 42)]
    assert seen.data["session_id"] == "s-1"
    assert [reference.get("score") for reference in seen.data["doc_references"]] == [0.5756, None]
    assert seen.data["doc_references"][0]["images"] == ["http://i"]
    assert seen.data["thoughts"][0]["observation"] == OBSERVED
    assert seen.data["thoughts"][1]["observation"] == "not [JSON"
    assert seen.data["thoughts"][1]["arguments"] == {"q": 1}
    assert seen.tokens == 33
    body, headers = server.requests[0].body, server.requests[0].headers
    assert body["input"] == {"prompt": "Hello"}
    assert headers["authorization"] == f"Bearer {KEY}"
    if "stream" in way:
        assert seen.chunks == 6  # five deltas and the end
        assert body["parameters"] == {"has_thoughts": True, "incremental_output": True}
        assert headers["x-dashscope-sse"] == "enable"
    else:
        assert body["parameters"] == {"has_thoughts": True}


def test_workflow_without_usage_or_references(server: CannedServer, framework: str, way: str) -> None:
    chunk = {
        "output": {"finish_reason": "stop", "session_id": "s-1", "text": "code"},
        "usage": {},
        "request_id": "r",
    }
    nulls = {**chunk, "output": {**chunk["output"], "doc_references": None, "thoughts": None}}  # type: ignore[dict-item]
    server.on(PATH, event_stream(nulls) if "stream" in way else Canned(nulls))
    seen = ask(framework, way, server.url, biz_params={"city": "Rome"})
    assert (seen.text, seen.citations, seen.tokens) == ("code", [], None)
    assert server.requests[0].body["input"] == {"prompt": "Hello", "biz_params": {"city": "Rome"}}


def flow(
    kind: str, content: str, *, node: str = "n", done: bool = False, parent: str | None = None
) -> dict[str, Any]:
    """Return a chunk with a workflow message."""
    message = {
        "node_id": node,
        "node_name": node,
        "node_type": kind,
        "node_is_completed": done,
        "parent_node_id": parent,
    }
    return output(None, workflow_message={**message, "message": {"role": "assistant", "content": content}})


@pytest.mark.parametrize("way", ["stream", "async_stream"])
def test_workflow_messages_are_data_and_the_end_node_is_the_answer(
    server: CannedServer, framework: str, way: str
) -> None:
    first = json.dumps({"nodeId": "LLM_1", "nodeStatus": "executing"})
    second = json.dumps({"nodeId": "LLM_1", "nodeStatus": "success", "output": "{}"})
    server.on(
        PATH,
        event_stream(
            flow("LLM", first, node="LLM_1"),
            flow("LLM", second, node="LLM_1", done=True),
            flow("LLM", first, node="LLM_1", parent="Loop_1", done=True),
            flow("OUTPUT", "It ", node="out"),
            flow("OUTPUT", "is ", node="out", done=True),
            flow("END", "done.", node="end", done=True),
            output(None, "stop"),
        ),
    )
    seen = ask(framework, way, server.url, flow_stream_mode="message_format_plus")
    assert seen.text == "It is done."
    messages = seen.data["workflow_messages"]
    assert [(m["node_id"], m["parent_node_id"]) for m in messages] == [
        ("LLM_1", None),
        ("LLM_1", "Loop_1"),
        ("out", None),
        ("end", None),
    ]
    assert messages[0]["content"] == json.loads(second)
    assert messages[2]["content"] == "It is "


def chat_frame(content: str, group: str = "generating", finish: str = "", **fields: Any) -> dict[str, Any]:
    """Return a frame of a chat service."""
    message = {
        "role": "assistant",
        "content": content,
        "type": "ai",
        "tool_calls": [],
        "extra": {"group": group},
        **fields,
    }
    return {
        "code": "200",
        "request_id": "r-1",
        "output": {"choices": [{"message": message, "finish_reason": finish}]},
    }


DOCS = [{"_id": "c1", "doc_name": "phones", "doc_url": "https://d/1", "text": "X1"}]
FRAMES = (
    chat_frame("Look it up.", "planning"),
    chat_frame("", "planning", tool_calls=[{"id": "t1", "name": "semantic_search"}]),
    chat_frame(
        "[]",
        "planning",
        type="tool",
        role="tool",
        tool_call_id="t1",
        additional_kwargs={"extra_json": {"docs": DOCS}},
    ),
    chat_frame("[]", "planning", type="tool", additional_kwargs={"extra_json": json.dumps({"docs": DOCS})}),
    chat_frame("The X1"),
    chat_frame(" has it.", finish="stop"),
    {
        "code": "200",
        "output": {"choices": []},
        "usage": {"input_tokens": 7, "output_tokens": 3, "total_tokens": 10},
    },
)


def test_knowledge_chat_service_streams_on_every_surface(server: CannedServer, framework: str, way: str) -> None:
    body = "".join(f"event:message\ndata:{json.dumps(frame)}\n\n" for frame in FRAMES)
    server.on(CHAT, Canned(body, content_type="text/event-stream"))
    seen = ask(framework, way, server.url, "aid-1", session_files=["file_session_1"])
    assert (seen.text, seen.citations, seen.tokens) == ("The X1 has it.", [(1, None, None)], 10)
    assert [step["type"] for step in seen.data["thoughts"]] == ["tool_call", "tool_result", "tool_result"]
    assert seen.data["doc_references"] == [{"index_id": "1", **DOCS[0]}]
    sent = server.requests[0].body
    assert sent["input"] == {"messages": [{"role": "user", "content": "Hello"}]}
    assert sent["parameters"] == {"agent_options": {"agent_id": "aid-1", "session_files": ["file_session_1"]}}
    assert sent["stream"] is True


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        ({"code": "InvalidApiKey", "message": "no key", "request_id": "r"}, AuthenticationError),
        ({"code": "AgentApp.NotFound", "message": "unpublished", "status_code": 500}, NotFoundError),
        ({"error": {"code": "RATE_LIMITED", "message": "slow"}}, RateLimitError),
    ],
)
def test_error_frame_of_a_chat_service_is_typed(
    server: CannedServer, framework: str, way: str, frame: dict[str, Any], kind: type[QwenError]
) -> None:
    server.on(CHAT, Canned(f"event:error\ndata:{json.dumps(frame)}\n\n", content_type="text/event-stream"))
    with pytest.raises(kind) as caught:
        ask(framework, way, server.url, "aid-1")
    assert isinstance(caught.value, LangChainQwenError) is (framework == "langchain")


def test_application_over_the_responses_api(server: CannedServer, framework: str, way: str) -> None:
    part = {"type": "output_text", "text": "Hi there", "annotations": []}
    item = {"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": [part]}
    usage = {"input_tokens": 4, "output_tokens": 2, "total_tokens": 6}
    whole = {
        "id": "resp",
        "object": "response",
        "model": "",
        "status": "completed",
        "output": [item],
        "usage": usage,
    }
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": {**whole, "status": "in_progress", "output": []}},
        {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "Hi "},
        {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "there"},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": whole},
    ]
    server.on(RESPONSES, event_stream(*events) if "stream" in way else Canned(whole))
    seen = ask(framework, way, server.url, api="responses", files=["https://a/b.pdf"], biz_params={"a": 1})
    assert (seen.text, seen.tokens) == ("Hi there", 6)
    sent = server.requests[0].body
    assert sent["biz_params"] == {"a": 1} and "model" not in sent
    assert sent["input"] == [
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "Hello"},
                {"type": "input_file", "file_url": "https://a/b.pdf"},
            ],
        }
    ]


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (Canned({"code": "InvalidApiKey", "message": "no", "request_id": "r"}, 401), AuthenticationError),
        (Canned({"code": "InvalidApiKey", "message": "no", "request_id": "r"}), AuthenticationError),
        (
            Canned({"code": "InvalidParameter", "message": "session expired", "request_id": "r"}, 400),
            BadRequestError,
        ),
        (
            Canned({"code": "App.NotFound", "message": "no app", "status_code": 404, "success": False}),
            NotFoundError,
        ),
        (Canned(b"<html>"), InvalidResponseError),
        (Canned(output("Begun", "null")), IncompleteStreamError),
    ],
)
def test_failed_application_raises_a_typed_error(
    server: CannedServer, framework: str, way: str, response: Canned, kind: type[QwenError]
) -> None:
    if kind is IncompleteStreamError and "stream" in way:
        response = event_stream(output("Begun"))
    server.on(PATH, response)
    with pytest.raises(kind) as caught:
        ask(framework, way, server.url)
    assert KEY not in str(caught.value)
    if kind is IncompleteStreamError:
        assert caught.value.partial is not None and caught.value.partial.text == "Begun"


def test_error_within_a_stream_keeps_what_had_arrived(server: CannedServer, framework: str) -> None:
    begun = event_stream(output("Begun"))
    failed = (
        b'id:2\nevent:error\n:HTTP_STATUS/429\ndata:{"code":"Throttling","message":"slow","request_id":"r"}\n\n'
    )
    assert isinstance(begun.body, str)
    server.on(PATH, begun._replace(body=begun.body.encode() + failed))
    with pytest.raises(RateLimitError) as caught:
        ask(framework, "stream", server.url)
    assert caught.value.partial is not None and caught.value.partial.text == "Begun"


def test_cumulative_stream_is_read_too(server: CannedServer) -> None:
    server.on(PATH, event_stream(output("One"), output("One two"), output("One two", "stop")))
    seen = ask("core", "stream", server.url, extra_body={"parameters": {"incremental_output": False}})
    assert seen.text == "One two"


# What is sent.


def test_session_gets_only_what_is_new(server: CannedServer) -> None:
    server.on(PATH, Canned(WHOLE))
    model = ChatQwenApplication(
        app_id=APP,
        api_key=KEY,
        base_url=server.url,
        use_previous_session=True,
        rag_options={"pipeline_ids": ["a"]},
    )
    first = model.invoke("One?")
    history: list[BaseMessage] = [HumanMessage("One?"), first, HumanMessage("Two?")]
    model.invoke(history)
    model.invoke(history, session_id="s-2")
    sent = [request.body["input"] for request in server.requests]
    assert sent[0] == {"prompt": "One?"}
    assert sent[1] == {"prompt": "Two?", "session_id": "s-1"}
    assert sent[2] == {"prompt": "Two?", "session_id": "s-2"}
    assert server.requests[0].body["parameters"] == {"rag_options": {"pipeline_ids": ["a"]}}


def test_llama_index_continues_the_previous_session(server: CannedServer) -> None:
    server.on(PATH, Canned(WHOLE))
    llm = QwenApplication(app_id=APP, api_key=KEY, base_url=server.url, use_previous_session=True)
    first = llm.chat([ChatMessage(role="user", content="One?")])
    llm.chat([ChatMessage(role="user", content="One?"), first.message, ChatMessage(role="user", content="Two?")])
    assert server.requests[1].body["input"] == {"prompt": "Two?", "session_id": "s-1"}


def test_history_without_session_is_sent_as_messages(server: CannedServer) -> None:
    server.on(PATH, Canned(WHOLE))
    model = ChatQwenApplication(app_id=APP, api_key=KEY, base_url=server.url)
    picture = {"type": "image", "url": "https://a/1.png"}
    model.invoke(
        [SystemMessage("Be brief."), AIMessage("Hi"), HumanMessage([{"type": "text", "text": "This?"}, picture])]
    )
    assert server.requests[0].body["input"] == {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "assistant", "content": "Hi"},
            {"role": "user", "content": "This?"},
        ],
        "image_list": ["https://a/1.png"],
    }


@pytest.mark.parametrize(
    ("app_id", "fields", "words"),
    [
        (APP, {"session_files": ["a"]}, "session_files"),
        ("aid-1", {"session_id": "a"}, "session_id"),
        ("aid-1", {"temperature": 0.1}, "temperature"),
        (APP, {"api": "responses", "rag_options": {"pipeline_ids": ["a"]}}, "rag_options"),
        ("..", {}, "not a valid id"),
    ],
)
def test_parameters_of_another_api_are_refused(app_id: str, fields: dict[str, Any], words: str) -> None:
    model = ChatQwenApplication(app_id=app_id, api_key=KEY, base_url="http://127.0.0.1:1", **fields)
    with pytest.raises(BadRequestError, match=words):
        model.invoke("Hello")


def test_tools_and_unknown_arguments_are_refused() -> None:
    model = ChatQwenApplication(app_id=APP, api_key=KEY, base_url="http://127.0.0.1:1")
    with pytest.raises(UnsupportedFeatureError, match="stop"):
        model.invoke("Hello", stop=["x"])
    with pytest.raises(UnsupportedFeatureError, match="tool"):
        model.invoke([HumanMessage("a"), ToolMessage("b", tool_call_id="c")])
    with pytest.raises(BadRequestError, match="user"):
        model.invoke([AIMessage("a")])


def test_hosts_of_applications() -> None:
    def base_url(**fields: Any) -> tuple[str, dict[str, str]]:
        request = ApplicationRequest(
            app_id=fields.pop("app_id", APP), messages=(Message("user", (TextPart("a"),)),)
        )
        settings = ClientSettings(api_key=KEY, **fields)
        connection = plan_application(request, settings, asynchronous=False, stream=False).connection
        return connection.base_url, dict(connection.headers)

    assert base_url() == ("https://dashscope.aliyuncs.com/api/v1", {})
    assert base_url(workspace="llm-1") == (
        "https://dashscope.aliyuncs.com/api/v1",
        {"X-DashScope-WorkSpace": "llm-1"},
    )
    assert base_url(app_id="aid-1", workspace="llm-1")[0] == "https://llm-1.cn-beijing.maas.aliyuncs.com/api/v2"
    with pytest.raises(UnsupportedFeatureError, match="workspace"):
        base_url(app_id="aid-1")


def test_plugin_tokens_are_not_shown_or_stored() -> None:
    secret = {"user_defined_tokens": {"t": {"user_token": "secret-token"}}}
    model = ChatQwenApplication(app_id=APP, api_key=KEY, biz_params=secret)
    llm = QwenApplication(app_id=APP, api_key=KEY, biz_params=secret)
    shown = [repr(model), str(model._identifying_params), str(model.model_dump()), repr(llm), str(llm.to_dict())]
    assert not [text for text in shown if "secret-token" in text or KEY in text]
    assert pickle.loads(pickle.dumps(model)).biz_params == secret


# The emulator.


@pytest.fixture
def emulator(shared_emulator: Emulator) -> Iterator[Emulator]:
    shared_emulator.reset()
    yield shared_emulator
    shared_emulator.reset()


@pytest.mark.parametrize("app_id", ["emulator-agent", "emulator-workflow", "aid-emulator"])
def test_emulator_has_an_application_of_each_kind(
    emulator: Emulator, framework: str, way: str, app_id: str
) -> None:
    seen = ask(framework, way, emulator.base_url, app_id)
    assert seen.text
    if app_id != "emulator-workflow":
        assert seen.data["doc_references"][0]["doc_name"]
    emulator.reply("Scripted<ref>[1]</ref>.")
    assert ask(framework, way, emulator.base_url, app_id).text == "Scripted<ref>[1]</ref>."


@pytest.mark.parametrize("mode", ["message_format", "message_format_plus"])
def test_emulated_workflow_streams_messages(emulator: Emulator, mode: str) -> None:
    seen = ask("core", "stream", emulator.base_url, "emulator-workflow", flow_stream_mode=mode)
    assert seen.text == seen.data["workflow_messages"][-1]["content"] == "The workflow received 'Hello'."


def test_emulated_session_and_filters(emulator: Emulator) -> None:
    model = ChatQwenApplication(app_id="emulator-agent", api_key=KEY, base_url=emulator.base_url, max_retries=0)
    emulator.knowledge.add_base("other", {"a": "Cats sleep.", "b": "Cats purr."})
    options = {"pipeline_ids": ["other"], "metadata_filter": {"doc_name": "b"}}
    first = model.invoke("Cats", rag_options=options)
    assert first.text == "Cats purr.<ref>[1]</ref>"
    model.invoke("Again", session_id=first.response_metadata["session_id"])
    with pytest.raises(BadRequestError, match="session"):
        model.invoke("Again", session_id="expired")
    with pytest.raises(NotFoundError):
        model.model_copy(update={"app_id": "missing"}).invoke("Again")
    emulator.reply(Failure.named("rate_limit", after_chunks=1))
    with pytest.raises(RateLimitError):
        list(model.stream("Again"))
