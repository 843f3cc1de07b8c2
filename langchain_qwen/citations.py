"""Sources of an answer as LangChain's citation annotations."""

from collections.abc import Sequence

from langchain_core.messages.content import Citation as Annotation

from qwen_core.types.responses import Citation, CitationSpan


def annotations(citations: Sequence[Citation], spans: Sequence[CitationSpan]) -> list[Annotation]:
    """One for each place that cites a source, in the order of the text; without places, one for each source."""
    if not spans:
        return [annotation(citation) for citation in citations]
    sources = {citation.index: citation for citation in citations}
    return [annotation(sources[span.index], span) for span in spans if span.index in sources]


def annotation(citation: Citation, span: CitationSpan | None = None) -> Annotation:
    """The annotation for one source. ``extras`` holds what LangChain has no name for."""
    found = Annotation(type="citation", url=citation.url)
    if citation.title:
        found["title"] = citation.title
    if span is not None:
        found["start_index"], found["end_index"] = span.start, span.end
    more = {"index": citation.index, "site_name": citation.site_name, "icon": citation.icon}
    found["extras"] = {name: value for name, value in more.items() if value}
    return found
