"""Decode the stream of qwen-deep-research, which has a shape of its own (recorded, 2025-11).

``output.message`` has a ``phase``: ``answer`` is the text, ``ResearchPlanning`` and ``WebResearch`` are reasoning,
and ``KeepAlive`` is neither. ``extra.deep_research`` has the ``references``. The end is in ``output.fininshed``
and ``fininshed_reason``, which are spelt so.
"""

from collections.abc import Mapping
from typing import Any

from qwen_core.protocols.response_builder import ResponseBuilder
from qwen_core.types.events import Event
from qwen_core.types.responses import Citation
from qwen_core.types.usage import as_integer

ANSWER, KEEP_ALIVE = "answer", "KeepAlive"
STATUSES = "research_statuses"
RESEARCH = "deep_research"


def is_research(message: Any) -> bool:
    """Return whether this is a message of a research."""
    return isinstance(message, dict) and isinstance(message.get("phase"), str)


def add_research(
    builder: ResponseBuilder, message: Mapping[str, Any], is_finished: bool, reason: Any, events: list[Event]
) -> None:
    """Add one message. Each status that a phase reaches is kept once, in the extras."""
    builder.began = True
    phase, status, content = message["phase"], message.get("status"), message.get("content")
    choice = builder.choice(0)
    if phase != KEEP_ALIVE:
        text = content if isinstance(content, str) else ""
        is_answer = phase == ANSWER
        choice.add(text if is_answer else None, None if is_answer else text, events)
        step = {"phase": phase, "status": status}
        statuses: list[Any] = builder.extras.setdefault(STATUSES, [])
        if status and (not statuses or statuses[-1] != step):
            statuses.append(step)
    extra = message.get("extra")
    research = extra.get(RESEARCH) if isinstance(extra, dict) else None
    if isinstance(research, dict) and research:
        builder.extras[RESEARCH] = {**builder.extras.get(RESEARCH, {}), **research}
    if is_finished or (phase == ANSWER and status == "finished"):
        choice.end(str(reason) if reason and reason != "null" else "stop", None)


def decode_references(extras: Mapping[str, Any]) -> tuple[Citation, ...]:
    """Return the sources of a research. A source needs a URL."""
    research = extras.get(RESEARCH)
    references = research.get("references") if isinstance(research, dict) else None
    return tuple(
        Citation(
            index=as_integer(reference.get("index_number", reference.get("index"))) or number,
            url=str(reference["url"]),
            title=str(reference.get("title") or ""),
            icon=str(reference.get("icon") or ""),
        )
        for number, reference in enumerate(references if isinstance(references, list) else (), 1)
        if isinstance(reference, dict) and reference.get("url")
    )
