"""Requests as batch lines and files: within the limits, each exactly once, encoded like single calls."""

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_core import ClientSettings
from qwen_core.errors import ContextOverflowError, QwenError, QwenWarning, UnsupportedFeatureError
from qwen_core.execution.plan import CallPlan, plan_chat
from qwen_core.models.catalogue import resolve
from qwen_core.models.context_limit import documented_limit
from qwen_core.resources.batches import Limits
from qwen_core.resources.batches.lines import Line, prepare, split, within_window
from qwen_core.types.messages import ImagePart, Message, TextPart, Tool
from qwen_core.types.requests import ChatRequest
from tests.media.generated_media import png_image
from tests.scale.conftest import ask

SETTINGS = ClientSettings(api_key="sk", base_url="http://127.0.0.1:1")
ENDPOINT = "/v1/chat/completions"

groups = st.tuples(st.sampled_from(["a", "b"]), st.sampled_from([None, True]))
limits = st.builds(Limits, lines=st.integers(1, 5), file_bytes=st.integers(20, 60), line_bytes=st.just(20))


@given(st.lists(st.tuples(st.binary(min_size=1, max_size=20), groups), max_size=30), limits)
def test_batch_split_respects_limits_and_keeps_every_line(
    parts: list[tuple[bytes, tuple[str, bool | None]]], limit: Limits
) -> None:
    lines = [Line(place, text, group) for place, (text, group) in enumerate(parts)]
    files = split(lines, limit)
    assert sorted(line.position for file in files for line in file.lines) == list(range(len(lines)))
    for file in files:
        assert 1 <= len(file.lines) <= limit.lines
        assert sum(len(line.text) for line in file.lines) <= limit.file_bytes
        assert len({line.group for line in file.lines}) == 1
        assert [line.position for line in file.lines] == sorted(line.position for line in file.lines)


@given(st.lists(st.text(min_size=1), min_size=1, max_size=5))
def test_batch_line_holds_any_text(texts: list[str]) -> None:
    requests = [ask(text) for text in texts]
    prepared = prepare(SETTINGS, requests, ENDPOINT)
    (file,) = prepared.files
    rows = b"".join(line.text for line in file.lines).splitlines()
    assert len(rows) == len(texts)
    for place, (row, text) in enumerate(zip(rows, texts, strict=True)):
        line = json.loads(row)
        assert (line["custom_id"], line["method"], line["url"]) == (str(place), "POST", ENDPOINT)
        assert line["body"]["messages"][-1]["content"] == text


def test_batch_line_equals_the_body_of_a_single_call() -> None:
    tool = Tool(name="f", description="", parameters={"type": "object", "properties": {}})
    request = ask("Hi", model="qwen3.7-plus", tools=(tool,), enable_thinking=False, temperature=0.5)
    (file,) = prepare(SETTINGS, [request], ENDPOINT).files
    single = plan_chat(request, SETTINGS, stream=False, asynchronous=False)
    body = json.loads(file.lines[0].text)["body"]
    assert body == json.loads(single.encoded.body)
    assert body["enable_thinking"] is False and "stream" not in body


def test_batch_files_are_separate_per_model_and_thinking() -> None:
    requests = [
        ask("1"),
        ask("2", "qwen-flash"),
        ask("3", enable_thinking=True),
        ask("4"),
    ]
    places = [[line.position for line in file.lines] for file in prepare(SETTINGS, requests, ENDPOINT).files]
    assert places == [[0, 3], [1], [2]]


def test_batch_run_key_depends_on_the_sent_content() -> None:
    def key(*texts: str, origin: tuple[str, ...] = (), **fields: Any) -> str:
        return prepare(SETTINGS, [ask(text, **fields) for text in texts], ENDPOINT, origin=origin).key

    assert key("1", "2") == key("1", "2")
    others = [key("2", "1"), key("1"), key("1", "2", max_tokens=5), key("1", "2", origin=("x",)), key("12")]
    assert len({key("1", "2"), *others}) == 6


UNSUPPORTED_REQUESTS = [
    (ask("Hi", modalities=("text", "audio"), model="qwen3.5-omni-plus"), "audio output"),
    (ask("x" * 300), "bytes"),
    (ask("Hi", server_tools=({"type": "web_search"},)), "tools that the service runs"),
    (
        ChatRequest(model="qwen3-vl-plus", messages=(Message("user", (ImagePart("oss://a/b.png"),)),)),
        "headers",
    ),
    (ask("Hi", ocr_options={"task": "text_recognition"}), "OpenAI-compatible"),
]


@pytest.mark.parametrize(("request_", "said"), UNSUPPORTED_REQUESTS)
def test_unsupported_batch_requests_are_refused(request_: ChatRequest, said: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", QwenWarning)
        prepared = prepare(SETTINGS, [ask("1"), request_], ENDPOINT, Limits(line_bytes=300))
    good, bad = prepared.plans
    assert isinstance(good, CallPlan) and isinstance(bad, UnsupportedFeatureError)
    assert said in str(bad) and prepared.sent == 1


def test_batches_are_refused_on_dashscope_protocol() -> None:
    with pytest.raises(QwenError, match="OpenAI-compatible"):
        prepare(ClientSettings(api_key="sk", protocol="dashscope"), [ask("1")], ENDPOINT)


def test_batch_context_limit_is_lower(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = [documented_limit(within_window(resolve(name))) for name in ("qwen-plus", "qwen-max")]
    assert limits == [262_144, documented_limit(resolve("qwen-max"))]
    settings = ClientSettings(api_key="sk", region="cn-beijing")
    monkeypatch.setattr("qwen_core.resources.batches.lines.BATCH_WINDOW", 100)
    good, bad = prepare(settings, [ask("Hi"), ask("word " * 2000)], ENDPOINT).plans
    assert isinstance(good, CallPlan) and isinstance(bad, ContextOverflowError)


def test_model_without_batches_warns_once() -> None:
    settings = ClientSettings(api_key="sk", region="cn-beijing")
    with pytest.warns(QwenWarning, match="no batches for qwen3-coder-flash in cn-beijing") as told:
        prepare(settings, [ask("1", "qwen3-coder-flash"), ask("2", "qwen3-coder-flash")], ENDPOINT)
    assert len(told) == 1
    prepare(settings, [ask("1")], ENDPOINT)


def test_local_images_are_inlined_in_batch_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png_image())
    parts = (ImagePart(str(path)), TextPart("What?"))
    request = ChatRequest(
        model="qwen3-vl-plus", messages=(Message("user", parts),), allow_local_files=(str(tmp_path),)
    )
    (file,) = prepare(SETTINGS, [request], ENDPOINT).files
    assert b"data:image/png;base64," in file.lines[0].text
