"""Telling the emulator what to answer, and asking it what it saw."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from http.client import HTTPConnection
from typing import Any

import openai
import pytest

from qwen_emulator import Emulator, Failure, RawReply, RecordedRequest, Reply, ToolCall
from qwen_emulator.failures import CATALOGUE


def content(answered: Any) -> str:
    return str(answered.json["choices"][0]["message"]["content"])


def eventually(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + 2
    while not condition() and time.monotonic() < end:
        time.sleep(0.005)
    return condition()


def test_values_are_used_once_and_in_order(raw: Any, emulator: Emulator) -> None:
    emulator.reply("one", "two")
    emulator.reply("three")
    assert emulator.replies_left == 3
    assert [content(raw.chat("Count to 2")) for _ in range(4)] == ["one", "two", "three", "1, 2"]


def test_a_function_stays_and_may_decline(raw: Any, emulator: Emulator) -> None:
    emulator.reply(lambda request: "odd" if len(request.messages[0]["content"]) % 2 else None)
    assert [content(raw.chat(text)) for text in ("Say a", "Say ab", "Say a")] == ["odd", "ab", "odd"]
    emulator.reply(lambda request: Reply(request.model or ""))
    assert content(raw.chat("Say a")) == "qwen-plus"
    emulator.reset()
    assert content(raw.chat("Say a")) == "a"


def test_values_come_before_the_function(raw: Any, emulator: Emulator) -> None:
    emulator.reply(lambda _: "always")
    emulator.reply("once")
    assert [content(raw.chat()) for _ in range(2)] == ["once", "always"]


def test_a_function_that_fails_is_told(raw: Any, emulator: Emulator) -> None:
    def fail(request: RecordedRequest) -> str:
        raise KeyError("my mistake")

    emulator.reply(fail)
    answered = raw.chat()
    assert answered.status == 500
    assert "KeyError: 'my mistake'" in answered.json["error"]["message"]


def test_unknown_usage_names_are_told(raw: Any, emulator: Emulator) -> None:
    emulator.reply(Reply("x", usage={"prompt_tokens": 3}))
    assert "usage has no ['prompt_tokens']" in raw.chat().json["error"]["message"]


def test_given_usage_reaches_both_wires(raw: Any, emulator: Emulator) -> None:
    reply = Reply("x", reasoning="y", usage={"input_tokens": 7, "output_tokens": 9, "reasoning_tokens": 4,
                                             "cached_tokens": 2})  # fmt: skip
    emulator.reply(reply, reply)
    compatible, native = raw.chat().json["usage"], raw.native().json["usage"]
    assert (compatible["prompt_tokens"], compatible["completion_tokens"], compatible["total_tokens"]) == (7, 9, 16)
    assert compatible["prompt_tokens_details"]["cached_tokens"] == 2
    assert (native["input_tokens"], native["output_tokens"], native["total_tokens"]) == (7, 9, 16)
    assert native["output_tokens_details"]["reasoning_tokens"] == 4


def test_a_refused_request_uses_up_nothing(raw: Any, emulator: Emulator) -> None:
    emulator.reply("kept")
    assert raw.chat(temperature=9).status == 400
    assert content(raw.chat()) == "kept"


def test_texts_wait_for_a_chat_and_failures_do_not(raw: Any, emulator: Emulator) -> None:
    embed = {"model": "text-embedding-v4", "input": "x"}
    emulator.reply("text")
    assert raw.send("POST", "/compatible-mode/v1/embeddings", embed).status == 200
    assert content(raw.chat()) == "text"
    emulator.reply(Failure.named("rate_limit"))
    assert raw.send("POST", "/compatible-mode/v1/embeddings", embed).status == 429
    assert raw.send("POST", "/compatible-mode/v1/embeddings", embed).status == 200


def test_failures_in_the_envelope_of_each_wire(raw: Any, emulator: Emulator) -> None:
    failure = Failure.named("rate_limit", headers={"Retry-After": "7"}, times=2)
    emulator.reply(failure, "fine")
    answered = raw.chat()
    assert (answered.status, answered.headers["retry-after"]) == (429, "7")
    assert answered.json["error"]["code"] == answered.json["error"]["type"] == "limit_requests"
    native = raw.native()
    assert (native.status, native.json["code"]) == (429, "Throttling.RateQuota")
    assert content(raw.chat()) == "fine"


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_named_failure_can_be_sent(raw: Any, emulator: Emulator, name: str) -> None:
    failure = Failure.named(name, after_chunks=None)
    emulator.reply(failure, failure)
    answered, native = raw.chat(), raw.native()
    assert (answered.status, native.status) == (failure.status, failure.status)
    assert answered.json["error"]["code"] == failure.code
    assert native.json["code"] == (failure.native_code or failure.code)


def test_names_of_failures_are_checked() -> None:
    with pytest.raises(KeyError, match="rate_limit"):
        Failure.named("ratelimit")


def test_moderation_of_a_stream_is_an_event_under_status_400(raw: Any, emulator: Emulator) -> None:
    emulator.reply(Failure.named("data_inspection"))
    answered = raw.chat(stream=True)
    assert answered.status == 400
    assert answered.body.startswith(b'data: {"error":')
    assert answered.events[0]["id"] == f"chatcmpl-{answered.headers['x-request-id']}"


def test_failure_in_the_middle_of_a_stream(raw: Any, emulator: Emulator) -> None:
    emulator.reply(Failure.named("output_inspection", after_chunks=3, reply=Reply(["Once", " upon", " a"])))
    answered = raw.chat(stream=True)
    *chunks, error = answered.events
    assert answered.status == 200
    assert [chunk["choices"][0]["delta"]["content"] for chunk in chunks] == ["", "Once", " upon"]
    assert error["error"]["code"] == "data_inspection_failed"


def test_raw_bytes(raw: Any, emulator: Emulator) -> None:
    emulator.reply(RawReply(418, {"x-tea": "pot"}, [b"a", b"", b"\xff"]))
    answered = raw.chat()
    assert (answered.status, answered.headers["x-tea"], answered.body) == (418, "pot", b"a\xff")
    assert answered.headers["x-request-id"]


def test_what_is_recorded(raw: Any, emulator: Emulator) -> None:
    raw.chat("Hi", stream=True)
    raw.native("Ho", stream=True)
    first, second = emulator.requests
    assert (first.method, first.path, first.protocol) == ("POST", "/compatible-mode/v1/chat/completions", "openai")
    assert (second.protocol, second.model, second.stream) == ("dashscope", "qwen-plus", True)
    assert first.headers["AUTHORIZATION"] == first.headers["authorization"] == "Bearer any"
    assert first.body["stream"] is True
    assert first.messages == [{"role": "user", "content": "Hi"}]
    assert second.parameters == {"incremental_output": True, "result_format": "message"}
    assert b'"Hi"' in first.raw
    assert (first.status, first.aborted) == (200, False)
    assert emulator.last_request is second


def test_ids_begin_anew_after_a_reset(raw: Any, emulator: Emulator) -> None:
    emulator.reply(Reply(tool_calls=[ToolCall("f")]), Reply(tool_calls=[ToolCall("f")]))
    first, second = raw.chat().json, raw.chat().json
    emulator.reset()
    emulator.reply(Reply(tool_calls=[ToolCall("f")]))
    again = raw.chat().json
    assert first["id"] == again["id"] != second["id"]
    assert first["choices"] == again["choices"]
    assert first["choices"] != second["choices"]


def test_connections_are_counted() -> None:
    with Emulator() as emulator:
        with openai.OpenAI(base_url=emulator.compatible_url, api_key="x") as client:
            for _ in range(3):
                client.chat.completions.create(model="qwen-plus", messages=[{"role": "user", "content": "Hi"}])
            assert {request.connection for request in emulator.requests} == {1}
            assert (emulator.connections_opened, emulator.open_connections) == (1, 1)
        assert eventually(lambda: emulator.open_connections == 0)
        assert emulator.connections_opened == 1


def test_a_client_that_leaves_early_is_noticed(emulator: Emulator, client: openai.OpenAI) -> None:
    emulator.settings.delay = 0.01
    emulator.reply(Reply(["x"] * 500))
    messages: list[Any] = [{"role": "user", "content": "Hi"}]
    stream = client.chat.completions.create(model="qwen-plus", messages=messages, stream=True)
    next(iter(stream))
    stream.close()
    assert eventually(lambda: emulator.last_request.aborted)
    assert emulator.last_request.chunks_sent < 100
    assert emulator.aborted_requests == [emulator.last_request]


def test_a_client_that_leaves_is_no_error_of_the_server(
    emulator: Emulator, client: openai.OpenAI, caplog: pytest.LogCaptureFixture
) -> None:
    messages: list[Any] = [{"role": "user", "content": "Hi"}]
    emulator.reply(*[Reply(["word "] * 20_000)] * 10)  # more than the buffers of a socket hold
    for _ in range(10):
        stream = client.chat.completions.create(model="qwen-plus", messages=messages, stream=True)
        next(iter(stream))
        stream.close()
    assert eventually(lambda: len(emulator.aborted_requests) == 10)
    assert "Error handling request" not in caplog.text


def test_delay_stands_between_chunks(raw: Any, emulator: Emulator) -> None:
    emulator.settings.delay = 0.02
    emulator.reply(Reply(["a", "b", "c"]))
    begun = time.monotonic()
    raw.chat(stream=True)
    assert time.monotonic() - begun >= 0.1


def test_starting_is_quick_and_stopping_does_not_wait_for_stalled_streams() -> None:
    begun = time.monotonic()
    emulator = Emulator()
    emulator.start()
    assert time.monotonic() - begun < 0.5
    emulator.reply(RawReply(end="stall"), RawReply(send_head=False, end="stall"))
    connections = []
    for _ in range(2):
        connection = HTTPConnection(emulator.host, emulator.port, timeout=5)
        connection.request("GET", "/api/v1/none", headers={"Authorization": "Bearer x"})
        connection.getresponse().read()
        body = b'{"model": "qwen-plus", "messages": [{"role": "user", "content": "Hi"}]}'
        connection.request("POST", "/compatible-mode/v1/chat/completions", body, {"Authorization": "Bearer x"})
        connections.append(connection)
    assert eventually(lambda: emulator.replies_left == 0)
    begun = time.monotonic()
    emulator.stop()
    assert time.monotonic() - begun < 1
    assert not any(
        thread.name == "qwen-emulator" and thread is emulator._thread for thread in threading.enumerate()
    )
    for connection in connections:
        connection.close()
    emulator.stop()


def test_it_can_be_started_again() -> None:
    emulator = Emulator()
    for _ in range(2):
        with emulator:
            connection = HTTPConnection(emulator.host, emulator.port)
            connection.request("GET", "/compatible-mode/v1/models", headers={"Authorization": "Bearer x"})
            assert connection.getresponse().status == 200
            connection.close()


def test_a_taken_port_and_foreign_hosts_are_refused() -> None:
    with Emulator() as emulator, pytest.raises(OSError, match=str(emulator.port)):
        Emulator(port=emulator.port).start()
    with pytest.raises(ValueError, match="this machine only"):
        Emulator(host="0.0.0.0")


def test_many_threads_at_once(emulator: Emulator, raw: Any) -> None:
    emulator.reply(*(str(number) for number in range(40)))
    seen: list[str] = []
    threads = [threading.Thread(target=lambda: seen.append(content(raw.chat()))) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(int, seen)) == list(range(40))


def test_the_command_line_serves() -> None:
    command = [sys.executable, "-u", "-m", "qwen_emulator", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(4)]
        process.terminate()
    told = "".join(lines)
    assert "http://127.0.0.1:" in told
    assert "/compatible-mode/v1" in told
    assert "/api/v1" in told


def test_importing_the_package_does_not_import_the_server_library() -> None:
    code = "import sys, qwen_emulator, qwen_emulator.pytest_plugin; sys.exit('aiohttp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
