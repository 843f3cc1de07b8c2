"""Knowledge bases, search services and applications, kept in memory."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

from qwen_emulator.ranking import best, relevance

ApplicationKind: TypeAlias = Literal["agent", "workflow"]

DEFAULT_BASE = "emulator01"
"""The id of the built-in knowledge base."""
DEFAULT_SERVICE = "aid-emulator"
"""The id of the built-in search and chat service."""
DEFAULT_AGENT = "emulator-agent"
DEFAULT_WORKFLOW = "emulator-workflow"

_DOCUMENTS = {
    "regions": (
        "An API key works in one region only. A key of Beijing is refused by the host of Singapore.\n\n"
        "Each workspace has a host of its own. It begins with the id of the workspace."
    ),
    "limits": (
        "A request that exceeds the rate limit gets HTTP status 429. Wait as long as Retry-After says.\n\n"
        "A knowledge base holds up to 100,000 documents. A search service covers up to 15 knowledge bases."
    ),
    "thinking": (
        "A hybrid model thinks before it answers if enable_thinking is true.\n\n"
        "The thinking budget is the largest number of tokens of the reasoning."
    ),
}


@dataclass(frozen=True)
class Chunk:
    """A chunk of a document."""

    id: str
    index_id: str
    doc_id: str
    doc_name: str
    text: str
    page: int
    images: tuple[str, ...] = ()
    url: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    score: float = 0.0


@dataclass(frozen=True)
class Application:
    """An application: what it is, and which knowledge bases it reads."""

    kind: ApplicationKind
    index_ids: tuple[str, ...] = ()
    shows_sources: bool = True


@dataclass
class KnowledgeStore:
    """All knowledge bases, services and applications of one emulator."""

    bases: dict[str, list[Chunk]] = field(default_factory=dict)
    services: dict[str, tuple[str, ...]] = field(default_factory=dict)
    applications: dict[str, Application] = field(default_factory=dict)
    sessions: dict[str, list[str]] = field(default_factory=dict)
    """The questions of each session."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Return to the built-in base, service and applications."""
        with self._lock:
            for held in (self.bases, self.services, self.applications, self.sessions):
                held.clear()
        self.add_base(DEFAULT_BASE, _DOCUMENTS)
        self.publish(DEFAULT_SERVICE, [DEFAULT_BASE])
        self.add_application(DEFAULT_AGENT, "agent", [DEFAULT_BASE])
        self.add_application(DEFAULT_WORKFLOW, "workflow")

    def add_base(
        self,
        index_id: str,
        documents: Mapping[str, str],
        *,
        images: Mapping[str, Sequence[str]] | None = None,
        urls: Mapping[str, str] | None = None,
    ) -> None:
        """Add a knowledge base, or replace it.

        Args:
            index_id: Its id.
            documents: Texts by name. A chunk is a paragraph; a form feed begins a page.
            images: URLs of images by document.
            urls: URL of a document by its name.
        """
        chunks: list[Chunk] = []
        for number, (name, text) in enumerate(documents.items(), 1):
            for page, content in enumerate(text.split("\f"), 1):
                for paragraph in filter(None, map(str.strip, re.split(r"\n\s*\n", content))):
                    chunks.append(
                        Chunk(
                            id=f"{index_id}_{len(chunks) + 1}",
                            index_id=index_id,
                            doc_id=f"file_{index_id}_{number}",
                            doc_name=name,
                            text=paragraph,
                            page=page,
                            images=tuple((images or {}).get(name, ())),
                            url=(urls or {}).get(name),
                        )
                    )
        with self._lock:
            self.bases[index_id] = chunks

    def publish(self, agent_id: str, index_ids: Sequence[str]) -> None:
        """Publish a search and chat service over these knowledge bases."""
        with self._lock:
            self.services[agent_id] = tuple(index_ids)

    def add_application(
        self, app_id: str, kind: ApplicationKind, index_ids: Sequence[str] = (), *, shows_sources: bool = True
    ) -> None:
        """Add an application. ``shows_sources`` is the switch for references in the console."""
        with self._lock:
            self.applications[app_id] = Application(kind, tuple(index_ids), shows_sources)

    def search(self, query: str, index_ids: Sequence[str], top: int) -> list[Chunk]:
        """Return the chunks that fit a query best, each with its score."""
        chunks = [chunk for index_id in index_ids for chunk in self.bases.get(index_id, ())]
        ranked = best(relevance(query, [chunk.text for chunk in chunks]), top)
        return [replace(chunks[position], score=round(score, 6)) for position, score in ranked]

    def continue_session(self, session_id: str, question: str) -> list[str]:
        """Add a question to a session, and return those before it."""
        with self._lock:
            questions = self.sessions.setdefault(session_id, [])
            before = list(questions)
            questions.append(question)
        return before
