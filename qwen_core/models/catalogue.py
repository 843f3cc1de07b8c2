"""Reads ``catalogue.toml`` and folds its layers into profiles. No network, no facts of its own.

``resolve`` is a pure function of the name, the catalogue file and the user's overrides. A model that the file
lists is found folded beforehand (``profiles.py``); the file itself is parsed for the first name that is not
listed, never at import.
"""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from typing import Any, get_args

import msgspec

from qwen_core.models.profile import ModelProfile, Price, RegionalLimit
from qwen_core.models.profiles import read_profile

_FIELDS = frozenset(ModelProfile.__struct_fields__)
_FEATURES = ("tool_calling", "json_object", "json_schema", "search", "explicit_cache", "implicit_cache")
_NOT_FACTS = frozenset(
    {"name", "match", "replace", "source", "note", "features", "snapshots", "snapshot_of", "unknown", "prices"}
)
_FIGURES = frozenset(Price.__struct_fields__) - {
    "region",
    "scope",
    "currency",
    "above_input_tokens",
    "up_to_input_tokens",
    "batch",
    "price_date",
}
_THOUSANDS = {"k": 1024, "m": 1_000_000}


class _Layer(msgspec.Struct, frozen=True):
    """The facts that one table of the catalogue adds, and the label by which ``origins`` refers to them."""

    label: str
    facts: Mapping[str, Any]
    unknown: tuple[str, ...] = ()


class _Pattern(msgspec.Struct, frozen=True):
    """A layer that holds for all names of a pattern: a family or a spelling, which is undone by ``replace``."""

    match: re.Pattern[str]
    layer: _Layer
    replace: str = ""


class _Entry(msgspec.Struct, frozen=True):
    """One ``[model."id"]`` table."""

    id: str
    layer: _Layer
    snapshot_of: str | None
    snapshots: tuple[str, ...]


class _Catalogue(msgspec.Struct, frozen=True):
    """The parsed file. ``entries`` is keyed by the case-folded id, of entries and of listed snapshots alike."""

    families: tuple[_Pattern, ...]
    spellings: tuple[_Pattern, ...]
    entries: Mapping[str, _Entry]
    snapshot_layer: _Layer
    ids: tuple[str, ...]


def resolve(name: str, overrides: Mapping[str, Any] | None = None) -> ModelProfile:
    """The profile of a model: defaults, then matching families in order, then its entry, then ``overrides``.

    Never fails for a name: one that nothing is known of gets the defaults. An override that is no field of
    ``ModelProfile`` raises TypeError, one of the wrong type raises ``msgspec.ValidationError``.
    """
    profile = _resolve(name)
    if not overrides:
        return profile
    if strange := sorted(set(overrides) - _FIELDS):
        raise TypeError(f"ModelProfile has no field {', '.join(strange)}")
    facts = {field: getattr(profile, field) for field in _FIELDS}
    return msgspec.convert({**facts, **overrides}, ModelProfile)


def origins(name: str) -> dict[str, str]:
    """For each field that is not at its default, the table of the catalogue that it comes from."""
    found: dict[str, str] = {}
    for layer in _layers(name)[1]:
        found.update(dict.fromkeys(layer.facts, layer.label))
        for field in layer.unknown:
            found.pop(field, None)
    return found


def all_models() -> tuple[str, ...]:
    """Every id that the catalogue lists, snapshots included, in the catalogue's order."""
    return _catalogue().ids


@lru_cache(maxsize=1024)
def _resolve(name: str) -> ModelProfile:
    return read_profile(name) or fold(name)


def fold(name: str) -> ModelProfile:
    """The profile of a model from the catalogue itself."""
    entry, layers = _layers(name)
    facts: dict[str, Any] = {}
    for layer in layers:
        facts.update(layer.facts)
        facts.update((field, _unknown(field)) for field in layer.unknown)
    facts.update(name=name, catalogue_id=entry.id if entry else None)
    return msgspec.convert(facts, ModelProfile)


@cache
def _unknown(field: str) -> Any:
    """What a field holds when its fact is not known: None, or its default where None is no value of it."""
    (found,) = (info for info in msgspec.structs.fields(ModelProfile) if info.name == field)
    return None if type(None) in get_args(found.type) else found.default


def _layers(name: str) -> tuple[_Entry | None, list[_Layer]]:
    """The entry of a name, if it has one, and all layers of its profile from general to special."""
    catalogue = _catalogue()
    canonical, spelt = _canonical(name, catalogue)
    entry = catalogue.entries.get(canonical)
    layers = [family.layer for family in catalogue.families if family.match.fullmatch(canonical)]
    if entry is None:
        return None, layers + spelt
    base = catalogue.entries[entry.snapshot_of.casefold()] if entry.snapshot_of else None
    layers += [base.layer, entry.layer] if base else [entry.layer]
    if canonical != entry.id.casefold() or spelt:
        layers.append(catalogue.snapshot_layer)
    return entry, layers + spelt


def _canonical(name: str, catalogue: _Catalogue) -> tuple[str, list[_Layer]]:
    """The name under which the catalogue knows a model, and the layers of the spellings undone for it."""
    canonical = name.strip().casefold()
    spelt: list[_Layer] = []
    for spelling in catalogue.spellings:
        if canonical in catalogue.entries:
            break
        if "/" in canonical and any(family.match.fullmatch(canonical) for family in catalogue.families):
            break
        shorter = spelling.match.sub(spelling.replace, canonical)
        if shorter and shorter != canonical:
            canonical = shorter
            if spelling.layer.facts:
                spelt.append(spelling.layer)
    return canonical, spelt


@cache
def _catalogue() -> _Catalogue:
    import tomllib

    text = pkgutil.get_data("qwen_core.models", "catalogue.toml") or b""
    return _parse(tomllib.loads(text.decode()))


def _parse(document: Mapping[str, Any]) -> _Catalogue:
    sources: Mapping[str, Mapping[str, Any]] = document["source"]
    entries: dict[str, _Entry] = {}
    ids: list[str] = []
    for model, table in document["model"].items():
        entry = _Entry(
            model,
            _layer(f"model {model}", table, sources),
            table.get("snapshot_of"),
            tuple(table.get("snapshots", ())),
        )
        ids += [model, *entry.snapshots]
        entries.update(dict.fromkeys((id.casefold() for id in (model, *entry.snapshots)), entry))
    return _Catalogue(
        tuple(_pattern("family", table, sources) for table in document["family"]),
        tuple(_pattern("spelling", table, sources) for table in document["spelling"]),
        entries,
        _layer("snapshot", {"source": "snapshot"}, sources),
        tuple(ids),
    )


def _pattern(word: str, table: Mapping[str, Any], sources: Mapping[str, Mapping[str, Any]]) -> _Pattern:
    layer = _layer(f"{word} {table.get('name', table['match'])}", table, sources)
    facts = dict(layer.facts)
    if "certainty" in facts:
        facts["certainty"] = "inherited"
    if "name" in table:
        facts["family"] = table["name"]
    return _Pattern(
        re.compile(table["match"]), _Layer(layer.label, facts, layer.unknown), table.get("replace", "")
    )


def _layer(label: str, table: Mapping[str, Any], sources: Mapping[str, Mapping[str, Any]]) -> _Layer:
    facts: dict[str, Any] = {}
    if "source" in table:
        source = sources[table["source"]]
        facts.update(source=source["title"], as_of=source["as_of"], certainty=source["certainty"])
    if "features" in table:
        facts.update((feature, feature in table["features"]) for feature in _FEATURES)
    facts.update((field, value) for field, value in table.items() if field not in _NOT_FACTS)
    if "listed_only_in" in facts:
        facts["listed_only_in"] = tuple(
            RegionalLimit(capability=capability, regions=tuple(regions))
            for capability, regions in facts["listed_only_in"].items()
        )
    if "prices" in table:
        facts["prices"] = tuple(price for group in table["prices"] for price in _prices(group, facts["as_of"]))
    if strange := sorted((set(facts) | set(table.get("unknown", ()))) - _FIELDS):
        raise ValueError(f"catalogue.toml, {label}: unknown field {', '.join(strange)}")
    return _Layer(label, facts, tuple(table.get("unknown", ())))


def _prices(group: Mapping[str, Any], as_of: str) -> Iterator[Price]:
    """One ``Price`` for each region and tier of a price group."""
    batch = group.get("batch", ())
    for place in group["regions"]:
        region, _, scope = place.partition("/")
        above = 0
        for tier in group.get("tiers", [group]):
            figures = {field: float(value) for field, value in tier.items() if field in _FIGURES}
            up_to = _tokens(tier["up_to"]) if "up_to" in tier else None
            yield Price(
                region=region,
                scope=scope or None,
                currency=group.get("currency", "CNY"),
                above_input_tokens=_tokens(tier["above"]) if "above" in tier else above,
                up_to_input_tokens=up_to,
                batch=place in batch,
                price_date=group.get("as_of", as_of),
                **figures,
            )
            above = up_to or 0


def _tokens(length: str) -> int:
    return int(length[:-1]) * _THOUSANDS[length[-1]]
