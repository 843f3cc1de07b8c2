"""Fuzzing: mutated samples of both protocols and payloads by hypothesis raise only typed errors."""

import json
import random
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qwen_core import QwenError
from qwen_core.models.catalogue import resolve
from qwen_core.protocols import sse as server_sent_events
from qwen_core.protocols import stream_parser as stream_reader
from qwen_core.protocols.base import Protocol
from qwen_core.protocols.registry import DASHSCOPE_NATIVE, OPENAI_COMPATIBLE
from qwen_core.protocols.stream_parser import StreamParser
from qwen_core.types.accumulator import accumulate
from qwen_core.types.events import Event

HERE = Path(__file__).parent.parent / "core"
SAMPLES = [
    *((path, "openai") for path in sorted((HERE / "samples").rglob("*.*"))),
    *((path, "dashscope") for path in sorted((HERE / "native_samples").glob("*.*"))),
]
SAMPLES = [row for row in SAMPLES if row[0].suffix in (".sse", ".json") and row[0].name != "expected.json"]
PROTOCOLS: dict[str, Protocol] = {"openai": OPENAI_COMPATIBLE, "dashscope": DASHSCOPE_NATIVE}
PROFILE = resolve("qwen-plus")
SECONDS = 0.12
"""Seconds per sample; about ten in total."""
TRICKS = (
    *(b"null", b"[]", b"{}", b"1e999", b"-1", b"true", b"NaN", b'"x"', b'"\\ud800"', b"99999999999999999999"),
    *(b"\xff\xfe", b"\xef\xbb\xbf", b"\x00", b"\r", b"\n\n", b"data:", b":", b"[" * 2000, b'{"a":' * 2000),
)


def read(protocol: Protocol, body: bytes, cuts: tuple[int, ...] = ()) -> str:
    """Decode bytes in these segments and return the text so far; only QwenErrors may be raised."""
    reader = StreamParser(protocol.stream_decoder(PROFILE, {}))
    events: list[Event] = []
    places = [0, *sorted(cuts), len(body)]
    try:
        for start, end in pairwise(places):
            events += reader.feed(body[start:end])
            if reader.done:
                break
        while not reader.closed:
            events += reader.close()
    except QwenError:
        pass
    return accumulate(events).text


def mutations(body: bytes, chance: random.Random) -> Iterator[bytes]:
    """Yield the body with bytes changed, removed, duplicated, moved and replaced."""
    while True:
        start, end = sorted((chance.randrange(len(body) + 1), chance.randrange(len(body) + 1)))
        end = min(end, start + chance.choice((1, 4, 40, 4000)))
        yield chance.choice(
            (
                body[:start] + bytes([chance.randrange(256)]) + body[start + 1 :],
                body[:start] + body[end:],
                body[:end] + body[start:],
                body[:start] + chance.choice(TRICKS) + body[end:],
                body[:start],
            )
        )


@pytest.mark.parametrize(("path", "name"), [pytest.param(*row, id=row[0].name) for row in SAMPLES])
def test_mutated_samples_raise_only_typed_errors_in_time(path: Path, name: str) -> None:
    protocol, body = PROTOCOLS[name], path.read_bytes()
    chance = random.Random(path.name)
    end = time.monotonic() + SECONDS
    for count, mutated in enumerate(mutations(body, chance)):
        begin = time.monotonic()
        read(protocol, mutated, tuple(chance.randrange(len(mutated) + 1) for _ in range(3)))
        with suppress(QwenError):
            protocol.decode_chat(mutated, PROFILE, {})
        assert time.monotonic() - begin < 2
        if time.monotonic() > end and count > 20:
            break


NAMES = """choices delta message content role tool_calls index id function name arguments finish_reason usage
prompt_tokens prompt_tokens_details output text request_id code error audio data logprobs created search_info
search_results reasoning_content model url title"""
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES.split()), inner, max_size=6),
    max_leaves=25,
)


@pytest.mark.parametrize("name", ["openai", "dashscope"])
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(values=st.lists(JSON, max_size=4))
def test_generated_payloads_raise_only_typed_errors(name: str, values: list[object]) -> None:
    protocol = PROTOCOLS[name]
    payloads = [json.dumps(value).encode() for value in values]
    read(protocol, b"".join(b"data: " + payload + b"\n\n" for payload in payloads))
    for payload in payloads:
        for decode in (
            lambda body: protocol.decode_chat(body, PROFILE, {}),
            lambda body: protocol.error(500, body, {}),
        ):
            with suppress(QwenError):
                decode(payload)


@settings(max_examples=200, deadline=None)
@given(text=st.text(min_size=1), data=st.data())
def test_streamed_text_is_unchanged(text: str, data: st.DataObject) -> None:
    chunk = {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": "stop"}]}
    body = (
        b"data: " + json.dumps(chunk, ensure_ascii=data.draw(st.booleans())).encode("utf-8", "replace") + b"\n\n"
    )
    cuts = data.draw(st.lists(st.integers(0, len(body)), max_size=8))
    if not any(0xD800 <= ord(character) < 0xE000 for character in text):
        assert read(PROTOCOLS["openai"], body, tuple(cuts)) == text


FLOODS = (b"x" * 65536, b": ping\n\n", b"data: x\n", b" " * 4096, b'{"a": "' + b"y" * 65536)


@pytest.mark.parametrize("flood", FLOODS)
def test_endless_body_raises_an_error(flood: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_sent_events, "MAX_EVENT", 1 << 20)
    monkeypatch.setattr(stream_reader, "MAX_EVENT", 1 << 20)
    reader = StreamParser(PROTOCOLS["openai"].stream_decoder(PROFILE, {}))
    with pytest.raises(QwenError):
        for _ in range(1 << 18):
            reader.feed(flood)
