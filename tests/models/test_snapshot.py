"""Snapshots of every resolved profile, so that a change of one catalog line shows all its effects.

``QWEN_UPDATE_SNAPSHOT=1 python -m pytest tests/models`` writes the three files anew.
"""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from qwen_core.models import ModelProfile, Price, Recording, RegionalLimit, UnitPrice, all_models, provenance
from qwen_core.models.catalogue import merge
from qwen_core.models.profiles import PROFILES_FILE, read_profile, write_profiles

HERE = Path(__file__).parent
_DEFAULTS = {info.name: info.default for info in msgspec.structs.fields(ModelProfile)}
_TALKING = (
    "context_window", "max_input_tokens", "max_output_tokens", "thinking", "tool_calling", "json_object",
    "json_schema", "search", "explicit_cache", "implicit_cache", "native_endpoint", "regions", "prices",
    "released_on",
)  # fmt: skip
_EMBEDDING = ("embedding_batch", "embedding_dimensions", "embedding_max_tokens", "regions", "prices")
_RERANK = (
    "rerank_max_documents", "rerank_max_tokens_item", "rerank_max_tokens_request", "regions", "prices",
)  # fmt: skip
_NEEDED = {
    "embedding": _EMBEDDING,
    "multimodal_embedding": _EMBEDDING,
    "rerank": _RERANK,
    "other": ("regions",),
    **dict.fromkeys(("transcription", "speech", "image", "video"), ("media_api", "regions")),
    "realtime": ("media_api",),
}


def test_stored_profiles_equal_the_merged_catalog() -> None:
    _compare(PROFILES_FILE, write_profiles(merge(model) for model in all_models()).decode())
    for model in all_models():
        assert read_profile(model) == merge(model)
    for unlisted in ("", "qwen", "qwen-plu", "Qwen-Plus", '"', "\n", 'qwen-plus"'):
        assert read_profile(unlisted) is None


def test_resolved_profiles_equal_the_snapshot() -> None:
    _compare(HERE / "resolution.txt", "".join(_lines_of_all()))


def test_unknown_facts_equal_the_snapshot() -> None:
    _compare(HERE / "unknown.txt", "".join(f"{line}\n" for line in _census()))


def _compare(path: Path, text: str) -> None:
    if os.environ.get("QWEN_UPDATE_SNAPSHOT"):
        path.write_text(text, encoding="utf-8")
    if path.read_text(encoding="utf-8") != text:
        pytest.fail(f"{path.name} differs; run with QWEN_UPDATE_SNAPSHOT=1 and review the change")


def _lines_of_all() -> Iterator[str]:
    for model in all_models():
        yield from (f"{line}\n" for line in _lines(merge(model)))


def _lines(profile: ModelProfile) -> Iterator[str]:
    entry = merge(profile.catalogue_id or "")
    if entry.name != profile.name and _facts(entry) == _facts(profile):
        yield f"{profile.name} = {entry.name}"
        return
    yield profile.name
    printed = {field: value for field, value in _facts(profile).items() if not field.endswith("prices")}
    facts = " ".join(f"{field}={_text(value)}" for field, value in printed.items())
    yield from textwrap.wrap(facts, 116, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)
    places: dict[str, list[str]] = {}
    for price in profile.prices:
        places.setdefault(_figures(price), []).append(price.region + (f"/{price.scope}" if price.scope else ""))
    for unit_price in profile.unit_prices:
        places.setdefault(_unit_figures(unit_price), []).append(unit_price.region)
    yield from (f"  {figures}  {' '.join(where)}" for figures, where in places.items())


def _facts(profile: ModelProfile) -> dict[str, Any]:
    """Return the non-default fields, without those that only name sources."""
    return {
        field: value
        for field, value in msgspec.structs.asdict(profile).items()
        if field not in ("name", "catalogue_id", "source", "as_of", "certainty") and value != _DEFAULTS[field]
    }


def _text(value: Any) -> str:
    if isinstance(value, Recording):
        return f"{value.fact}@{value.protocol}:{value.on}"
    if isinstance(value, RegionalLimit):
        return f"{value.capability}@{','.join(value.regions)}"
    if isinstance(value, tuple):
        return ",".join(map(_text, value)) or "-"
    return str(value)


def _figures(price: Price) -> str:
    tier = f"{price.above_input_tokens}..{price.up_to_input_tokens} " if price.up_to_input_tokens else ""
    figures = (
        f"{field}={value:g}" for field, value in msgspec.structs.asdict(price).items() if isinstance(value, float)
    )
    return f"{tier}{price.currency} {' '.join(figures)}{' batch' if price.batch else ''}"


def _unit_figures(price: UnitPrice) -> str:
    variant = f" ({price.variant})" if price.variant else ""
    return f"{price.currency} {price.amount:g} a {price.unit}{variant}"


def _census() -> Iterator[str]:
    """Yield, for each relevant fact of a model kind, the models for which it is unknown."""
    unknown: dict[str, list[str]] = {}
    for model in all_models():
        profile = merge(model)
        if profile.catalogue_id != model:
            continue
        stated = provenance(model)
        for field in _NEEDED.get(profile.kind, _TALKING):
            if field not in stated:
                unknown.setdefault(field, []).append(model)
    for field in sorted(unknown):
        yield f"{field}: {len(unknown[field])}"
        yield from textwrap.wrap(" ".join(unknown[field]), 116, initial_indent="  ", subsequent_indent="  ",
                                 break_on_hyphens=False)  # fmt: skip
