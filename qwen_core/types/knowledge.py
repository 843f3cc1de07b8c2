"""Requests to the knowledge bases of Model Studio, and what they return (protocol document "knowledge", 1)."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

MetadataFilter = Mapping[str, str | Sequence[str]]
"""Values by metadata key: keys are joined by AND, the values of one key by OR."""


class KnowledgeRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A search in one knowledge base (``index_id``), or by a published search service (``agent_id``).

    ``top_k`` is for a base alone; a service has its own settings. ``images`` are URLs or data URIs, for a service.
    """

    query: str = ""
    index_id: str | None = None
    agent_id: str | None = None
    top_k: int | None = None
    images: tuple[str, ...] = ()
    agent_version: str | None = None
    extra_body: dict[str, Any] | None = None


class KnowledgeNode(msgspec.Struct, frozen=True, kw_only=True):
    """A chunk of a document.

    ``score`` is the raw similarity in a search of one base, and 0 to 1 after a service's reranking: the two cannot
    be compared. ``metadata`` is the document's; ``service_fields`` are those that the service adds, whose names
    begin with an underscore.
    """

    text: str
    score: float | None = None
    id: str | None = None
    metadata: dict[str, Any] = msgspec.field(default_factory=dict)
    service_fields: dict[str, Any] = msgspec.field(default_factory=dict)

    @property
    def name(self) -> str | None:
        """The name of the document."""
        return _text(self.metadata.get("doc_name"))

    @property
    def page(self) -> int | None:
        """The first page that the chunk is from, counted from 1."""
        pages = self.metadata.get("page_number")
        first = pages[0] if isinstance(pages, list) and pages else pages
        return first if isinstance(first, int) and not isinstance(first, bool) else None

    @property
    def images(self) -> tuple[str, ...]:
        """The URLs of the images in the chunk."""
        urls = self.metadata.get("image_url")
        urls = [urls] if isinstance(urls, str) else urls if isinstance(urls, list) else []
        return tuple(url for url in urls if isinstance(url, str) and url)

    @property
    def url(self) -> str | None:
        """The URL of the document."""
        return _text(self.metadata.get("doc_url"))


class KnowledgeResponse(msgspec.Struct, frozen=True, kw_only=True):
    """The chunks that a search found, best first."""

    nodes: tuple[KnowledgeNode, ...] = ()
    total: int | None = None
    request_id: str | None = None
    total_tokens: int | None = None
    """Always None: searches report no usage."""


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def matches(metadata: Mapping[str, Any], wanted: MetadataFilter | None) -> bool:
    """Return whether metadata has one of the wanted values under each key. A list matches by any of its items."""
    for key, values in (wanted or {}).items():
        accepted = {values} if isinstance(values, str) else set(values)
        held = metadata.get(key)
        items = held if isinstance(held, list) else [held]
        if accepted.isdisjoint(str(item) for item in items if item is not None):
            return False
    return True
