"""Read ``catalogue.toml`` and merge its layers into profiles. No network, no facts of its own.

``resolve`` is a pure function of the name, the catalogue file and the user's overrides. The profiles of listed
models are merged in advance (``profiles.py``); the catalogue file itself is parsed for the first name that is not
listed, never at import.
"""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from typing import Any, get_args

import msgspec

from qwen_core.models.profile import ModelProfile, Price, Recording, RegionalLimit, UnitPrice
from qwen_core.models.profiles import read_profile

_FIELDS = frozenset(ModelProfile.__struct_fields__)
_FEATURES = ("tool_calling", "json_object", "json_schema", "search", "explicit_cache", "implicit_cache")
_NOT_FACTS = frozenset(
    {
        "name",
        "match",
        "replace",
        "source",
        "note",
        "features",
        "snapshots",
        "snapshot_of",
        "unknown",
        "prices",
        "unit_prices",
    }
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
_OPEN_FEATURES = ("tool_calling",)
"""Features that no guide lists completely: what a model page does not list of them is unknown."""
_DATED_FACTS = (
    "context_window", "max_input_tokens", "max_input_tokens_thinking", "max_output_tokens",
    "max_output_tokens_thinking", "max_thinking_tokens", "thinking", "thinking_default", "reasoning_efforts",
    "default_reasoning_effort", "recorded", "prices", "unit_prices",
)  # fmt: skip
"""What a snapshot does not take over from a model whose facts are of a later date."""
_DATE = re.compile(r"20\d\d-\d\d-\d\d")
_THOUSANDS = {"k": 1000, "m": 1_000_000}


class _Layer(msgspec.Struct, frozen=True):
    """The facts that one table of the catalogue adds, and the label by which ``provenance`` refers to them."""

    label: str
    facts: Mapping[str, Any]
    unknown: tuple[str, ...] = ()
    unlisted: tuple[str, ...] = ()
    """Features that a model page does not list, unknown unless an earlier layer says that they are false."""

    def apply(self, facts: dict[str, Any]) -> tuple[str, ...]:
        """Add the facts of this layer, and return the fields that become unknown."""
        dropped = (*self.unknown, *(field for field in self.unlisted if facts.get(field)))
        facts.update(self.facts)
        facts.update((field, _unknown(field)) for field in dropped)
        return dropped


class _Pattern(msgspec.Struct, frozen=True):
    """A layer for all names that match a pattern: a family, or a spelling that ``replace`` normalizes."""

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
    """Return the profile of a model: defaults, then matching families in order, its entry, and ``overrides``.

    Later layers override earlier ones. Every name resolves: an unknown one gets the defaults. Raise TypeError for
    an override that is not a field of ``ModelProfile``, and ``msgspec.ValidationError`` for one of the wrong type.
    """
    profile = _resolve(name)
    if not overrides:
        return profile
    if unknown_fields := sorted(set(overrides) - _FIELDS):
        raise TypeError(f"ModelProfile has no field {', '.join(unknown_fields)}")
    facts = {field: getattr(profile, field) for field in _FIELDS}
    return msgspec.convert({**facts, **overrides}, ModelProfile)


def provenance(name: str) -> dict[str, str]:
    """Return the catalogue table that each field not at its default comes from."""
    labels: dict[str, str] = {}
    facts: dict[str, Any] = {}
    for layer in _layers(name)[1]:
        labels.update(dict.fromkeys(layer.facts, layer.label))
        for field in layer.apply(facts):
            labels.pop(field, None)
    return labels


def all_models() -> tuple[str, ...]:
    """Return every id that the catalogue lists, including snapshots, in the catalogue's order."""
    return _catalogue().ids


@lru_cache(maxsize=1024)
def _resolve(name: str) -> ModelProfile:
    return read_profile(name) or merge(name)


def merge(name: str) -> ModelProfile:
    """Merge the layers of the catalogue into the profile of a model."""
    entry, layers = _layers(name)
    facts: dict[str, Any] = {}
    for layer in layers:
        layer.apply(facts)
    facts.update(name=name, catalogue_id=entry.id if entry else None)
    return msgspec.convert(facts, ModelProfile)


@cache
def _unknown(field: str) -> Any:
    """Return the value of a field whose fact is unknown: None, or its default if its type excludes None."""
    (field_info,) = (info for info in msgspec.structs.fields(ModelProfile) if info.name == field)
    return None if type(None) in get_args(field_info.type) else field_info.default


def _layers(name: str) -> tuple[_Entry | None, list[_Layer]]:
    """Return the entry of a name, if it has one, and all layers of its profile, from general to specific."""
    catalogue = _catalogue()
    canonical, spelling_layers = _canonical(name, catalogue)
    entry = catalogue.entries.get(canonical)
    layers = [family.layer for family in catalogue.families if family.match.fullmatch(canonical)]
    if entry is None:
        return None, layers + spelling_layers
    base = catalogue.entries[entry.snapshot_of.casefold()] if entry.snapshot_of else None
    layers += [base.layer, entry.layer] if base else [entry.layer]
    if canonical != entry.id.casefold():
        layers.append(catalogue.snapshot_layer)
    if _predates(name, canonical, entry):
        layers.append(_Layer("older snapshot", {}, _DATED_FACTS))
    return entry, layers + spelling_layers


def _predates(name: str, canonical: str, entry: _Entry) -> bool:
    """Return whether an unlisted name has a date before the release of the model whose facts it would get."""
    dated = _DATE.search(name)
    released_on = entry.layer.facts.get("released_on")
    return dated is not None and dated[0] not in canonical and released_on is not None and dated[0] < released_on


def _canonical(name: str, catalogue: _Catalogue) -> tuple[str, list[_Layer]]:
    """Return the catalogue's name of a model, and the layers of the spellings that were normalized for it."""
    canonical = name.strip().casefold()
    spelling_layers: list[_Layer] = []
    for spelling in catalogue.spellings:
        if canonical in catalogue.entries:
            break
        if "/" in canonical and any(family.match.fullmatch(canonical) for family in catalogue.families):
            break
        shorter = spelling.match.sub(spelling.replace, canonical)
        if shorter and shorter != canonical:
            canonical = shorter
            if spelling.layer.facts:
                spelling_layers.append(spelling.layer)
    return canonical, spelling_layers


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
        re.compile(table["match"]),
        _Layer(layer.label, facts, layer.unknown, layer.unlisted),
        table.get("replace", ""),
    )


def _layer(label: str, table: Mapping[str, Any], sources: Mapping[str, Mapping[str, Any]]) -> _Layer:
    facts: dict[str, Any] = {}
    unlisted: tuple[str, ...] = ()
    if "source" in table:
        source = sources[table["source"]]
        facts.update(source=source["title"], as_of=source["as_of"], certainty=source["certainty"])
    if "features" in table:
        listed = table["features"]
        facts.update(
            (feature, feature in listed)
            for feature in _FEATURES
            if feature in listed or feature not in _OPEN_FEATURES
        )
        unlisted = tuple(feature for feature in _OPEN_FEATURES if feature not in listed)
    facts.update((field, value) for field, value in table.items() if field not in _NOT_FACTS)
    if "listed_only_in" in facts:
        facts["listed_only_in"] = tuple(
            RegionalLimit(capability=capability, regions=tuple(regions))
            for capability, regions in facts["listed_only_in"].items()
        )
    if "effort_aliases" in facts:
        facts["effort_aliases"] = tuple(facts["effort_aliases"].items())
    if "recorded" in facts:
        facts["recorded"] = tuple(
            Recording(fact=fact, protocol=protocol, on=on)
            for fact, seen in facts["recorded"].items()
            for protocol, on in [seen.split()]
        )
    if "prices" in table:
        facts["prices"] = tuple(price for group in table["prices"] for price in _prices(group, facts["as_of"]))
    if "unit_prices" in table:
        facts["unit_prices"] = tuple(
            price for group in table["unit_prices"] for price in _unit_prices(group, facts["as_of"])
        )
    if unknown_fields := sorted((set(facts) | set(table.get("unknown", ()))) - _FIELDS):
        raise ValueError(f"catalogue.toml, {label}: unknown field {', '.join(unknown_fields)}")
    return _Layer(label, facts, tuple(table.get("unknown", ())), unlisted)


def _prices(group: Mapping[str, Any], as_of: str) -> Iterator[Price]:
    """Yield one ``Price`` for each region and tier of a price group."""
    batch = group.get("batch", ())
    for served_from in group["regions"]:
        region, _, scope = served_from.partition("/")
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
                batch=served_from in batch,
                price_date=group.get("as_of", as_of),
                **figures,
            )
            above = up_to or 0


def _unit_prices(group: Mapping[str, Any], as_of: str) -> Iterator[UnitPrice]:
    """Yield one ``UnitPrice`` for each region and variant of a group. ``amount`` may be a table of variants."""
    amounts = group["amount"] if isinstance(group["amount"], Mapping) else {None: group["amount"]}
    for region in group["regions"]:
        for variant, amount in amounts.items():
            yield UnitPrice(
                region=region,
                currency=group.get("currency", "CNY"),
                unit=group["unit"],
                amount=float(amount),
                variant=variant,
                price_date=group.get("as_of", as_of),
            )


def _tokens(length: str) -> int:
    return int(length[:-1]) * _THOUSANDS[length[-1]]
