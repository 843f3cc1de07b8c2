"""Resolve the markers by which a response cites the sources of a web search.

Markers are plain text, ``[1]`` or ``[ref_1]``, and refer to a source by its index (native 5.4). They are searched
once, when the response is complete, and only if the request asked for them: code may contain ``a[1]`` too.
"""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from qwen_core.types.events import ChoiceEnd, Event, Finish, TextDelta
from qwen_core.types.requests import ChatRequest
from qwen_core.types.responses import ChatResponse, Citation, CitationSpan

DEFAULT_FORMAT = "[<number>]"


def marker_pattern(request: ChatRequest) -> re.Pattern[str] | None:
    """Return the pattern of the markers in the response to this request; None if it asked for none."""
    options: dict[str, Any] = {**(request.search_options or {})}
    if not request.enable_search or not options.get("enable_citation"):
        return None
    before, _, after = str(options.get("citation_format") or DEFAULT_FORMAT).partition("<number>")
    return re.compile(rf"{re.escape(before)}(\d+){re.escape(after)}(?!\()")


def find_spans(text: str, pattern: re.Pattern[str], citations: Sequence[Citation]) -> tuple[CitationSpan, ...]:
    """Return the markers in the text that refer to one of the sources."""
    known = {citation.index for citation in citations}
    return tuple(
        CitationSpan(start=found.start(), end=found.end(), index=index)
        for found in pattern.finditer(text)
        if (index := int(found.group(1))) in known
    )


def cite_response(response: ChatResponse, pattern: re.Pattern[str] | None) -> ChatResponse:
    """Return the response with its markers resolved."""
    if pattern is None or not response.citations:
        return response
    choices = tuple(
        msgspec.structs.replace(choice, spans=find_spans(choice.message.text, pattern, response.citations))
        for choice in response.choices
    )
    return msgspec.structs.replace(response, choices=choices)


def cite_events(
    events: Sequence[Event], seen: Sequence[Event], pattern: re.Pattern[str] | None
) -> Sequence[Event]:
    """Return the last events of a stream with the markers in all of its text resolved."""
    if pattern is None:
        return events
    return [cite_end(event, (*seen, *events), pattern) if isinstance(event, Finish) else event for event in events]


def cite_end(finish: Finish, events: Sequence[Event], pattern: re.Pattern[str]) -> Finish:
    """Return the end of a stream with the markers resolved."""
    if not finish.citations:
        return finish
    texts = [""] * len(finish.choices)
    deltas = [(event.choice, event.text) for event in events if isinstance(event, TextDelta)]
    for index in range(len(texts)):
        texts[index] = "".join(text for choice, text in deltas if choice == index)
    ends: list[ChoiceEnd] = [
        msgspec.structs.replace(end, spans=find_spans(text, pattern, finish.citations))
        for end, text in zip(finish.choices, texts, strict=True)
    ]
    return msgspec.structs.replace(finish, choices=tuple(ends))
