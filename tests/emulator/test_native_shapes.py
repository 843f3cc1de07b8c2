"""The native wire frame by frame and key by key."""

from __future__ import annotations

import json
import re
from typing import Any

from qwen_emulator import Emulator, Failure, Reply, SearchResult, ToolCall

FRAME = re.compile(r"id:(\d+)\nevent:(\w+)\n:HTTP_STATUS/(\d+)\ndata:(\{.*\})\n\n")
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}]


def frames(body: bytes) -> list[tuple[int, str, int, Any]]:
    """All frames; nothing may stand between them."""
    text = body.decode()
    found = [(int(n), event, int(status), json.loads(data)) for n, event, status, data in FRAME.findall(text)]
    assert FRAME.sub("", text) == ""
    return found


def messages(body: bytes) -> list[tuple[dict[str, Any], str]]:
    out = []
    for _, _, _, payload in frames(body):
        choice = payload["output"]["choices"][0]
        out.append((choice["message"], choice["finish_reason"]))
    return out


def test_whole_text(raw: Any, emulator: Emulator) -> None:
    emulator.reply("Paris.")
    answered = raw.native()
    made = answered.json
    assert made["output"] == {
        "choices": [{"message": {"content": "Paris.", "role": "assistant"}, "finish_reason": "stop"}]
    }
    assert made["request_id"] == answered.headers["x-request-id"]
    assert made["usage"].keys() == {"total_tokens", "output_tokens", "input_tokens", "prompt_tokens_details"}


def test_result_format_text_is_the_default_of_older_models(raw: Any, emulator: Emulator) -> None:
    emulator.reply("Paris.", "Paris.")
    assert raw.native(result_format=None).json["output"] == {"finish_reason": "stop", "text": "Paris."}
    assert "choices" in raw.native(model="qwen3-max", result_format=None).json["output"]


def test_stream_of_deltas(raw: Any, emulator: Emulator) -> None:
    emulator.reply(Reply(["The", " sea"]))
    body = raw.native(stream=True).body
    assert [(number, event, status) for number, event, status, _ in frames(body)] == [
        (1, "result", 200), (2, "result", 200), (3, "result", 200),
    ]  # fmt: skip
    assert messages(body) == [
        ({"content": "The", "role": "assistant"}, "null"),
        ({"content": " sea", "role": "assistant"}, "null"),
        ({"content": "", "role": "assistant"}, "stop"),
    ]
    used = [payload["usage"]["output_tokens"] for *_, payload in frames(body)]
    assert used == sorted(used)
    assert used[-1] == 2


def test_stream_that_repeats_itself(raw: Any, emulator: Emulator) -> None:
    emulator.reply(Reply(["The", " sea"]), Reply(["The", " sea"]))
    for given in ({"incremental_output": False}, {"incremental_output": None}):
        texts = [message["content"] for message, _ in messages(raw.native(stream=True, **given).body)]
        assert texts == ["The", "The sea", "The sea"]


def test_only_an_accept_header_streams_too(raw: Any) -> None:
    body = {"model": "qwen-plus", "input": {"messages": [{"role": "user", "content": "Hi"}]}}
    path = "/api/v1/services/aigc/text-generation/generation"
    assert len(frames(raw.send("POST", path, body, {"Accept": "text/event-stream"}).body)) > 1


def test_thinking_on_the_text_endpoint_has_both_keys_always(raw: Any, emulator: Emulator) -> None:
    emulator.reply(Reply(["2"], reasoning=["A sum", "."]))
    answered = raw.native(stream=True, enable_thinking=True)
    assert [message for message, _ in messages(answered.body)] == [
        {"content": "", "reasoning_content": "A sum", "role": "assistant"},
        {"content": "", "reasoning_content": ".", "role": "assistant"},
        {"content": "2", "reasoning_content": "", "role": "assistant"},
        {"content": "", "reasoning_content": "", "role": "assistant"},
    ]
    last = frames(answered.body)[-1][3]["usage"]
    assert last["output_tokens_details"] == {"reasoning_tokens": 2}


def test_thinking_on_the_multimodal_endpoint_loses_a_key(raw: Any, emulator: Emulator) -> None:
    emulator.reply(Reply(["Two"], reasoning=["A sum"]), Reply("Two", reasoning="A sum"))
    answered = raw.native(model="qwen3.8-max", multimodal=True, stream=True)
    assert messages(answered.body) == [
        ({"content": [], "reasoning_content": "A sum", "role": "assistant"}, "null"),
        ({"content": [{"text": "Two"}], "role": "assistant"}, "null"),
        ({"content": [], "role": "assistant"}, "stop"),
    ]
    whole = raw.native(model="qwen3.8-max", multimodal=True).json
    assert whole["output"]["choices"][0]["message"] == {
        "content": [{"text": "Two"}], "reasoning_content": "A sum", "role": "assistant",
    }  # fmt: skip
    usage = whole["usage"]
    assert usage["input_tokens_details"] == {"text_tokens": usage["input_tokens"]}
    assert usage["output_tokens_details"] == {"reasoning_tokens": 1, "text_tokens": 1}


def call(index: int, identity: str, arguments: str, name: str | None = None) -> dict[str, Any]:
    function = {"arguments": arguments} if name is None else {"name": name, "arguments": arguments}
    return {"index": index, "id": identity, "type": "function", "function": function}


CALLS = Reply(tool_calls=[ToolCall("f", ['{"a"', ": 1}"], id="call_a"), ToolCall("g", ["{", "}"], id="call_b")])


def test_the_last_tool_fragment_carries_the_finish_reason(raw: Any, emulator: Emulator) -> None:
    emulator.reply(CALLS)
    body = raw.native(stream=True, tools=TOOLS).body
    assert [(message["tool_calls"], finish) for message, finish in messages(body)] == [
        ([call(0, "call_a", '{"a"', "f")], "null"),
        ([call(0, "", ": 1}")], "null"),
        ([call(1, "call_b", "{", "g")], "null"),
        ([call(1, "", "}")], "tool_calls"),
    ]
    assert all(message["content"] == "" for message, _ in messages(body))
    assert all(payload["output"]["choices"][0]["index"] == 0 for *_, payload in frames(body))


def test_cumulative_tool_calls_are_complete_lists(raw: Any, emulator: Emulator) -> None:
    emulator.reply(CALLS)
    last, finish = messages(raw.native(stream=True, tools=TOOLS, incremental_output=False).body)[-1]
    assert last["tool_calls"] == [call(0, "call_a", '{"a": 1}', "f"), call(1, "call_b", "{}", "g")]
    assert finish == "tool_calls"


def test_search_results(raw: Any, emulator: Emulator) -> None:
    reply = Reply(["Rain", "."], search_results=[SearchResult("A page", "https://example.com", "Example")])
    emulator.reply(reply, reply, reply, reply)
    shown = {"icon": "", "site_name": "Example", "index": 1, "title": "A page", "url": "https://example.com"}
    sources = {"enable_search": True, "search_options": {"enable_source": True}}

    whole = raw.native(**sources).json
    assert whole["output"]["search_info"] == {"search_results": [shown]}
    assert whole["usage"]["plugins"] == {"search": {"count": 1, "strategy": "turbo"}}
    assert "search_info" not in raw.native(enable_search=True).json["output"]

    infos = [
        payload["output"].get("search_info") for *_, payload in frames(raw.native(stream=True, **sources).body)
    ]
    assert infos == [None, None, {"search_results": [shown]}]

    sources["search_options"] = {"enable_source": True, "prepend_search_result": True}
    first, *later = frames(raw.native(stream=True, **sources).body)
    assert first[3]["usage"] == {}
    assert first[3]["output"]["search_info"] == {"search_results": [shown]}
    assert all(
        payload["output"]["search_info"] == {"extra_tool_info": [], "search_results": []} for *_, payload in later
    )


def test_code_interpreter(raw: Any, emulator: Emulator) -> None:
    emulator.reply(Reply(["12"], reasoning=["I compute"], code="3*4"))
    outputs = [payload["output"] for *_, payload in frames(raw.native(stream=True, enable_thinking=True).body)]
    ran = [{"code_interpreter": {"code": "3*4"}, "type": "code_interpreter"}]
    assert [output.get("tool_info") for output in outputs] == [None, ran, ran]


def test_candidates_have_an_index(raw: Any, emulator: Emulator) -> None:
    emulator.reply(Reply(choices=[Reply("one"), Reply("two")]))
    choices = raw.native(n=2).json["output"]["choices"]
    assert [(choice["index"], choice["message"]["content"]) for choice in choices] == [(0, "one"), (1, "two")]


def test_errors_inside_a_stream_have_status_200(raw: Any, emulator: Emulator) -> None:
    refused = raw.native([{"role": "nobody", "content": "x"}], stream=True)
    assert refused.status == 200
    [(number, event, status, payload)] = frames(refused.body)
    assert (number, event, status) == (1, "error", 400)
    assert payload == {
        "code": "InvalidParameter",
        "message": "Role must be user or assistant and Content length must be greater than 0",
        "request_id": refused.headers["x-request-id"],
    }
    emulator.reply(Failure.named("token_quota", after_chunks=2, reply=Reply(["a", "b", "c"])))
    events = [(event, status) for _, event, status, _ in frames(raw.native(stream=True).body)]
    assert events == [("result", 200), ("result", 200), ("error", 429)]


def test_errors_of_plain_calls(raw: Any) -> None:
    refused = raw.native([])
    assert refused.status == 400
    assert refused.json.keys() == {"code", "message", "request_id"}
    missing = raw.send("POST", "/api/v1/nothing", {})
    assert (missing.status, missing.json["code"]) == (404, "NotFound")


def test_embeddings(raw: Any) -> None:
    def embed(**parameters: Any) -> Any:
        body = {"model": "text-embedding-v4", "input": {"texts": ["high wind", "low"]}, "parameters": parameters}
        return raw.send("POST", "/api/v1/services/embeddings/text-embedding/text-embedding", body).json

    made = embed(dimension=64)
    assert made.keys() == {"output", "usage", "request_id"}
    assert [row["text_index"] for row in made["output"]["embeddings"]] == [0, 1]
    assert len(made["output"]["embeddings"][0]["embedding"]) == 64
    assert made["usage"].keys() == {"total_tokens"}
    both = embed(output_type="dense&sparse")["output"]["embeddings"][0]
    assert both.keys() == {"embedding", "sparse_embedding", "text_index"}
    assert {entry["token"] for entry in both["sparse_embedding"]} == {"high", "wind"}
    assert "embedding" not in embed(output_type="sparse")["output"]["embeddings"][0]


def test_legacy_prompt_and_history(raw: Any) -> None:
    held = {"prompt": "What is my name?", "history": [{"user": "My name is Bo.", "bot": "Hello Bo."}]}
    path = "/api/v1/services/aigc/text-generation/generation"
    made = raw.send("POST", path, {"model": "qwen-plus", "input": held}).json
    assert "Bo" in made["output"]["text"]
