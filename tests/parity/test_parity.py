"""Nobody can tell from an answer over which wire, in which mode or through which framework it came."""

import warnings

import pytest

from qwen_core.errors import QwenWarning
from qwen_emulator import Emulator
from tests.parity.scenarios import NATIVE_SCENARIOS, SCENARIOS, Outcome, Scenario
from tests.parity.ways import STREAMED, WHOLE, Ask, settings_for

PROTOCOLS = ["openai", "dashscope"]


def check(scenario: Scenario, ask: Ask, protocol: str, emulator: Emulator) -> None:
    """The way gives the scenario's outcome. Usage is compared where the scenario says one."""
    emulator.reply(scenario.answer)
    with warnings.catch_warnings(record=True) as told:
        if scenario.warning:
            # Others stay errors: instrumentors that other tests leave on count on it, and swallow them.
            warnings.simplefilter("always", QwenWarning)
        seen = ask(scenario, settings_for(emulator.base_url, protocol))
    texts = [str(warning.message) for warning in told]
    assert len(texts) == bool(scenario.warning) and all(scenario.warning in text for text in texts)
    wanted = scenario.outcome
    if not wanted.usage:
        seen = Outcome(**{**seen.__dict__, "usage": ()})
    if wanted.error:
        seen = Outcome(**{**seen.__dict__, "finish_reason": wanted.finish_reason})
    assert seen == wanted


def named(scenarios: list[Scenario]) -> list[object]:
    return [pytest.param(scenario, id=scenario.name) for scenario in scenarios]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("way", WHOLE)
@pytest.mark.parametrize("scenario", named([row for row in SCENARIOS if not row.streamed_only]))
def test_whole(scenario: Scenario, way: str, protocol: str, qwen_emulator: Emulator) -> None:
    check(scenario, WHOLE[way], protocol, qwen_emulator)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("way", STREAMED)
@pytest.mark.parametrize("scenario", named([row for row in SCENARIOS if not row.whole_only]))
def test_streamed(scenario: Scenario, way: str, protocol: str, qwen_emulator: Emulator) -> None:
    check(scenario, STREAMED[way], protocol, qwen_emulator)


@pytest.mark.parametrize("protocol", ["auto", "dashscope"])
@pytest.mark.parametrize("way", WHOLE)
@pytest.mark.parametrize("scenario", named(NATIVE_SCENARIOS))
def test_what_only_native_carries(scenario: Scenario, way: str, protocol: str, qwen_emulator: Emulator) -> None:
    check(scenario, WHOLE[way], protocol, qwen_emulator)
    qwen_emulator.reset()
    check(scenario, STREAMED[way], protocol, qwen_emulator)
    assert qwen_emulator.last_request.protocol == "dashscope"


def test_a_history_made_on_one_wire_continues_on_the_other(qwen_emulator: Emulator) -> None:
    """The tool round is the same conversation on both."""
    row = next(row for row in SCENARIOS if row.name == "a tool's result")
    for protocol in PROTOCOLS:
        for way in (*WHOLE.values(), *STREAMED.values()):
            check(row, way, protocol, qwen_emulator)
            assert len(qwen_emulator.last_request.messages) == 3
