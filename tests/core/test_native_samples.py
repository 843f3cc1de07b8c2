"""Sample responses of the native protocol decode as expected: complete, streamed, and split at any byte."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_core import errors
from qwen_core.errors import QwenError
from qwen_core.models.catalogue import resolve
from qwen_core.models.profile import ModelProfile
from qwen_core.protocols.dashscope import DashScopeNative
from qwen_core.protocols.stream_parser import StreamParser
from qwen_core.types.accumulator import accumulate
from qwen_core.types.events import Event
from qwen_core.types.responses import ChatResponse
from tests.core.test_openai_samples import check

FOLDER = Path(__file__).parent / "native_samples"
EXPECTED: dict[str, dict[str, Any]] = json.loads((FOLDER / "expected.json").read_text("utf-8"))
WHOLE = sorted(name for name in EXPECTED if name.endswith(".json"))
STREAMS = sorted(name for name in EXPECTED if name.endswith(".sse"))

PROTOCOL = DashScopeNative()


def profile(name: str) -> ModelProfile:
    """Return a profile of a model that sends such a stream."""
    return msgspec.structs.replace(
        resolve("qwen3.7-plus"), cumulative_stream=EXPECTED[name].get("cumulative", False)
    )


def read_stream(name: str, segments: list[bytes]) -> tuple[list[Event], QwenError | None]:
    """Return all events of a stream, and the error that ended it."""
    reader = StreamParser(PROTOCOL.stream_decoder(profile(name)))
    events: list[Event] = []
    try:
        for segment in segments:
            events += reader.feed(segment)
        while not reader.closed:
            events += reader.close()
    except QwenError as error:
        return events, error
    return events, None


def check_native(response: ChatResponse, expected: dict[str, Any]) -> None:
    """Assert that the response equals the expectation, including citations and extras."""
    check(response, expected)
    found = [[source.index, source.url, source.title, source.site_name] for source in response.citations]
    assert found == expected.get("citations", [])
    assert (response.search_info or {}).get("extra_tool_info", []) == expected.get("extra_tool_info", [])
    assert response.extras == expected.get("extras")
    assert response.choices[0].logprobs == expected.get("logprobs")
    if "choices" in expected:
        assert [choice.message.text for choice in response.choices] == expected["choices"]
    if "error" not in expected:
        assert response.model == expected.get("model", "qwen3.7-plus")


def test_every_sample_file_has_an_expectation() -> None:
    assert {path.name for path in FOLDER.glob("*.json")} - {"expected.json", "embedding_v4_dense.json"} == set(
        WHOLE
    )
    assert {path.name for path in FOLDER.glob("*.sse")} == set(STREAMS)


@pytest.mark.parametrize("name", WHOLE)
def test_complete_response_sample_is_decoded(name: str) -> None:
    payload = (FOLDER / name).read_bytes()
    response = PROTOCOL.decode_chat(payload, profile(name))
    check_native(response, EXPECTED[name])
    assert response.raw == json.loads(payload)
    assert response.request_id == response.id == response.raw["request_id"]


@pytest.mark.parametrize("name", STREAMS)
def test_stream_sample_is_decoded(name: str) -> None:
    expected = EXPECTED[name]
    events, error = read_stream(name, [(FOLDER / name).read_bytes()])
    check_native(accumulate(events), expected)
    if "error" not in expected:
        assert error is None
        return
    assert type(error) is getattr(errors, expected["kind"])
    assert error.status_code == expected["status"]
    assert error.request_id
    assert error.raw_code == (None if expected["error"] == "cut" else expected["error"])


@pytest.mark.parametrize("name", STREAMS)
@given(data=st.data())
def test_events_do_not_depend_on_segment_boundaries(name: str, data: st.DataObject) -> None:
    body = (FOLDER / name).read_bytes()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=12)))
    segments = [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    whole, whole_error = read_stream(name, [body])
    events, error = read_stream(name, segments)
    assert events == whole
    assert repr(error) == repr(whole_error)


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("newline", [b"\r\n", b"\r", b"\n"])
def test_stream_is_decoded_byte_by_byte_with_any_newline(name: str, newline: bytes) -> None:
    body = (FOLDER / name).read_bytes()
    whole, _ = read_stream(name, [body])
    changed = b"\xef\xbb\xbf: a comment\n\n" + body
    events, _ = read_stream(name, [bytes([byte]) for byte in changed.replace(b"\n", newline)])
    assert events == whole


@pytest.mark.parametrize("name", STREAMS)
def test_stream_events_without_blank_lines_are_decoded(name: str) -> None:
    body = (FOLDER / name).read_bytes()
    whole, whole_error = read_stream(name, [body])
    events, error = read_stream(name, [body.replace(b"\n\n", b"\n")])
    assert events == whole
    assert repr(error) == repr(whole_error)


@pytest.mark.parametrize("name", [name for name in STREAMS if "error" not in EXPECTED[name]])
def test_stream_truncated_anywhere_raises_an_error(name: str) -> None:
    body = (FOLDER / name).read_bytes()
    last = body.rindex(b"data:")
    for end in range(0, last, 61):
        _, error = read_stream(name, [body[:end]])
        assert error is not None


def test_embeddings_are_ordered_by_text_index() -> None:
    payload = (FOLDER / "embedding_v4_dense.json").read_bytes()
    sent = {row["text_index"]: row["embedding"] for row in json.loads(payload)["output"]["embeddings"]}
    response = PROTOCOL.decode_embeddings(payload, {})
    assert response.vectors == [sent[0], sent[1]]
    assert response.total_tokens == 9 and response.request_id
