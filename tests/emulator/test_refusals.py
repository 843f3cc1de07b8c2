"""Requests that the service refuses: one row each, with the status, the code and a piece of the text."""

from __future__ import annotations

from typing import Any

import pytest

from qwen_emulator import Emulator

USER = {"role": "user", "content": "Hi"}
CALLED = {
    "role": "assistant",
    "content": "",
    "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "1"}
IMAGE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}
INVALID = "invalid_parameter_error"


def tool(name: str = "f") -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}}}


def named(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}}


COMPATIBLE: dict[str, tuple[dict[str, Any], int, str, str]] = {
    # changes to a good request, status, code, piece of the message
    "no model": ({"model": ""}, 400, INVALID, "you must provide a model parameter"),
    "unknown model": ({"model": "qwen-nonexistent"}, 404, "model_not_found", "`qwen-nonexistent` does not exist"),
    "native only": ({"model": "qwen-audio-turbo"}, 404, "model_not_supported", "for OpenAI compatibility mode"),
    "no messages": ({"messages": None}, 400, INVALID, "'messages' is a required property"),
    "messages of a wrong type": ({"messages": "Hi"}, 400, INVALID, "is not of type 'array'"),
    "empty messages": ({"messages": []}, 400, INVALID, "[] is too short"),
    "unknown role": ({"messages": [{"role": "developer", "content": "x"}, USER]}, 400, INVALID, "is not one of"),
    "no content": ({"messages": [{"role": "user", "content": None}]}, 400, INVALID, "content field is a required"),
    "content of a wrong type": (
        {"messages": [{"role": "user", "content": 5}]}, 400, INVALID, "messages.0.content",
    ),
    "unknown part": (
        {"messages": [{"role": "user", "content": [{"type": "input_text", "text": "x"}]}]},
        400, INVALID, "'input_text' is not one of",
    ),
    "an image for a text model": (
        {"messages": [{"role": "user", "content": [IMAGE]}]}, 400, INVALID, "input content must be a string",
    ),
    "no user": (
        {"messages": [{"role": "system", "content": "x"}]}, 400, INVALID, "elements with the role of user",
    ),
    "assistant last": (
        {"messages": [USER, {"role": "assistant", "content": "x"}]},
        500, "internal_error", "list index out of range",
    ),
    "prefix while thinking": (
        {"messages": [USER, {"role": "assistant", "content": "x", "partial": True}], "enable_thinking": True},
        400, INVALID, "Partial mode",
    ),
    "result without a call": ({"messages": [USER, RESULT]}, 400, INVALID, 'messages with role "tool" must be'),
    "result of another call": (
        {"messages": [USER, CALLED, {**RESULT, "tool_call_id": "call_2"}]},
        400, INVALID, "must be a response to a preceeding message",
    ),
    "call without a result": (
        {"messages": [USER, CALLED, USER]}, 400, INVALID, "must be followed by tool messages",
    ),
    "broken arguments": (
        {"messages": [USER, {**CALLED, "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1 "b": 2}'}}
        ]}, RESULT]},
        500, "internal_error", "Expecting ',' delimiter",
    ),
    "the same call again and again": (
        {"messages": [USER, *([CALLED, RESULT] * 6)]}, 400, INVALID, "Repetitive tool calls",
    ),
    "temperature too high": ({"temperature": 2.0}, 400, INVALID, "Temperature should be in [0.0, 2.0)"),
    "temperature of a wrong type": ({"temperature": "hot"}, 400, INVALID, "is not of type 'number'"),
    "top_p of nothing": ({"top_p": 0}, 400, INVALID, "Range of top_p should be (0.0, 1.0]"),
    "n too large": ({"n": 5}, 400, INVALID, "Range of n should be [1, 4]"),
    "n with tools": ({"n": 2, "tools": [tool()]}, 400, INVALID, "n must be 1"),
    "max_tokens of nothing": ({"max_tokens": 0}, 400, INVALID, "Range of max_tokens should be [1, 32768]"),
    "max_tokens too large": ({"max_tokens": 99_999}, 400, INVALID, "Range of max_tokens should be [1, 32768]"),
    "negative seed": ({"seed": -1}, 400, INVALID, "-1 is lesser than the minimum of 0 - 'seed'"),
    "presence_penalty": ({"presence_penalty": 3}, 400, INVALID, "[-2.0, 2.0]"),
    "mixed stop": ({"stop": ["a", 5]}, 400, INVALID, "stop"),
    "empty tools": ({"tools": []}, 400, INVALID, "[] is too short"),
    "tool with a bad name": ({"tools": [tool("a b")]}, 400, INVALID, "does not match"),
    "tool with a long name": ({"tools": [tool("a" * 65)]}, 400, INVALID, "does not match"),
    "tool named search": (
        {"model": "qwen-max", "tools": [tool("search")]},
        400, INVALID, "Tool names are not allowed to be [search]",
    ),
    "tools for a model without": (
        {"model": "qwen-long", "tools": [tool()]}, 400, INVALID, "tool call is not supported",
    ),
    "required tools": (
        {"model": "qwen-max", "tools": [tool()], "tool_choice": "required"},
        400, INVALID, 'should be ["none", "auto"]',
    ),
    "required tools while thinking": (
        {"tools": [tool()], "tool_choice": "required", "enable_thinking": True},
        400, INVALID, "does not support being set to required or object in thinking mode",
    ),
    "a forced tool while thinking": (
        {"tools": [tool()], "tool_choice": named("f"), "model": "qwen3.8-max"},
        400, INVALID, "does not support being set to required or object in thinking mode",
    ),
    "a forced tool that is none": ({"tools": [tool()], "tool_choice": named("g")}, 400, INVALID, "'g'"),
    "json without the word": (
        {"response_format": {"type": "json_object"}}, 400, INVALID, "must contain the word 'json'",
    ),
    "json while thinking": (
        {"response_format": {"type": "json_object"}, "model": "qwen3.6-plus",
         "messages": [{"role": "user", "content": "json"}]},
        400, INVALID, "Json mode response is not supported when enable_thinking is true",
    ),
    "a schema for a model without": ({"response_format": SCHEMA}, 400, INVALID, "json_schema"),
    "a schema without a schema": (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "n"}}, "model": "qwen3.7-plus"},
        400, INVALID, "'schema' is a required property",
    ),
    "an unknown format": ({"response_format": {"type": "xml"}}, 400, INVALID, "'xml' is not one of"),
    "thinking switched off where it is all": (
        {"model": "qwen3.7-max-preview", "enable_thinking": False}, 400, INVALID, "restricted to True",
    ),
    "thinking where there is none": (
        {"model": "qwen-max", "enable_thinking": True},
        400, "InvalidParameter.NotSupportEnableThinking", "qwen-max",
    ),
    "open-source thinking without a stream": (
        {"model": "qwen3-32b"},
        400, INVALID, "parameter.enable_thinking must be set to false for non-streaming calls",
    ),
    "stream only: qwq": ({"model": "qwq-plus"}, 400, INVALID, "only support stream mode"),
    "stream only: omni": ({"model": "qwen3.5-omni-plus"}, 400, INVALID, "only support stream mode"),
    "budget and effort": (
        {"model": "qwen3.8-max", "thinking_budget": 100, "reasoning_effort": "low"}, 400, INVALID, "same time",
    ),
    "unknown effort": ({"model": "qwen3.8-max", "reasoning_effort": "huge"}, 400, INVALID, "reasoning_effort"),
    "budget of nothing": ({"thinking_budget": 0}, 400, INVALID, "must be a positive integer and not greater than"),
    "search for a model without": (
        {"model": "qwen3-coder-flash", "enable_search": True}, 400, INVALID, "enable_search",
    ),
    "two messages to translate": (
        {"model": "qwen-mt-flash", "messages": [{"role": "system", "content": "x"}, USER]},
        500, "internal_error", "Role must be in",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "status", "code", "piece"), COMPATIBLE.values(), ids=COMPATIBLE)
def test_refused(raw: Any, changes: dict[str, Any], status: int, code: str, piece: str) -> None:
    body = {"model": "qwen-plus", "messages": [USER], **changes}
    answered = raw.send("POST", "/compatible-mode/v1/chat/completions", body)
    error = answered.json["error"]
    assert (answered.status, error["code"]) == (status, code)
    assert piece in error["message"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert answered.json["request_id"] == answered.headers["x-request-id"]


GOOD: dict[str, dict[str, Any]] = {
    "plain": {},
    "everything at its limit": {
        "temperature": 0,
        "top_p": 1,
        "n": 4,
        "max_tokens": 32_768,
        "seed": 0,
        "stop": ["x"],
    },
    "null is absent": {"temperature": None, "tools": None, "stop": None, "response_format": None},
    "a continued prefix": {"messages": [USER, {"role": "assistant", "content": "He", "partial": True}]},
    "tool results": {"messages": [USER, CALLED, RESULT], "tools": [tool()]},
    "null content beside calls": {"messages": [USER, {**CALLED, "content": None}, RESULT]},
    "text parts": {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]},
    "an image": {"model": "qwen3-vl-plus", "messages": [{"role": "user", "content": [IMAGE]}]},
    "a forced tool": {"tools": [tool()], "tool_choice": named("f")},
    "json": {"response_format": {"type": "json_object"}, "messages": [{"role": "user", "content": "as JSON"}]},
    "a schema while thinking": {"model": "qwen3.8-max", "response_format": SCHEMA},
    "effort none": {
        "model": "qwen3.8-max",
        "reasoning_effort": "none",
        "tools": [tool()],
        "tool_choice": named("f"),
    },
    "open source without thinking": {"model": "qwen3-32b", "enable_thinking": False},
    "a model nobody knows": {"model": "my-own-qwen", "response_format": SCHEMA},
}


@pytest.mark.parametrize("changes", GOOD.values(), ids=GOOD)
def test_accepted(raw: Any, changes: dict[str, Any]) -> None:
    body = {"model": "qwen-plus", "messages": [USER], **changes}
    assert raw.send("POST", "/compatible-mode/v1/chat/completions", body).status == 200


NATIVE: dict[str, tuple[dict[str, Any], str, str]] = {
    # arguments of `raw.native`, code, piece of the message
    "a text endpoint": ({"model": "qwen3.8-max"}, "InvalidParameter", "url error"),
    "a multimodal endpoint": ({"model": "qwen-plus", "multimodal": True}, "InvalidParameter", "url error"),
    "a list for text": (
        {"content": [{"role": "user", "content": [{"text": "Hi"}]}]}, "InvalidParameter", "must be a string",
    ),
    "a string for lists": (
        {"content": [{"role": "user", "content": [{"kind": "x"}]}], "model": "qwen3-vl-plus", "multimodal": True},
        "InvalidParameter", "should be a message of a certain modal",
    ),
    "OpenAI parts": (
        {"content": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}],
         "model": "qwen3-vl-plus", "multimodal": True},
        "InvalidParameter", "should be a message of a certain modal",
    ),
    "an unknown role": ({"content": [{"role": "x", "content": "y"}]}, "InvalidParameter", "Role must be user"),
    "no content": ({"content": [{"role": "user", "content": ""}]}, "InvalidParameter", "Role must be user"),
    "no messages": ({"content": []}, "InvalidParameter", "[] is too short"),
    "tools as text": ({"tools": [tool()], "result_format": "text"}, "InvalidParameter", "must be message"),
    "thinking as text": (
        {"enable_thinking": True, "result_format": "text"}, "InvalidParameter", "must be message",
    ),
    "required tools": ({"tools": [tool()], "tool_choice": "required"}, "InvalidParameter", '["none", "auto"]'),
    "temperature": ({"temperature": 2}, "InvalidParameter", "Temperature"),
    "an unknown model": ({"model": "unknown-model"}, "ModelNotFound", "Model can not be found"),
    "stream only": ({"model": "qvq-max", "multimodal": True}, "InvalidParameter", "only support stream mode"),
    "an unknown format": ({"result_format": "xml"}, "InvalidParameter", "'xml' is not one of"),
    "last is assistant": (
        {"content": [USER, {"role": "assistant", "content": "x"}]},
        "InternalError.Algo", "list index out of range",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("given", "code", "piece"), NATIVE.values(), ids=NATIVE)
def test_refused_natively(raw: Any, given: dict[str, Any], code: str, piece: str) -> None:
    answered = raw.native(given.get("content", "Hi"), **{k: v for k, v in given.items() if k != "content"})
    assert answered.status >= 400
    assert answered.json["code"] == code
    assert piece in answered.json["message"]


def test_thinking_streams_must_be_incremental(raw: Any) -> None:
    answered = raw.native(stream=True, enable_thinking=True, incremental_output=False)
    assert b"event:error" in answered.body
    assert "incremental_output" in answered.events[0]["message"]


def test_cache_blocks_may_be_lists_on_the_text_endpoint(raw: Any) -> None:
    block = {"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral"}}
    assert raw.native([{"role": "user", "content": [block]}]).status == 200


@pytest.mark.parametrize(
    ("changes", "piece"),
    [
        ({"input": [[1, 2, 3]]}, "contents is neither str nor list of str"),
        ({"input": [1, 2, 3]}, "contents is neither str nor list of str"),
        ({"input": ["x"] * 11}, "should not be larger than 10"),
        ({"input": ["x"] * 21, "model": "qwen3.7-text-embedding"}, "should not be larger than 20"),
        ({"input": ["x"] * 26, "model": "text-embedding-v1"}, "should not be larger than 25"),
        ({"dimensions": 1000}, "dimension 1000 is invalid"),
        ({"dimensions": 2048, "model": "text-embedding-v3"}, "dimension 2048 is invalid"),
    ],
)
def test_refused_embeddings(raw: Any, changes: dict[str, Any], piece: str) -> None:
    body = {"model": "text-embedding-v4", "input": "x", **changes}
    answered = raw.send("POST", "/compatible-mode/v1/embeddings", body)
    assert (answered.status, answered.json["error"]["code"]) == (400, "InvalidParameter")
    assert piece in answered.json["error"]["message"]


def test_twenty_rows_are_enough_for_the_newest_embeddings(raw: Any) -> None:
    body = {"model": "qwen3.7-text-embedding", "input": ["x"] * 20, "dimensions": 256}
    assert raw.send("POST", "/compatible-mode/v1/embeddings", body).status == 200


@pytest.mark.parametrize("header", ["", "Bearer ", "Basic abc"])
def test_a_key_is_needed(raw: Any, header: str) -> None:
    for path, code in (
        ("/compatible-mode/v1/chat/completions", "invalid_api_key"),
        ("/api/v1/models", "InvalidApiKey"),
    ):
        answered = raw.send("POST", path, {}, {"Authorization": header})
        assert answered.status == 401
        assert answered.json.get("code", answered.json.get("error", {}).get("code")) == code


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/api/v2/models"])
def test_unknown_path_is_404_with_the_base_urls_even_without_a_key(raw: Any, path: str) -> None:
    response = raw.send("POST", path, {}, {"Authorization": ""})
    message = response.json.get("message") or response.json["error"]["message"]
    assert response.status == 404
    assert path in message and "/compatible-mode/v1" in message


def test_only_the_right_key_if_one_is_set() -> None:
    with Emulator(api_key="sk-right") as emulator:
        from http.client import HTTPConnection

        for key, status in (("sk-wrong", 401), ("sk-right", 200)):
            connection = HTTPConnection(emulator.host, emulator.port)
            connection.request("GET", "/compatible-mode/v1/models", headers={"Authorization": f"Bearer {key}"})
            assert connection.getresponse().status == status
            connection.close()


def test_bodies_that_are_no_objects(raw: Any) -> None:
    for body in (b"{not json", b"[1]", b""):
        assert raw.send("POST", "/compatible-mode/v1/chat/completions", body).status == 400
        assert raw.send("POST", "/api/v1/services/aigc/text-generation/generation", body).status == 400


def test_judging_can_be_switched_off() -> None:
    with Emulator(validate=False) as emulator:
        from http.client import HTTPConnection

        connection = HTTPConnection(emulator.host, emulator.port)
        body = b'{"model": "qwen-plus", "temperature": 9, "messages": [{"role": "user", "content": "Hi"}]}'
        connection.request("POST", "/compatible-mode/v1/chat/completions", body, {"Authorization": "Bearer x"})
        assert connection.getresponse().status == 200
        connection.close()
