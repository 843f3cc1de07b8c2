"""The ways of the parity list against the real service. Skipped without a key; a run costs a few cents.

DASHSCOPE_API_KEY=sk-... DASHSCOPE_REGION=intl python -m pytest tests/live
"""

import os

import pytest

from langchain_qwen import ChatQwen, QwenBatch, QwenEmbeddings
from qwen_core import ClientSettings
from qwen_core.config.settings import ProtocolChoice
from tests.parity.scenarios import WEATHER, Outcome, Scenario, user
from tests.parity.surfaces import STREAMED, WHOLE

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not os.environ.get("DASHSCOPE_API_KEY"), reason="needs DASHSCOPE_API_KEY"),
]

MODEL = os.environ.get("QWEN_MODEL", "qwen-flash")
REGION = os.environ.get("DASHSCOPE_REGION")
PROTOCOLS: list[ProtocolChoice] = ["openai", "dashscope"]
WAYS = {f"{name}, whole": way for name, way in WHOLE.items()} | {
    f"{name}, streamed": way for name, way in STREAMED.items()
}

SAY_YES = Scenario("say yes", None, Outcome(), (user("Answer with the word yes."),), MODEL, {"max_tokens": 16})
CALL = Scenario(
    "call a tool",
    None,
    Outcome(),
    (user("What is the weather in Paris?"),),
    MODEL,
    {"tools": (WEATHER,), "tool_choice": "get_weather", "enable_thinking": False, "max_tokens": 64},
)


def settings(protocol: ProtocolChoice) -> ClientSettings:
    return ClientSettings(region=REGION, protocol=protocol)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("way", WAYS)
def test_text(way: str, protocol: ProtocolChoice) -> None:
    seen = WAYS[way](SAY_YES, settings(protocol))
    assert not seen.error, seen
    assert "yes" in seen.text.lower()
    assert seen.finish_reason == "stop"
    assert dict(seen.usage)["output_tokens"] > 0


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("way", WAYS)
def test_a_tool_call(way: str, protocol: ProtocolChoice) -> None:
    seen = WAYS[way](CALL, settings(protocol))
    assert not seen.error, seen
    assert [(name, "Paris" in arguments) for _, name, arguments in seen.tool_calls] == [("get_weather", True)]
    assert seen.finish_reason == "tool_calls"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_unknown_model(protocol: ProtocolChoice) -> None:
    scenario = Scenario("unknown", None, Outcome(), (user("hi"),), "qwen-nonexistent")
    assert WHOLE["core"](scenario, settings(protocol)).error == "NotFoundError"


def test_a_batch_job_of_the_model_that_costs_nothing() -> None:
    model = ChatQwen(model="batch-test-model", region=REGION)
    batch = QwenBatch(model, endpoint="/v1/chat/ds-test", completion_window="24h", poll_seconds=10)
    assert all(answer.content for answer in batch.batch(["Hello!", "What is 2+2?"]))
    assert batch.clean_up() >= 2


def test_embeddings() -> None:
    vectors = QwenEmbeddings(region=REGION, dimensions=64).embed_documents(
        [f"text {number}" for number in range(12)]
    )
    assert [len(vector) for vector in vectors] == [64] * 12
