"""Costs, compared with figures computed by hand from the price lists (CNY per million tokens)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from qwen_core.execution.cost_totals import CostTotals
from qwen_core.models import Price, all_models, resolve
from qwen_core.models.pricing import cost, unit_cost
from qwen_core.models.profile import Unit
from qwen_core.types.usage import Cost, Usage

BEIJING, SINGAPORE, VIRGINIA, FRANKFURT = "cn-beijing", "ap-southeast-1", "us-east-1", "eu-central-1"


def _cost(model: str, region: str = BEIJING, *, thinking: bool | None = None, batch: bool = False,
          scope: str | None = None, **usage: int | str | None) -> Cost | None:  # fmt: skip
    reported = Usage(**usage)  # type: ignore[arg-type]
    return cost(resolve(model), reported, region=region, scope=scope, thinking=thinking, batch=batch)


# model, region, input tokens, output tokens, thinking, expected total
EXPECTED_TOTALS = [
    # a single price tier
    ("qwen3.8-max", BEIJING, 1_000, 500, True, (1_000 * 12 + 500 * 36) / 1e6),
    ("qwen3.8-max", SINGAPORE, 1_000, 500, True, (1_000 * 14.988 + 500 * 44.965) / 1e6),
    ("qwen-max", BEIJING, 20_000, 1_000, False, 0.048 + 0.0096),
    ("qwen-long", BEIJING, 1_000_000, 1_000, False, 0.5 + 0.002),
    ("qwen-mt-plus", BEIJING, 1_000, 1_000, False, 0.0018 + 0.0054),
    ("deepseek-r1", BEIJING, 10_000, 10_000, None, 0.04 + 0.16),
    # qwen-plus: three tiers, a higher price for thinking output
    ("qwen-plus", BEIJING, 100_000, 1_000, False, 0.08 + 0.002),
    ("qwen-plus", BEIJING, 100_000, 1_000, True, 0.08 + 0.008),
    ("qwen-plus", BEIJING, 200_000, 1_000, False, 0.48 + 0.02),
    ("qwen-plus", BEIJING, 200_000, 1_000, True, 0.48 + 0.024),
    ("qwen-plus", BEIJING, 500_000, 1_000, False, 2.4 + 0.048),
    ("qwen-plus", SINGAPORE, 200_000, 1_000, True, 0.5872 + 0.029357),
    ("qwen-plus", VIRGINIA, 100_000, 1_000, False, 0.08 + 0.002),
    # figures of the price page of October 2026
    ("qwen3.8-max-prime", BEIJING, 1_000_000, 1_000, True, 24 + 0.072),
    ("qwen3.8-max-us", VIRGINIA, 1_000_000, 0, True, 14.988),
    ("qwen-plus-latest", BEIJING, 200_000, 1_000, True, 0.48 + 0.024),
    ("qwen3.8-omni-flash", BEIJING, 1_000_000, 1_000_000, True, 0.8 + 2.7),
    ("qwen3.6-flash", SINGAPORE, 100_000, 1_000, True, 0.187355 + 0.0112413),
    ("qwen3.8-flash", FRANKFURT, 1_000_000, 0, True, 0.8),
    ("glm-5.3-prime", SINGAPORE, 1_000_000, 1_000_000, True, 20.42 + 64.17),
    ("qwen-plus-2025-01-25", BEIJING, 129_000, 1_000, False, 0.1032 + 0.002),
    ("qwen-plus-2025-07-14", BEIJING, 500_000, 1_000, True, 0.4 + 0.008),
    ("qwen3-max-2025-09-23", BEIJING, 100_000, 1_000, False, 1 + 0.04),
    # other tiered models
    ("qwen-flash", BEIJING, 128_000, 10_000, False, 0.0192 + 0.015),
    ("qwen-flash", BEIJING, 300_000, 10_000, False, 0.36 + 0.12),
    ("qwen3.7-plus", BEIJING, 300_000, 2_000, True, 1.8 + 0.048),
    ("qwen3.7-flash", BEIJING, 30_000, 2_000, True, 0.006 + 0.0016),
    ("qwen3.7-flash", SINGAPORE, 100_000, 2_000, True, 0.0749 + 0.005996),
    ("qwen3.6-plus", BEIJING, 256_000, 1_000, True, 0.512 + 0.012),
    ("qwen3.5-plus", BEIJING, 150_000, 1_000, True, 0.3 + 0.012),
    ("qwen3.5-plus", SINGAPORE, 150_000, 1_000, True, 0.4404 + 0.017614),
    ("qwen3-max", BEIJING, 40_000, 1_000, False, 0.16 + 0.016),
    ("qwen3-coder-plus", BEIJING, 900_000, 1_000, False, 18 + 0.2),
    ("qwen3-vl-plus", BEIJING, 10_000, 1_000, False, 0.01 + 0.01),
    ("glm-4.6", BEIJING, 40_000, 1_000, True, 0.16 + 0.016),
    ("qwen-flash-us", VIRGINIA, 10_000, 1_000, False, 0.00367 + 0.002936),
]


@pytest.mark.parametrize(
    ("model", "region", "input_tokens", "output_tokens", "thinking", "total"), EXPECTED_TOTALS
)
def test_cost_totals_match_the_price_lists(
    model: str, region: str, input_tokens: int, output_tokens: int, thinking: bool | None, total: float
) -> None:
    charged = _cost(model, region, thinking=thinking, input_tokens=input_tokens, output_tokens=output_tokens)
    assert charged is not None
    assert charged.total == pytest.approx(total)
    assert charged.total == charged.input + charged.output
    assert (charged.currency, charged.cached) == ("CNY", 0)


def test_price_tier_applies_to_the_whole_request() -> None:
    at = _cost("qwen-plus", input_tokens=128_000, output_tokens=0, thinking=False)
    above = _cost("qwen-plus", input_tokens=128_001, output_tokens=0, thinking=False)
    assert at is not None and above is not None
    assert at.total == pytest.approx(128_000 * 0.8 / 1e6)
    assert above.total == pytest.approx(128_001 * 2.4 / 1e6)
    assert (at.tier, above.tier) == ("input <= 128000", "128000 < input <= 256000")


@pytest.mark.parametrize(
    ("model", "region", "input_tokens", "price"),
    [
        ("qwen-plus", BEIJING, 130_000, 2.4),
        ("qwen3.7-plus", SINGAPORE, 260_000, 8.993),
        ("qwen3.7-flash", BEIJING, 32_500, 0.6),
        # longer than the printed end of the last tier, and within the model's limit
        ("qwen3-max", BEIJING, 258_000, 7),
        ("glm-5.1", BEIJING, 202_000, 8),
    ],
)
def test_thousand_in_price_tiers_is_1000(model: str, region: str, input_tokens: int, price: float) -> None:
    charged = _cost(model, region, input_tokens=input_tokens, output_tokens=0, thinking=False)
    assert charged is not None and charged.total == pytest.approx(input_tokens * price / 1e6)


@pytest.mark.parametrize(
    ("model", "unit", "quantity", "region", "variant", "expected"),
    [
        ("qwen3-asr-flash", "second", 60, BEIJING, None, (0.0132, 0, "CNY")),
        ("paraformer-v2", "second", 3600, SINGAPORE, None, (0.936, 0, "CNY")),
        ("qwen3-tts-flash", "character", 1000, SINGAPORE, None, (0.01, 0, "USD")),
        ("qwen-image-2.0", "image", 2, SINGAPORE, None, (0, 0.07, "USD")),
        ("wan3.0-video", "second", 10, BEIJING, "720P", (0, 0.82513, "USD")),
        ("wan3.0-video", "second", 10, BEIJING, None, None),  # its price depends on the resolution
        ("qwen3-tts-flash", "second", 10, SINGAPORE, None, None),
        ("qwen3-asr-flash-us", "second", 10, VIRGINIA, None, None),
        ("qwen-plus", "character", 10, BEIJING, None, None),
    ],
)
def test_unit_cost_is_the_listed_price_of_seconds_characters_and_images(
    model: str,
    unit: Unit,
    quantity: float,
    region: str,
    variant: str | None,
    expected: tuple[float, float, str] | None,
) -> None:
    charged = unit_cost(resolve(model), unit, quantity, region=region, variant=variant)
    if expected is None:
        assert charged is None
        return
    assert charged is not None
    assert (charged.input, charged.output) == pytest.approx(expected[:2])
    assert charged.currency == expected[2]
    assert charged.total == charged.input + charged.output


def test_cost_of_zero_tokens_is_zero() -> None:
    charged = _cost("qwen-plus", input_tokens=0, output_tokens=0)
    assert charged is not None and charged.total == 0


def test_thinking_price_follows_usage_or_model_default() -> None:
    def total(reasoning_tokens: int | None) -> float:
        charged = _cost("qwen-plus", input_tokens=0, output_tokens=1_000, reasoning_tokens=reasoning_tokens)
        assert charged is not None
        return charged.total

    assert total(600) == pytest.approx(0.008)
    assert total(0) == total(None) == pytest.approx(0.002)
    by_default = _cost("qwen3-8b", input_tokens=0, output_tokens=1_000)
    assert by_default is not None and by_default.total == pytest.approx(0.005)


def test_cost_of_implicit_cache() -> None:
    charged = _cost("qwen3.7-max", input_tokens=10_000, cached_tokens=8_000, cache_type="implicit",
                    output_tokens=1_000)  # fmt: skip
    assert charged is not None
    assert charged.cached == pytest.approx(8_000 * 2.4 / 1e6)
    assert charged.input == pytest.approx((2_000 * 12 + 8_000 * 2.4) / 1e6)
    assert charged.output == pytest.approx(0.036)


def test_listed_cache_price_overrides_the_general_rate() -> None:
    charged = _cost("qwen3.8-max", input_tokens=8_000, cached_tokens=8_000, output_tokens=0)
    assert charged is not None and charged.total == pytest.approx(8_000 * 1.5 / 1e6)  # 12.5 %, not 20 %


def test_cache_without_listed_price_uses_the_general_rate() -> None:
    charged = _cost("qwen3.5-plus", input_tokens=10_000, cached_tokens=10_000, output_tokens=0)
    assert charged is not None and charged.total == pytest.approx(10_000 * 0.8 * 0.2 / 1e6)


def test_cost_of_explicit_cache() -> None:
    written = _cost("qwen3-coder-flash", input_tokens=20_000, cache_creation_tokens=16_000, output_tokens=0)
    read = _cost("qwen3-coder-flash", input_tokens=20_000, cached_tokens=16_000, cache_type="ephemeral",
                 output_tokens=0)  # fmt: skip
    assert written is not None and read is not None
    assert written.total == pytest.approx((4_000 * 1 + 16_000 * 1.25) / 1e6)
    assert written.cached == 0
    assert read.total == pytest.approx((4_000 * 1 + 16_000 * 0.1) / 1e6)
    assert read.cached == pytest.approx(16_000 * 0.1 / 1e6)


def test_cached_tokens_of_a_model_without_cache_give_no_cost() -> None:
    assert _cost("qwen3-32b", input_tokens=10_000, cached_tokens=8_000, output_tokens=0) is None


def test_batch_halves_the_cost_if_offered() -> None:
    whole = _cost("qwen-plus", input_tokens=100_000, output_tokens=1_000, thinking=False)
    half = _cost("qwen-plus", input_tokens=100_000, output_tokens=1_000, thinking=False, batch=True)
    assert whole is not None and half is not None
    assert half.total == pytest.approx(whole.total / 2)
    assert _cost("qwen3-8b", input_tokens=1, output_tokens=1, batch=True) is None
    assert _cost("qwen-plus", VIRGINIA, input_tokens=1, output_tokens=1, batch=True) is None


def test_audio_and_media_tokens_have_their_own_prices() -> None:
    spoken = _cost("qwen3.5-omni-plus", input_tokens=1_100, text_tokens=100, audio_tokens=1_000,
                   output_tokens=600, output_text_tokens=100, output_audio_tokens=500)  # fmt: skip
    assert spoken is not None
    assert spoken.input == pytest.approx((100 * 7 + 1_000 * 53) / 1e6)
    assert spoken.output == pytest.approx(500 * 213 / 1e6)
    seen = _cost("qwen-omni-turbo", input_tokens=1_100, text_tokens=100, image_tokens=1_000,
                 output_tokens=100, output_text_tokens=100)  # fmt: skip
    assert seen is not None
    assert seen.total == pytest.approx((100 * 0.4 + 1_000 * 1.5 + 100 * 4.5) / 1e6)
    read = _cost("qwen-omni-turbo", input_tokens=100, text_tokens=100, output_tokens=100, output_text_tokens=100)
    assert read is not None and read.total == pytest.approx((100 * 0.4 + 100 * 1.6) / 1e6)


def test_incomplete_usage_gives_no_cost() -> None:
    assert _cost("qwen-omni-turbo", input_tokens=100, output_tokens=100) is None
    assert _cost("qwen-omni-turbo", input_tokens=100, text_tokens=100, output_tokens=100) is None
    assert _cost("qwen-omni-turbo", input_tokens=100, cached_tokens=50, text_tokens=20, image_tokens=80,
                 output_tokens=1, output_text_tokens=1) is None  # fmt: skip
    assert _cost("qwen-plus", output_tokens=5) is None
    assert _cost("qwen-plus", input_tokens=5) is None
    assert _cost("qwen-plus", input_tokens=5, cached_tokens=9, output_tokens=5) is None


def test_image_tokens_of_vision_models_are_input() -> None:
    charged = _cost("qwen3-vl-plus", input_tokens=1_300, text_tokens=100, image_tokens=1_200, output_tokens=0)
    assert charged is not None and charged.total == pytest.approx(1_300 * 1 / 1e6)


def test_embedding_and_rerank_cost_only_input() -> None:
    embedded = _cost("text-embedding-v4", total_tokens=2_000)
    assert embedded is not None and embedded.total == pytest.approx(2_000 * 0.5 / 1e6)
    ranked = _cost("qwen3-rerank", SINGAPORE, input_tokens=1_000, total_tokens=1_000)
    assert ranked is not None and ranked.total == pytest.approx(0.000749)


def test_ambiguous_scope_in_a_region_gives_no_cost() -> None:
    assert _cost("qwen-plus", FRANKFURT, input_tokens=1_000, output_tokens=0) is None
    for scope, total in (("global", 0.0008), ("eu", 0.002998)):
        charged = _cost("qwen-plus", FRANKFURT, scope=scope, input_tokens=1_000, output_tokens=0)
        assert charged is not None and charged.total == pytest.approx(total)


@pytest.mark.parametrize(
    ("model", "region"),
    [
        ("my-finetune", BEIJING),
        ("qwen3.7-text-rerank", BEIJING),
        ("qwen-plus", "cn-hongkong"),
        ("qwen-long", SINGAPORE),
    ],
)
def test_unknown_prices_give_no_cost(model: str, region: str) -> None:
    assert _cost(model, region, input_tokens=10, output_tokens=10, output_text_tokens=10) is None


def test_gap_in_the_price_tiers_gives_no_cost() -> None:
    assert _cost("qwen-plus-us", VIRGINIA, input_tokens=200_000, output_tokens=1) is None
    assert _cost("qwen-plus-us", VIRGINIA, input_tokens=300_000, output_tokens=1) is not None


def test_user_defined_price() -> None:
    price = Price(region=BEIJING, currency="USD", input=1, output=2, price_date="2026-11-20")
    profile = resolve("my-finetune", {"prices": [price]})
    charged = cost(profile, Usage(input_tokens=1_000_000, output_tokens=1_000_000), region=BEIJING)
    assert charged == Cost(
        currency="USD", input=1, output=2, cached=0, total=3, tier=None, price_date="2026-11-20"
    )


def test_prices_of_every_model_are_plausible() -> None:
    for model in all_models():
        for price in resolve(model).prices:
            assert price.input > 0
            assert price.up_to_input_tokens is None or price.above_input_tokens < price.up_to_input_tokens
            assert price.cached_input is None or price.cached_input < price.input
            assert price.cache_hit_explicit is None or price.cache_hit_explicit < price.input
            assert price.cache_creation is None or price.cache_creation > price.input


def test_cost_totals_sum_by_model_and_currency() -> None:
    totals = CostTotals()
    one = Cost(currency="CNY", input=1, output=2, cached=0.5, total=3, tier="a", price_date="2026-08-20")
    two = Cost(currency="CNY", input=2, output=2, cached=0, total=4, tier="b", price_date="2026-10-09")
    dollars = Cost(currency="USD", input=1, output=0, cached=0, total=1, tier=None, price_date="2026-10-09")
    for model, charged in [("m", one), ("m", two), ("m", dollars), ("n", one), ("n", None)]:
        totals.add(model, charged)
    assert totals.by_model["m", "CNY"] == Cost(
        currency="CNY", input=3, output=4, cached=0.5, total=7, tier=None, price_date="2026-08-20"
    )
    assert totals.by_currency == {"CNY": 10, "USD": 1}
    assert (totals.calls, totals.unpriced) == ({"m": 3, "n": 2}, {"n": 1})
    assert repr(totals) == (
        "CostTotals(by_currency={'CNY': 10.0, 'USD': 1.0}, calls={'m': 3, 'n': 2}, unpriced={'n': 1})"
    )


def test_cost_totals_are_thread_safe() -> None:
    totals = CostTotals()
    one = Cost(currency="CNY", input=1, output=0, cached=0, total=1, tier=None, price_date="2026-08-20")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: totals.add("m", one), range(2_000)))
    assert totals.by_currency == {"CNY": 2_000}
