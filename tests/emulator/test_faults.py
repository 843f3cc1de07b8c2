"""Faults arrive as promised, on both wires; and what two SDKs make of the more important ones."""

from __future__ import annotations

import gzip
import http.client
import json
from collections.abc import Callable
from typing import Any

import openai
import pytest

from qwen_emulator import Emulator, Mutated, RawReply, Reply, ToolCall, faults
from qwen_emulator.requests import Protocol

TEXT = Reply(["One", " two", " three"])
CALL = Reply(tool_calls=[ToolCall("f", ['{"a"', ": 1}"], id="call_a")])
WIRES: tuple[Protocol, ...] = ("openai", "dashscope")


@pytest.fixture(params=WIRES)
def ask(request: pytest.FixtureRequest, raw: Any) -> Callable[..., Any]:
    """Sends one chat on either wire."""
    send = raw.chat if request.param == "openai" else raw.native

    def asking(*, stream: bool = True, **more: Any) -> Any:
        return send(stream=stream, **more)

    return asking


def contents(answered: Any) -> str:
    """The text of a stream of either wire."""
    said = ""
    for event in answered.events:
        if event == "[DONE]":
            continue
        for choice in (event.get("output") or event).get("choices") or []:
            said += (choice.get("delta") or choice.get("message") or {}).get("content") or ""
    return said


def finishes(answered: Any) -> list[str]:
    found = []
    for event in answered.events:
        for choice in [] if event == "[DONE]" else (event.get("output") or event).get("choices") or []:
            if choice.get("finish_reason") not in (None, "null"):
                found.append(choice["finish_reason"])
    return found


HARMLESS: dict[str, Callable[[Any], Mutated]] = {
    "byte_by_byte": faults.byte_by_byte,
    "in_segments": lambda reply: faults.in_segments(reply, 7),
    "at_once": faults.at_once,
    "crlf": faults.crlf,
    "comments": faults.comments,
    "without_spaces": faults.without_spaces,
    "unknown_fields": faults.unknown_fields,
    "usage_everywhere": faults.usage_everywhere,
    "without_usage": faults.without_usage,
    "doubled_finish": faults.doubled_finish,
    "choices_empty": lambda reply: faults.choices_empty(reply, 0),
    "slow": lambda reply: faults.slow(reply, 0.001),
    "late": lambda reply: faults.late(reply, 0.01),
    "both": lambda reply: faults.crlf(faults.byte_by_byte(reply)),
}


@pytest.mark.parametrize("fault", HARMLESS.values(), ids=HARMLESS)
def test_harmless_oddities_keep_the_text(
    ask: Callable[..., Any], emulator: Emulator, fault: Callable[[Any], Mutated]
) -> None:
    emulator.reply(TEXT, fault(TEXT), fault(TEXT), TEXT)
    plain, odd = ask(), ask()
    assert odd.status == 200
    assert contents(odd).endswith(" two three")
    whole, plain_whole = ask(stream=False), ask(stream=False)
    assert whole.status == 200
    if fault not in (HARMLESS["unknown_fields"], HARMLESS["without_usage"], HARMLESS["choices_empty"]):
        assert whole.json.keys() == plain_whole.json.keys()
    assert plain.headers["content-type"] == odd.headers["content-type"]


def test_the_default_answer_can_be_faulty_too(ask: Callable[..., Any], emulator: Emulator) -> None:
    emulator.reply(faults.doubled_finish())
    assert finishes(ask(content="Say hi")) == ["stop", "stop"]


def test_lines_end_with_cr_lf(ask: Callable[..., Any], emulator: Emulator) -> None:
    emulator.reply(faults.crlf(TEXT))
    body = ask().body
    assert body.count(b"\r\n") == body.count(b"\n") > 4


def test_comments_and_byte_order_mark(ask: Callable[..., Any], emulator: Emulator) -> None:
    emulator.reply(faults.bom(faults.comments(TEXT)), faults.bom(TEXT))
    assert ask().body.startswith(b"\xef\xbb\xbf: ping\n\n")
    assert ask(stream=False).body.startswith(b"\xef\xbb\xbf{")


def test_gzip(ask: Callable[..., Any], emulator: Emulator) -> None:
    emulator.reply(faults.gzipped(TEXT))
    answered = ask()
    assert answered.headers["content-encoding"] == "gzip"
    assert b" two" in gzip.decompress(answered.body)


def test_streams_without_an_end(ask: Callable[..., Any], emulator: Emulator) -> None:
    emulator.reply(faults.without_finish(TEXT), faults.without_finish(TEXT, done=False), faults.truncated(TEXT))
    with_done, without_done, cut = ask(), ask(), ask
    for answered in (with_done, without_done):
        assert contents(answered) == "One two three"
        assert finishes(answered) == []
    assert b"[DONE]" not in without_done.body
    with pytest.raises(json.JSONDecodeError):
        _ = cut().events


def test_a_whole_answer_with_a_null_finish_reason(ask: Callable[..., Any], emulator: Emulator) -> None:
    emulator.reply(faults.partial_answer(TEXT))
    answered = ask(stream=False)
    assert answered.headers["x-dashscope-partialresponse"] == "true"
    choice = (answered.json.get("output") or answered.json)["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("One two three", None)


def test_broken_json_in_the_middle(ask: Callable[..., Any], emulator: Emulator) -> None:
    emulator.reply(faults.malformed(TEXT, chunk=1))
    lines = [line[5:] for line in ask().body.split(b"\n") if line.startswith(b"data:") and b"[DONE]" not in line]
    broken = []
    for number, line in enumerate(lines):
        try:
            json.loads(line)
        except ValueError:
            broken.append(number)
    assert broken == [1]


def test_null_choices(ask: Callable[..., Any], emulator: Emulator) -> None:
    emulator.reply(faults.choices_null(TEXT, chunk=1))
    event = ask().events[1]
    assert (event.get("output") or event)["choices"] is None


def test_tool_ids_in_all_their_forms(ask: Callable[..., Any], emulator: Emulator) -> None:
    def identities(answered: Any) -> list[Any]:
        return [
            (call.get("id", "-"), call["function"].get("name", "-"), "index" in call)
            for event in answered.events
            if event != "[DONE]"
            for choice in (event.get("output") or event)["choices"]
            for call in (choice.get("delta") or choice.get("message") or {}).get("tool_calls") or []
        ]

    emulator.reply(
        CALL, faults.repeated_call_ids(CALL), faults.null_call_ids(CALL), faults.calls_without_index(CALL)
    )
    plain, repeated, nulls, no_index = (identities(ask()) for _ in range(4))
    assert plain[:2] == [("call_a", "f", True), ("", "-", True)]
    assert set(repeated[1:]) == {("call_a", None, True)}
    assert set(nulls[1:]) == {(None, None, True)}
    assert not any(indexed for _, _, indexed in no_index)


def test_an_error_under_status_200(ask: Callable[..., Any], emulator: Emulator) -> None:
    emulator.reply(faults.error_in_success(), faults.error_in_success())
    whole = ask(stream=False)
    assert whole.status == 200
    assert "error" in whole.json or whole.json["code"] == "InternalError"
    [event] = ask().events
    assert "choices" not in event
    assert "output" not in event


def test_a_bare_error_line(ask: Callable[..., Any], emulator: Emulator) -> None:
    emulator.reply(faults.bare_error_after(TEXT, 2))
    *_, last = ask().events
    assert last.keys() == {"code", "message", "request_id"}


def test_json_and_streams_confused(ask: Callable[..., Any], emulator: Emulator) -> None:
    emulator.reply(faults.json_for_stream(TEXT), faults.stream_for_json(TEXT))
    assert ask().headers["content-type"] == "application/json"
    assert "event-stream" in ask(stream=False).headers["content-type"]


def test_pages_of_gateways(ask: Callable[..., Any], emulator: Emulator) -> None:
    emulator.reply(faults.html(502), faults.empty(500), faults.not_json())
    assert (ask().status, ask().body) == (502, b"")
    assert ask().body == b"upstream connect error"


def test_breaking_connections(ask: Callable[..., Any], emulator: Emulator) -> None:
    emulator.reply(faults.reset_before_headers(), faults.closed_before_headers())
    with pytest.raises(ConnectionResetError):
        ask()
    with pytest.raises(http.client.RemoteDisconnected):
        ask()
    emulator.reply(faults.cut_after(TEXT, 2), faults.reset_after(TEXT, 2), faults.cut_after(TEXT, 1))
    with pytest.raises(http.client.IncompleteRead) as cut:
        ask()
    assert b"One" in cut.value.partial
    with pytest.raises((ConnectionResetError, http.client.IncompleteRead)):
        ask()
    with pytest.raises(http.client.IncompleteRead):
        ask(stream=False)


def test_a_stall_keeps_the_connection_open(emulator: Emulator, client: openai.OpenAI) -> None:
    impatient = client.with_options(timeout=0.1)
    messages: list[Any] = [{"role": "user", "content": "Hi"}]
    for fault in (faults.stall_before_headers(), faults.stall_after_headers("application/json")):
        emulator.reply(fault)
        with pytest.raises(openai.APITimeoutError):
            impatient.chat.completions.create(model="qwen-plus", messages=messages)
    emulator.reply(faults.stall_after(TEXT, 2))
    stream = impatient.chat.completions.create(model="qwen-plus", messages=messages, stream=True)
    # The SDK's 2.x lets its HTTP library's own exception through in mid-stream.
    with pytest.raises(Exception, match="timed out"):
        list(stream)


def test_statuses_and_waiting(ask: Callable[..., Any], emulator: Emulator) -> None:
    for status in (400, 401, 403, 404, 409, 429, 500, 503):
        emulator.reply(faults.failing(status))
        assert ask(stream=False).status == status
    emulator.reply(faults.failing(429, retry_after="2", times=2), "fine")
    assert [ask(stream=False).headers.get("retry-after") for _ in range(3)] == ["2", "2", None]


def test_a_huge_chunk(ask: Callable[..., Any], emulator: Emulator) -> None:
    emulator.reply(faults.huge_chunk())
    assert len(contents(ask())) == 4 * 1024 * 1024


def test_line_separators_stay_in_one_event(ask: Callable[..., Any], emulator: Emulator) -> None:
    emulator.reply(Reply([faults.LINE_SEPARATORS]))
    answered = ask()
    assert "\u2028" in answered.body.decode()
    assert contents(answered) == faults.LINE_SEPARATORS


def test_frames_without_blank_lines(raw: Any, emulator: Emulator) -> None:
    emulator.reply(faults.without_blank_lines(TEXT))
    body = raw.native(stream=True).body
    assert b"\n\n" not in body
    assert contents(raw.native(stream=True)) != ""


def test_faults_of_any_request(raw: Any, emulator: Emulator) -> None:
    emulator.reply(faults.edited(None, lambda payload: {**payload, "data": []}))
    answered = raw.send("POST", "/compatible-mode/v1/embeddings", {"model": "text-embedding-v4", "input": "x"})
    assert answered.json["data"] == []


def test_own_bytes_can_be_altered_like_any_reply(raw: Any, emulator: Emulator) -> None:
    emulator.reply(faults.in_segments(RawReply(200, {}, [b"abcdef"]), 2))
    assert raw.chat().body == b"abcdef"
    assert emulator.last_request.chunks_sent == 3


def test_a_fault_can_last_several_requests(raw: Any, emulator: Emulator) -> None:
    emulator.reply(Mutated("x", faults.without_usage().mutate, times=2))
    assert ["usage" in raw.chat().json for _ in range(3)] == [False, False, True]
