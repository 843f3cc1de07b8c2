"""Responses do not depend on protocol, mode or framework."""

import warnings

import pytest

from qwen_core.errors import QwenWarning
from qwen_emulator import Emulator
from tests.parity.scenarios import NATIVE_SCENARIOS, SCENARIOS, Outcome, Scenario
from tests.parity.surfaces import STREAMED, WHOLE, Ask, settings_for

PROTOCOLS = ["openai", "dashscope"]


def check(scenario: Scenario, ask: Ask, protocol: str, emulator: Emulator) -> None:
    """Assert that the surface gives the scenario's outcome, including usage if the scenario states one."""
    emulator.reply(scenario.answer)
    with warnings.catch_warnings(record=True) as told:
        if scenario.warning:
            # Others stay errors: instrumentors that other tests leave enabled rely on that, and swallow them.
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
def test_complete_response_is_the_same_on_every_surface(
    scenario: Scenario, way: str, protocol: str, qwen_emulator: Emulator
) -> None:
    check(scenario, WHOLE[way], protocol, qwen_emulator)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("way", STREAMED)
@pytest.mark.parametrize("scenario", named([row for row in SCENARIOS if not row.whole_only]))
def test_streamed_response_is_the_same_on_every_surface(
    scenario: Scenario, way: str, protocol: str, qwen_emulator: Emulator
) -> None:
    check(scenario, STREAMED[way], protocol, qwen_emulator)


@pytest.mark.parametrize("protocol", ["auto", "dashscope"])
@pytest.mark.parametrize("way", WHOLE)
@pytest.mark.parametrize("scenario", named(NATIVE_SCENARIOS))
def test_native_only_features_are_the_same_on_every_surface(
    scenario: Scenario, way: str, protocol: str, qwen_emulator: Emulator
) -> None:
    check(scenario, WHOLE[way], protocol, qwen_emulator)
    qwen_emulator.reset()
    check(scenario, STREAMED[way], protocol, qwen_emulator)
    assert qwen_emulator.last_request.protocol == "dashscope"


def test_history_of_one_protocol_continues_on_the_other(qwen_emulator: Emulator) -> None:
    """Run the tool round on both protocols with the same messages."""
    row = next(row for row in SCENARIOS if row.name == "tool result")
    for protocol in PROTOCOLS:
        for way in (*WHOLE.values(), *STREAMED.values()):
            check(row, way, protocol, qwen_emulator)
            assert len(qwen_emulator.last_request.messages) == 3
