"""Format the catalogue as a table, and compare it with a model list of the service.

Pure functions from profiles and parsed JSON to rows and lines; ``__main__`` reads the arguments and prints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from qwen_core.models.catalogue import all_models, resolve
from qwen_core.models.profile import ModelProfile, Price

CAPABILITIES: Mapping[str, Callable[[ModelProfile], bool]] = {
    "thinking": lambda profile: profile.thinking in ("optional", "always"),
    "tools": lambda profile: profile.tool_calling is True,
    "vision": lambda profile: "image" in profile.input_modalities,
    "audio": lambda profile: "audio" in profile.input_modalities + profile.output_modalities,
    "search": lambda profile: profile.search is True,
    "json_schema": lambda profile: profile.json_schema is True,
    "cache": lambda profile: bool(profile.implicit_cache or profile.explicit_cache),
}
HEADINGS = (
    "model", "kind", "context", "output", "thinking", "in", "out", "tools", "json", "search", "cache",
    "price in/out", "ends",
)  # fmt: skip
_LEAST_NEEDED_FIRST = ("cache", "search", "json", "output", "out", "ends", "in", "tools", "thinking", "kind")
"""Columns in the order in which a narrow terminal does without them."""
_LETTERS = {"text": "T", "image": "I", "video": "V", "audio": "A", "pdf": "P"}
_COMPARED = {
    "context_window": "context_window",
    "max_input_tokens": "max_input_tokens",
    "max_output_tokens": "max_output_tokens",
    "max_reasoning_tokens": "max_thinking_tokens",
}


def catalogue_entries() -> list[ModelProfile]:
    """Return the profiles of the models that have an entry, without their snapshots."""
    profiles = (resolve(id) for id in all_models())
    return [profile for profile in profiles if profile.catalogue_id == profile.name]


def select(
    profiles: Iterable[ModelProfile],
    *,
    capabilities: Sequence[str] = (),
    kind: str | None = None,
    region: str | None = None,
    max_price: float | None = None,
    current: bool = False,
    name: str = "",
) -> list[ModelProfile]:
    """Return the models that match all filters.

    ``max_price`` is the highest price of a million input tokens in the lowest tier; it excludes models whose price
    is unknown. ``current`` excludes models with an announced retirement date. ``name`` is a part of the id.
    """
    return [
        profile
        for profile in profiles
        if name.casefold() in profile.name.casefold()
        and all(CAPABILITIES[capability](profile) for capability in capabilities)
        and kind in (None, profile.kind)
        and (region is None or region in profile.regions)
        and not (current and profile.retired_on)
        and (max_price is None or _costs_at_most(profile, region, max_price))
    ]


def rows(profiles: Iterable[ModelProfile], region: str | None = None) -> list[tuple[str, ...]]:
    """Return one row for each model, in the order of ``HEADINGS``. Unknown values are ``?``."""
    return [
        (
            profile.name,
            profile.kind,
            _count(profile.context_window),
            _count(profile.max_output_tokens),
            _thinking(profile),
            "".join(_LETTERS[modality] for modality in profile.input_modalities),
            "".join(_LETTERS[modality] for modality in profile.output_modalities) or "-",
            _yes(profile.tool_calling),
            _json(profile),
            _yes(profile.search),
            _cache(profile),
            _price(lowest_price(profile, region)),
            profile.retired_on or "",
        )
        for profile in profiles
    ]


def aligned(table: Sequence[Sequence[str]]) -> str:
    """Format the rows as plain text in columns; the first row is the heading."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in table)
    return "\n".join(line.rstrip() for line in lines)


def fit(table: Sequence[Sequence[str]], width: int | None) -> tuple[list[Sequence[str]], list[str]]:
    """Leave out columns until the table is at most ``width`` characters wide; return it and their headings."""
    rows, omitted = list(table), []
    for heading in _LEAST_NEEDED_FIRST:
        if width is None or max(map(len, aligned(rows).splitlines())) <= width:
            break
        index = rows[0].index(heading)
        rows = [[*row[:index], *row[index + 1 :]] for row in rows]
        omitted.append(heading)
    return rows, omitted


def markdown(table: Sequence[Sequence[str]]) -> str:
    """Format the rows as a Markdown table; the first row is the heading."""
    heading, *body = (f"| {' | '.join(row)} |" for row in table)
    return "\n".join([heading, f"|{' --- |' * len(table[0])}", *body])


def lowest_price(profile: ModelProfile, region: str | None = None) -> Price | None:
    """Return the price of the lowest tier in a region, by default in the first region of the price list."""
    fitting = (price for price in profile.prices if region in (None, price.region))
    return next((price for price in fitting if not price.above_input_tokens), None)


class Difference(msgspec.Struct, frozen=True):
    """The differences between a model list of the service and the catalogue."""

    new: tuple[str, ...]
    gone: tuple[str, ...]
    changed: tuple[tuple[str, str, int | None, int], ...]
    incomplete: bool

    def lines(self) -> Iterator[str]:
        """Yield the differences as lines of text."""
        for id in self.new:
            profile = resolve(id)
            yield f"new      {id}  ({_resembles(profile)})"
        for id in self.gone:
            retired_on = resolve(id).retired_on
            yield f"gone     {id}" + (f"  (retirement announced for {retired_on})" if retired_on else "")
        for id, field, ours, theirs in self.changed:
            yield f"changed  {id}  {field}: {ours} here, {theirs} there"
        if self.incomplete:
            yield "The list is one page of several, so nothing is reported as gone."


def compare(documents: Iterable[Any]) -> Difference:
    """Compare the catalogue with a model list of the service.

    ``documents`` are responses of ``GET /compatible-mode/v1/models``, or the pages of the native
    ``GET /api/v1/models``.
    """
    listed: dict[str, Mapping[str, Any]] = {}
    total = 0
    for document in documents:
        output = document.get("output") or {}
        total = max(total, output.get("total") or 0)
        for model in [*document.get("data", ()), *output.get("models", ())]:
            listed[model.get("id") or model["model"]] = model.get("model_info") or {}
    ours = {id.casefold() for id in all_models()}
    theirs = {id.casefold() for id in listed}
    incomplete = total > len(listed)
    return Difference(
        new=tuple(sorted(id for id in listed if id.casefold() not in ours)),
        gone=() if incomplete else tuple(sorted(id for id in all_models() if id.casefold() not in theirs)),
        changed=tuple(_changes(listed)),
        incomplete=incomplete,
    )


def _changes(listed: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str, int | None, int]]:
    for id, info in sorted(listed.items()):
        profile = resolve(id)
        for their_name, our_name in _COMPARED.items():
            value = info.get(their_name)
            if profile.catalogue_id and value and value != getattr(profile, our_name):
                yield id, our_name, getattr(profile, our_name), value


def _resembles(profile: ModelProfile) -> str:
    if profile.catalogue_id:
        return f"as {profile.catalogue_id}"
    return f"family {profile.family}" if profile.family else "unknown family"


def _costs_at_most(profile: ModelProfile, region: str | None, limit: float) -> bool:
    price = lowest_price(profile, region)
    return price is not None and price.input <= limit


def _count(tokens: int | None) -> str:
    return "?" if tokens is None else f"{tokens:,}"


def _yes(known: bool | None) -> str:
    return {True: "yes", False: "no", None: "?"}[known]


def _thinking(profile: ModelProfile) -> str:
    if profile.thinking == "optional":
        return {True: "on", False: "off", None: "optional"}[profile.thinking_default]
    return {"always": "always", "none": "no", None: "?"}[profile.thinking]


def _json(profile: ModelProfile) -> str:
    return "schema" if profile.json_schema else {True: "object", False: "no", None: "?"}[profile.json_object]


def _cache(profile: ModelProfile) -> str:
    if profile.explicit_cache:
        return "explicit"
    return {True: "implicit", False: "no", None: "?"}[profile.implicit_cache]


def _price(price: Price | None) -> str:
    if price is None:
        return "?"
    figures = f"{price.input:g}" if price.output is None else f"{price.input:g}/{price.output:g}"
    return f"{figures} {price.currency}"
