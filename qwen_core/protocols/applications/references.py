"""Read what an application looked up and did: references, thoughts, messages of workflow nodes."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from qwen_core.types.responses import Citation
from qwen_core.types.usage import Usage, as_integer, usage_from_counts

CITATION_MARK = re.compile(r"<ref>\[(\d+)\]</ref>")
"""How the text cites a reference (knowledge 3.1)."""

JSON_FIELDS = ("observation", "arguments", "action_input_stream")
"""Fields of a thought that hold JSON inside a string."""

TEXT_NODES = ("OUTPUT", "END")


def items_of(value: Any) -> list[dict[str, Any]]:
    """Return the objects in a list that may be null."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def json_or_text(value: Any) -> Any:
    """Return JSON inside a string as data, and anything else unchanged."""
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return value
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return value


def merge_growing(
    known: list[dict[str, Any]], new: list[dict[str, Any]], identity: Callable[[Mapping[str, Any]], object]
) -> list[dict[str, Any]]:
    """Return the items of a list that chunks repeat, growing; a chunk with others adds to it."""
    heads = [identity(item) for item in known]
    if len(new) >= len(known) and [identity(item) for item in new[: len(known)]] == heads:
        return new
    later = {identity(item): item for item in new}
    kept = [later.pop(identity(item), item) for item in known]
    return kept + [item for item in new if identity(item) in later]


def thought_identity(thought: Mapping[str, Any]) -> object:
    """Return what tells one thought from another while it grows."""
    return tuple(str(thought.get(name)) for name in ("action_type", "action", "action_name"))


def reference_identity(reference: Mapping[str, Any]) -> object:
    """Return what tells one reference from another."""
    return str(reference.get("index_id"))


def decode_thoughts(thoughts: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the thoughts with the JSON in their strings as data. What is not JSON stays text."""
    return [
        {name: json_or_text(value) if name in JSON_FIELDS else value for name, value in thought.items()}
        for thought in thoughts
    ]


def observed_chunks(thoughts: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Return the retrieved chunks by the number that references have. Only these have scores (knowledge 3.1)."""
    found: dict[str, Mapping[str, Any]] = {}
    for thought in thoughts:
        for item in items_of(thought.get("observation")):
            if item.get("referenceIndex") is not None:
                found[str(item["referenceIndex"])] = item
    return found


def scored_references(
    references: Sequence[Mapping[str, Any]], thoughts: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return the references, with the score of each if the thoughts tell it."""
    chunks = observed_chunks(thoughts)
    scored: list[dict[str, Any]] = []
    for reference in references:
        score = chunks.get(str(reference.get("index_id")), {}).get("score")
        scored.append({**reference, **({"score": score} if isinstance(score, int | float) else {})})
    return scored


def decode_references(references: Sequence[Mapping[str, Any]]) -> tuple[Citation, ...]:
    """Return the references as the citations of a web search are. The URL is empty for files of the platform."""
    return tuple(
        Citation(
            index=number_of(reference.get("index_id"), position),
            url=str(reference.get("doc_url") or ""),
            title=str(reference.get("title") or reference.get("doc_name") or ""),
            site_name=str(reference.get("doc_name") or ""),
        )
        for position, reference in enumerate(references, 1)
    )


def number_of(value: Any, default: int) -> int:
    """Return a number that may be written as text."""
    number = as_integer(value)
    if number is None and isinstance(value, str) and value.isdecimal():
        number = int(value)
    return default if number is None else number


def decode_usage(raw: Any) -> Usage | None:
    """Return the sum of the usage of all models, or the usage of a chat service; None if it is empty."""
    if not isinstance(raw, dict) or not raw:
        return None
    models = items_of(raw.get("models"))
    counts = [raw] if "input_tokens" in raw or not models else models
    return usage_from_counts(
        input_tokens=total(counts, "input_tokens"),
        output_tokens=total(counts, "output_tokens"),
        total_tokens=raw.get("total_tokens"),
        cached_tokens=raw.get("cached_tokens"),
        cache_type=None,
        plugins=None,
        raw=raw,
    )


def total(counts: Sequence[Mapping[str, Any]], name: str) -> int | None:
    """Return a sum of counts; None if one of them is unknown."""
    numbers = [as_integer(count.get(name)) for count in counts]
    return None if None in numbers else sum(number or 0 for number in numbers)


def model_in(raw: Any) -> str | None:
    """Return the first model that the usage names."""
    models = items_of(raw.get("models")) if isinstance(raw, dict) else []
    return next((str(model["model_id"]) for model in models if model.get("model_id")), None)


class WorkflowMessages:
    """Collects the messages of workflow nodes: deltas of text nodes, snapshots of the others (knowledge 3.1)."""

    __slots__ = ("messages",)

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []

    def add(self, message: Mapping[str, Any]) -> str:
        """Add a message, and return the text that it adds to the answer."""
        inner = message.get("message")
        content = inner.get("content") if isinstance(inner, dict) else None
        parsed = json_or_text(content)
        is_text = (
            isinstance(content, str)
            and str(message.get("node_type") or "").upper() in TEXT_NODES
            and not (isinstance(parsed, dict) and "nodeId" in parsed)
        )
        key = (message.get("parent_node_id"), message.get("node_id"))
        known = next((held for held in reversed(self.messages) if key_of(held) == key), None)
        fields = {name: value for name, value in message.items() if name != "message"}
        if known is None or (known.get("node_is_completed") and not is_text):
            known = {"content": ""}
            self.messages.append(known)
        known.update(fields)
        if is_text:
            known["content"] = f"{known['content']}{content}"
            return str(content)
        if content not in (None, ""):
            known["content"] = parsed
        return ""


def key_of(message: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return which node a message is of: nodes inside of loops have a parent."""
    return message.get("parent_node_id"), message.get("node_id")
