"""Parsing response bytes: any framing, split anywhere."""

import msgspec
import pytest

from qwen_core.errors import IncompleteStreamError, InvalidResponseError, QwenError, RateLimitError
from qwen_core.models.catalogue import resolve
from qwen_core.protocols.openai_chat import OpenAICompatible
from qwen_core.protocols.stream_parser import StreamParser
from qwen_core.types.accumulator import accumulate
from qwen_core.types.events import Event
from qwen_core.types.responses import ChatResponse

BOM = b"\xef\xbb\xbf"


def chunk(text: str, finish_reason: str | None = None) -> bytes:
    """Return one chunk payload."""
    return msgspec.json.encode({"choices": [{"delta": {"content": text}, "finish_reason": finish_reason}]})


def read(*segments: bytes) -> ChatResponse:
    """Read the segments to the end, as a client does, and return the response."""
    reader = StreamParser(OpenAICompatible().stream_decoder(resolve("qwen-plus"), {}))
    events: list[Event] = []
    try:
        for segment in segments:
            events += reader.feed(segment)
            if reader.done:
                break
        while not reader.closed:
            events += reader.close()
    except QwenError as error:
        error.partial = accumulate(events)
        raise
    return accumulate(events)


ONE, TWO = b"data: " + chunk("a") + b"\n\n", b"data:" + chunk("b", "stop") + b"\n\n"
ERROR = b'data: {"error":{"code":"429","message":"slow down"},"request_id":"r"}\n\n'
BODY = b'{"choices":[{"message":{"content":"ab"},"finish_reason":"stop"}]}'
READ = {
    "two events": [ONE, TWO],
    "in one segment": [ONE + TWO],
    "split inside a line": [ONE[:9], ONE[9:-1], ONE[-1:] + TWO[:-9], TWO[-9:]],
    "no newline at the end": [ONE, TWO.rstrip()],
    "CR LF split between CR and LF": [ONE[:-2] + b"\r", b"\n\r", b"\n" + TWO],
    "empty segment": [ONE, b"", TWO],
    "leading blank segments": [b"\n", b" ", ONE, TWO],
    "byte order mark": [BOM + ONE, TWO],
    "byte order mark, split": [BOM[:1], BOM[1:] + ONE, TWO],
    "byte order mark, no newline": [BOM + b"data: " + chunk("ab", "stop")],
    "JSON body": [BODY],
    "JSON body after white space, split": [b" \n", BODY[:20], BODY[20:]],
    "JSON body after a byte order mark, split": [BOM[:2], BOM[2:] + BODY],
    "error after the end": [ONE, TWO, b"data: [DONE]\n\n" + ERROR],
    "incomplete event after the end": [ONE, TWO + b"data: {"],
}
FAILED = {
    "nothing": ([], IncompleteStreamError, ""),
    "blank": ([b"\n", b" "], IncompleteStreamError, ""),
    "HTML page": ([b"<html>", b"</html>"], InvalidResponseError, ""),
    "HTML page without newline in many segments": ([b"<p>" * 9] * 9, InvalidResponseError, ""),
    "endless white space": ([b" " * 4096] * 17, InvalidResponseError, ""),
    "only comments": ([b": wait\n\n"], IncompleteStreamError, ""),
    "incomplete event": ([ONE, TWO[:-9]], IncompleteStreamError, "a"),
    "error event": ([ERROR], RateLimitError, ""),
    "error between events": ([ONE + ERROR + TWO], RateLimitError, "a"),
    "error before events": ([ERROR + ONE, TWO], RateLimitError, ""),
    "events after an error": ([ONE + ERROR, TWO], RateLimitError, "a"),
    "error at the end": ([ONE, ERROR.rstrip()], RateLimitError, "a"),
    "truncated JSON body": ([BODY[:20]], IncompleteStreamError, ""),
}


@pytest.mark.parametrize("name", READ)
def test_stream_bytes_are_parsed_in_any_framing(name: str) -> None:
    assert read(*READ[name]).text == "ab"


@pytest.mark.parametrize("name", FAILED)
def test_invalid_stream_bytes_raise_typed_error_with_partial(name: str) -> None:
    segments, kind, text = FAILED[name]
    with pytest.raises(kind) as caught:
        read(*segments)
    assert type(caught.value) is kind
    assert caught.value.partial is not None and caught.value.partial.text == text
    assert caught.value.request_id == ("r" if kind is RateLimitError else None)
