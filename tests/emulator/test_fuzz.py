"""No request, however odd, makes the emulator itself fail: it is refused or answered."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from qwen_emulator.requests import RecordedRequest
from qwen_emulator.routes import ROUTES
from qwen_emulator.service import Service, Settings

junk = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-3, 3) | st.sampled_from(["", "x", "user", "json"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "text", "x"]), inner),
    max_leaves=5,
)
text = st.sampled_from(
    ["Hi", "Count to 3", "What is the weather in Rome?", "as JSON {", "天气", "Action Input: Thought:"]
)
call = st.fixed_dictionaries(
    {
        "id": st.sampled_from(["1", "2"]),
        "function": st.fixed_dictionaries({"name": st.just("f"), "arguments": text}),
    }
)
part = (
    st.fixed_dictionaries({"type": st.sampled_from(["text", "image_url", "video", "file"]), "text": text}) | junk
)
message = (
    st.fixed_dictionaries(
        {"role": st.sampled_from(["system", "user", "assistant", "tool"])},
        optional={
            "content": text | st.lists(part, max_size=2) | junk,
            "tool_calls": st.lists(call, max_size=2) | junk,
            "tool_call_id": st.sampled_from(["1", "2"]) | junk,
            "partial": st.booleans(),
            "reasoning_content": text | junk,
        },
    )
    | junk
)
tool = (
    st.fixed_dictionaries(
        {
            "type": st.just("function"),
            "function": st.fixed_dictionaries(
                {"name": st.sampled_from(["f", "get_weather"])}, optional={"parameters": junk, "description": junk}
            ),
        }
    )
    | junk
)
parameters = st.fixed_dictionaries(
    {},
    optional={
        "tools": st.lists(tool, max_size=2) | junk,
        "tool_choice": st.sampled_from(["auto", "none"]) | junk,
        "response_format": st.sampled_from([{"type": "json_object"}, {"type": "json_schema"}]) | junk,
        "stop": junk,
        "n": junk,
        "max_tokens": junk,
        "stream_options": junk,
        "search_options": junk,
        "enable_search": junk,
        "logprobs": junk,
        "top_logprobs": junk,
        "modalities": junk,
        "reasoning_effort": junk,
        "thinking_budget": junk,
        "translation_options": junk,
        "result_format": st.just("message") | junk,
        "incremental_output": junk,
    },
)
models = st.sampled_from(["qwen-plus", "qwen3.8-max", "qwen-mt-plus", "qwen3-vl-plus", "anything"]) | junk
SERVICE = Service(Settings(), ROUTES)


def sent(path: str, body: Any, *, stream: bool) -> tuple[int, bytes]:
    request = RecordedRequest(
        method="POST",
        path=path,
        query="",
        headers={"Authorization": "Bearer x", "X-DashScope-SSE": "enable" if stream else "", "Accept": ""},
        body=body,
        raw=json.dumps(body).encode(),
        protocol="dashscope" if path.startswith("/api/") else "openai",
        connection=1,
    )
    reply = SERVICE.respond(request)
    return reply.status, b"".join(reply.segments)


@settings(max_examples=120, deadline=None, derandomize=True)
@given(model=models, messages=st.lists(message, max_size=3) | junk, given=parameters, stream=st.booleans())
def test_chats(model: Any, messages: Any, given: dict[str, Any], stream: bool) -> None:
    native = {"model": model, "input": {"messages": messages}, "parameters": given}
    for path, body in (
        (
            "/compatible-mode/v1/chat/completions",
            {"model": model, "messages": messages, "stream": stream, **given},
        ),
        ("/api/v1/services/aigc/text-generation/generation", native),
        ("/api/v1/services/aigc/multimodal-generation/generation", native),
    ):
        _, answered = sent(path, body, stream=stream)
        assert b"emulator_error" not in answered, answered


@settings(max_examples=100, deadline=None, derandomize=True)
@given(model=models, held=junk, more=st.dictionaries(st.sampled_from(["dimensions", "dimension", "top_n"]), junk))
def test_everything_else(model: Any, held: Any, more: dict[str, Any]) -> None:
    for path, body in (
        ("/compatible-mode/v1/embeddings", {"model": model, "input": held, **more}),
        ("/compatible-api/v1/reranks", {"model": model, "query": "x", "documents": held, **more}),
        ("/api/v1/services/embeddings/text-embedding/text-embedding", {"model": model, "input": {"texts": held}}),
        (
            "/api/v1/services/embeddings/multimodal-embedding/multimodal-embedding",
            {"model": model, "input": {"contents": held}, "parameters": more},
        ),
        ("/api/v1/services/rerank/text-rerank/text-rerank", {"model": model, "input": held, "parameters": held}),
        ("/api/v1/tokenizer", {"model": model, "input": {"messages": held}}),
    ):
        _, answered = sent(path, body, stream=False)
        assert b"emulator_error" not in answered, (path, answered)
