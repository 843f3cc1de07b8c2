"""Recorded OpenAI-compatible responses decode as expected: complete, streamed, and split at any byte."""

import json
from pathlib import Path
from typing import Any

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_core.errors import IncompleteStreamError, QwenError
from qwen_core.models.catalogue import resolve
from qwen_core.protocols.openai_chat import OpenAICompatible
from qwen_core.protocols.stream_parser import StreamParser
from qwen_core.types.accumulator import accumulate
from qwen_core.types.events import Event
from qwen_core.types.responses import ChatResponse

FOLDER = Path(__file__).parent / "samples" / "compatible"
EXPECTED: dict[str, dict[str, Any]] = json.loads((FOLDER / "expected.json").read_text("utf-8"))
WHOLE = sorted(name for name in EXPECTED if name.endswith(".json"))
STREAMS = sorted(name for name in EXPECTED if name.endswith(".sse"))

PROTOCOL = OpenAICompatible()
PROFILE = resolve("qwen3.7-plus")


def read_stream(segments: list[bytes]) -> tuple[list[Event], QwenError | None]:
    """Return all events of a stream, and the error that ended it."""
    reader = StreamParser(PROTOCOL.stream_decoder(PROFILE))
    events: list[Event] = []
    try:
        for segment in segments:
            events += reader.feed(segment)
        while not reader.closed:
            events += reader.close()
    except QwenError as error:
        return events, error
    return events, None


def check(response: ChatResponse, expected: dict[str, Any]) -> None:
    """Assert that the response equals the expectation."""
    assert response.text == expected.get("text", "")
    assert response.reasoning == expected.get("reasoning", "")
    calls = [[call.id, call.name, call.arguments] for call in response.tool_calls]
    assert calls == expected.get("tool_calls", [])
    audio = response.choices[0].audio
    assert (audio.data if audio else "") == expected.get("audio", "")
    if "error" in expected:
        return
    assert response.finish_reason == expected["finish_reason"]
    if "usage" not in expected:
        assert response.usage is None
        return
    assert response.usage is not None
    for name, count in expected["usage"].items():
        assert getattr(response.usage, name) == count, name


def test_every_sample_file_has_an_expectation() -> None:
    assert {path.name for path in FOLDER.glob("*.json")} - {"expected.json", "embeddings.json"} == set(WHOLE)
    assert {path.name for path in FOLDER.glob("*.sse")} == set(STREAMS)


@pytest.mark.parametrize("name", WHOLE)
def test_complete_response_sample_is_decoded(name: str) -> None:
    payload = (FOLDER / name).read_bytes()
    response = PROTOCOL.decode_chat(payload, PROFILE)
    check(response, EXPECTED[name])
    assert response.raw == json.loads(payload)


@pytest.mark.parametrize("name", STREAMS)
def test_stream_sample_is_decoded(name: str) -> None:
    events, error = read_stream([(FOLDER / name).read_bytes()])
    check(accumulate(events), EXPECTED[name])
    wanted = EXPECTED[name].get("error")
    if wanted is None:
        assert error is None
    elif wanted == "cut":
        assert isinstance(error, IncompleteStreamError)
    else:
        assert error is not None and error.code == wanted


@pytest.mark.parametrize("name", STREAMS)
@given(data=st.data())
def test_events_do_not_depend_on_segment_boundaries(name: str, data: st.DataObject) -> None:
    body = (FOLDER / name).read_bytes()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=12)))
    segments = [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    whole, whole_error = read_stream([body])
    events, error = read_stream(segments)
    assert events == whole
    assert repr(error) == repr(whole_error)


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("newline", [b"\r\n", b"\r", b"\n"])
def test_stream_is_decoded_byte_by_byte_with_any_newline(name: str, newline: bytes) -> None:
    body = (FOLDER / name).read_bytes()
    whole, _ = read_stream([body])
    changed = b"\xef\xbb\xbf: a comment\n\n" + body
    events, _ = read_stream([bytes([byte]) for byte in changed.replace(b"\n", newline)])
    assert events == whole


@pytest.mark.parametrize("name", STREAMS)
def test_stream_truncated_before_finish_reason_raises_an_error(name: str) -> None:
    body = (FOLDER / name).read_bytes()
    finish = body.find(b'"finish_reason":"')
    for end in range(0, finish if finish > 0 else len(body), 97):
        _, error = read_stream([body[:end]])
        assert error is not None


@pytest.mark.parametrize("name", [name for name in STREAMS if "error" not in EXPECTED[name]])
def test_openai_sdk_decodes_the_same_stream_alike(name: str) -> None:
    """Compare with the SDK's own decoder of the same bytes: text, reasoning and arguments agree."""
    client = openai.OpenAI(api_key="none", max_retries=0)
    http = __import__(type(client.base_url).__module__.partition(".")[0])
    body = (FOLDER / name).read_bytes()
    handler = http.MockTransport(
        lambda request: http.Response(200, headers={"content-type": "text/event-stream"}, content=body)
    )
    client = openai.OpenAI(api_key="none", max_retries=0, http_client=http.Client(transport=handler))
    text = reasoning = ""
    arguments: dict[int, str] = {}
    stream = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}], stream=True)
    for chunk in stream:
        for choice in chunk.choices:
            delta = choice.delta
            extra = delta.model_extra or {}
            audio = getattr(delta, "audio", None) or {}
            transcript = audio.get("transcript") if isinstance(audio, dict) else audio.transcript
            text += delta.content or transcript or ""
            reasoning += extra.get("reasoning_content") or extra.get("reasoning") or ""
            for call in delta.tool_calls or []:
                function = call.function
                arguments[call.index] = arguments.get(call.index, "") + (
                    function.arguments or "" if function else ""
                )
    ours = accumulate(read_stream([body])[0])
    assert (ours.text, ours.reasoning) == (text, reasoning)
    assert [call.arguments for call in ours.tool_calls] == [arguments[index] for index in sorted(arguments)]


def test_embeddings_sample_is_decoded() -> None:
    response = PROTOCOL.decode_embeddings((FOLDER / "embeddings.json").read_bytes(), {"x-request-id": "r"})
    assert response.vectors == [
        [0.0023064255, -0.009327292, 0.0134, -0.0028842222],
        [0.0123064255, -0.019327292, 0.0034, -0.0128842222],
    ]
    assert (response.model, response.total_tokens, response.request_id) == ("text-embedding-v4", 23, "r")
