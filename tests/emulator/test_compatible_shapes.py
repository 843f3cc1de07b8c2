"""The compatible wire key by key, as recorded answers have it."""

from __future__ import annotations

import re
from typing import Any

from qwen_emulator import Emulator, Reply, ToolCall

CALL = Reply(tool_calls=[ToolCall("get_weather", {"city": "Hangzhou"})])
CHUNK = {"choices", "object", "usage", "created", "system_fingerprint", "model", "id"}


def deltas(events: list[Any]) -> list[dict[str, Any]]:
    return [choice["delta"] for event in events if event != "[DONE]" for choice in event["choices"]]


def text_of(events: list[Any], key: str = "content") -> str:
    return "".join(delta.get(key) or "" for delta in deltas(events))


def test_whole_text(raw: Any, emulator: Emulator) -> None:
    emulator.reply("Hello! How can I help you today?")
    answered = raw.chat(model="qwen3.7-plus")
    made = answered.json
    uuid = answered.headers["x-request-id"]
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", uuid)
    assert isinstance(made.pop("created"), int)
    usage = made.pop("usage")
    assert made == {
        "choices": [
            {
                "message": {"content": "Hello! How can I help you today?", "role": "assistant"},
                "finish_reason": "stop",
                "index": 0,
                "logprobs": None,
            }
        ],
        "object": "chat.completion",
        "system_fingerprint": None,
        "model": "qwen3.7-plus",
        "id": f"chatcmpl-{uuid}",
    }
    assert usage.keys() == {"prompt_tokens", "completion_tokens", "total_tokens", "prompt_tokens_details"}
    assert usage["prompt_tokens_details"] == {"cached_tokens": 0}
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert answered.headers["content-type"] == "application/json"


def test_whole_thinking_counts_reasoning_in_the_completion(raw: Any, emulator: Emulator) -> None:
    emulator.reply(Reply("4", reasoning="Two and two make four."))
    made = raw.chat(enable_thinking=True).json
    message, usage = made["choices"][0]["message"], made["usage"]
    assert list(message) == ["content", "reasoning_content", "role"]
    assert message["reasoning_content"] == "Two and two make four."
    assert usage["completion_tokens_details"] == {"reasoning_tokens": 6}
    assert usage["completion_tokens"] == 7


def test_whole_tool_calls(raw: Any, emulator: Emulator) -> None:
    emulator.reply(Reply(tool_calls=[ToolCall("f", {"a": 1}), ToolCall("g", "{broken", id="call_x")]))
    choice = raw.chat().json["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] == ""
    first, second = choice["message"]["tool_calls"]
    assert re.fullmatch("call_[0-9a-f]{24}", first.pop("id"))
    assert first == {"function": {"arguments": '{"a": 1}', "name": "f"}, "index": 0, "type": "function"}
    expected = {"function": {"arguments": "{broken", "name": "g"}, "id": "call_x", "index": 1, "type": "function"}
    assert second == expected


def test_stream_text_with_usage(raw: Any, emulator: Emulator) -> None:
    emulator.reply(Reply(["Hello", "! How"]))
    answered = raw.chat(stream=True, stream_options={"include_usage": True})
    *chunks, last, done = answered.events
    assert done == "[DONE]"
    assert answered.headers["content-type"] == "text/event-stream;charset=UTF-8"
    assert answered.body.endswith(b"\n\ndata: [DONE]\n\n")
    assert deltas(chunks) == [
        {"content": "", "role": "assistant"},
        {"content": "Hello"},
        {"content": "! How"},
        {"content": ""},
    ]
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None, None, None, "stop"]
    assert all(chunk.keys() == CHUNK and chunk["usage"] is None for chunk in chunks)
    assert last["choices"] == []
    assert last["usage"]["completion_tokens"] == 2
    assert {chunk["id"] for chunk in [*chunks, last]} == {f"chatcmpl-{answered.headers['x-request-id']}"}


def test_stream_without_stream_options_has_no_usage(raw: Any) -> None:
    *chunks, done = raw.chat(stream=True).events
    assert done == "[DONE]"
    assert all(chunk["usage"] is None and chunk["choices"] for chunk in chunks)


def test_stream_thinking(raw: Any, emulator: Emulator) -> None:
    emulator.reply(Reply(["Yes", "."], reasoning=["Let me", " see"]))
    assert deltas(raw.chat(stream=True, enable_thinking=True).events) == [
        {"content": None, "role": "assistant", "reasoning_content": ""},
        {"content": None, "reasoning_content": "Let me"},
        {"content": None, "reasoning_content": " see"},
        {"content": "Yes", "reasoning_content": None},
        {"content": ".", "reasoning_content": None},
        {"content": "", "reasoning_content": None},
    ]


def fragment(index: int, identity: str, arguments: str, name: str | None = None) -> dict[str, Any]:
    function = {"arguments": arguments} if name is None else {"name": name, "arguments": arguments}
    return {"index": index, "id": identity, "type": "function", "function": function}


def test_stream_tool_calls(raw: Any, emulator: Emulator) -> None:
    calls = [ToolCall("f", ['{"a"', ": 1}"], id="call_a"), ToolCall("g", ["{}"], id="call_b")]
    emulator.reply(Reply(tool_calls=calls))
    events = raw.chat(stream=True).events
    assert deltas(events) == [
        {"content": None, "tool_calls": [fragment(0, "call_a", "", "f")], "role": "assistant"},
        {"content": None, "tool_calls": [fragment(0, "", '{"a"')]},
        {"content": None, "tool_calls": [fragment(0, "", ": 1}")]},
        {"content": None, "tool_calls": [fragment(1, "call_b", "", "g")]},
        {"content": None, "tool_calls": [fragment(1, "", "{}")]},
        {"tool_calls": [fragment(1, "", "")]},
        {},
    ]
    *_, empty, finish, done = events
    assert empty["choices"][0].keys() == {"delta", "index"}
    assert finish["choices"][0] == {"finish_reason": "tool_calls", "logprobs": None, "delta": {}, "index": 0}
    assert done == "[DONE]"


def test_stream_thinking_then_a_tool_call(raw: Any, emulator: Emulator) -> None:
    emulator.reply(Reply(reasoning=["Hm"], tool_calls=[ToolCall("f", ["{}"], id="call_a")]))
    assert deltas(raw.chat(stream=True, enable_thinking=True).events) == [
        {"content": None, "role": "assistant", "reasoning_content": ""},
        {"content": None, "reasoning_content": "Hm"},
        {"content": None, "reasoning_content": None, "tool_calls": [fragment(0, "call_a", "", "f")]},
        {"content": None, "reasoning_content": None, "tool_calls": [fragment(0, "", "{}")]},
        {"content": "", "reasoning_content": None},
    ]


def test_text_before_tool_calls_keeps_its_order(raw: Any, emulator: Emulator) -> None:
    emulator.reply(Reply(["Let me look."], tool_calls=[ToolCall("f", ["{}"], id="call_a")]))
    first, second, third, *_ = deltas(raw.chat(stream=True).events)
    assert first == {"content": "", "role": "assistant"}
    assert second == {"content": "Let me look."}
    assert third == {"content": None, "tool_calls": [fragment(0, "call_a", "", "f")]}


def test_candidates(raw: Any, emulator: Emulator) -> None:
    emulator.reply(Reply(choices=[Reply("one"), Reply("two")]), Reply(choices=[Reply("one"), Reply("two")]))
    whole = raw.chat(n=2).json
    assert [(choice["index"], choice["message"]["content"]) for choice in whole["choices"]] == [
        (0, "one"),
        (1, "two"),
    ]
    streamed: dict[int, str] = {0: "", 1: ""}
    for event in raw.chat(n=2, stream=True).events[:-1]:
        for choice in event["choices"]:
            streamed[choice["index"]] += choice["delta"].get("content") or ""
    assert streamed == {0: "one", 1: "two"}


def test_media_are_counted_apart(raw: Any) -> None:
    parts = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
    ]
    made = raw.chat([{"role": "user", "content": parts}], model="qwen3-vl-plus").json
    details = made["usage"]["prompt_tokens_details"]
    assert details.keys() == {"image_tokens", "text_tokens"}
    assert details["image_tokens"] + details["text_tokens"] == made["usage"]["prompt_tokens"]
    assert made["usage"]["completion_tokens_details"] == {"text_tokens": made["usage"]["completion_tokens"]}
    assert "https://example.com/a.png" in made["choices"][0]["message"]["content"]


def test_logprobs_only_when_asked_for(raw: Any, emulator: Emulator) -> None:
    emulator.reply("Hello you", "Hello you")
    entries = raw.chat(logprobs=True, top_logprobs=2).json["choices"][0]["logprobs"]["content"]
    assert "".join(entry["token"] for entry in entries) == "Hello you"
    assert all(len(entry["top_logprobs"]) == 2 and entry["logprob"] <= 0 for entry in entries)
    assert bytes(entries[0]["bytes"]).decode() == entries[0]["token"]
    assert raw.chat().json["choices"][0]["logprobs"] is None


def test_audio_comes_after_the_text(raw: Any) -> None:
    wants = {"modalities": ["text", "audio"], "audio": {"voice": "Cherry", "format": "wav"}}
    answered = raw.chat("Say hi", model="qwen3.5-omni-plus", stream=True, **wants)
    kinds = ["audio" if "audio" in delta else "text" for delta in deltas(answered.events)]
    assert kinds == ["text", "text", "audio", "audio", "audio", "text"]
    sound = next(delta["audio"] for delta in deltas(answered.events) if "audio" in delta)
    assert sound.keys() == {"data", "expires_at", "id"}


def test_translation_models_finish_twice_and_may_repeat_themselves(raw: Any) -> None:
    options = {"translation_options": {"source_lang": "auto", "target_lang": "English"}}
    for model, cumulative in (("qwen-mt-plus", True), ("qwen-mt-flash", False)):
        events = raw.chat("你好世界", model=model, stream=True, **options).events[:-1]
        texts = [event["choices"][0]["delta"]["content"] for event in events]
        assert [event["choices"][0]["finish_reason"] for event in events][-2:] == ["stop", "stop"]
        assert (texts[-1] if cumulative else "".join(texts)) == "[English] 你好世界"


def test_embeddings(raw: Any) -> None:
    answered = raw.send("POST", "/compatible-mode/v1/embeddings", {
        "model": "text-embedding-v4", "input": ["one", "two"], "dimensions": 64, "encoding_format": "float",
    })  # fmt: skip
    made = answered.json
    assert made.keys() == {"data", "model", "object", "usage", "id"}
    assert made["id"] == answered.headers["x-request-id"]
    assert made["usage"] == {"prompt_tokens": 2, "total_tokens": 2}
    assert [row["index"] for row in made["data"]] == [0, 1]
    assert all(
        row.keys() == {"embedding", "index", "object"} and len(row["embedding"]) == 64 for row in made["data"]
    )


def test_the_explicit_cache_is_made_once_and_then_hit(raw: Any) -> None:
    block = {"type": "text", "text": "lorem ipsum dolor " * 300, "cache_control": {"type": "ephemeral"}}
    messages = [{"role": "system", "content": [block]}, {"role": "user", "content": "Hi"}]
    made, hit = (raw.chat(messages).json["usage"]["prompt_tokens_details"] for _ in range(2))
    size = made["cache_creation_input_tokens"]
    assert size > 1024
    assert made == {
        "cached_tokens": 0,
        "cache_creation_input_tokens": size,
        "cache_creation": {"ephemeral_5m_input_tokens": size},
        "cache_type": "ephemeral",
    }
    assert (hit["cached_tokens"], hit["cache_creation_input_tokens"]) == (size, 0)


def test_a_model_list_and_unknown_paths(raw: Any) -> None:
    listed = raw.send("GET", "/compatible-mode/v1/models").json
    assert listed["object"] == "list"
    assert {"id", "object", "created", "owned_by"} == listed["data"][0].keys()
    missing = raw.send("POST", "/compatible-mode/v1/nothing", {})
    assert (missing.status, missing.json["error"]["code"]) == (404, "not_found")
