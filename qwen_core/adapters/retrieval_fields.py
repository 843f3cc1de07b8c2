"""The fields that embedding models and rerankers share, and what they mean for the core."""

from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import Field

from qwen_core.adapters.fields import ConnectionFields
from qwen_core.config.endpoints import (
    DEFAULT_EMBEDDING_MODEL,
    DEFAULT_MULTIMODAL_EMBEDDING_MODEL,
    DEFAULT_RERANK_MODEL,
)
from qwen_core.prepare.retrieval_media import prepare_contents
from qwen_core.types.messages import Part, TextPart
from qwen_core.types.requests import (
    EmbeddingRequest,
    MultimodalEmbeddingRequest,
    OutputType,
    RerankRequest,
    TextType,
)

INDEXING_RETRIES = 8
"""With the waits of ``calls.retries`` about 40 seconds; rates are counted by the minute (compatible 6)."""


class RetrievalFields(ConnectionFields):
    """What embedding models and rerankers share."""

    max_retries: int = Field(default=INDEXING_RETRIES, ge=0)
    """How often a call that was refused is tried again; more often than a chat, so that a job of a thousand calls
    outlives the throttling of a minute."""
    instruct: str | None = None
    """The task in a sentence, in English. For embeddings it goes with queries, and needs the native protocol."""
    extra_body: dict[str, Any] | None = None
    """Merged over the body as it is."""


class EmbeddingFields(RetrievalFields):
    """What is asked of an embedding model."""

    model: str = DEFAULT_EMBEDDING_MODEL
    """The model's name. Unknown names work."""
    dimensions: int | None = Field(default=None, ge=1)
    """The length of the vectors; None: the model's own default."""


class MultimodalEmbeddingFields(EmbeddingFields):
    """What is asked of an embedding model for texts, images and videos."""

    model: str = DEFAULT_MULTIMODAL_EMBEDDING_MODEL
    """The model's name. Unknown names work."""
    allow_local_files: bool | list[str] = False
    """Whether media given as paths are read from this disk and sent: none, all, or those in these folders."""

    def multimodal_request(self, contents: Iterable[tuple[Part, ...]]) -> MultimodalEmbeddingRequest:
        """The request for contents of any kind, each of which becomes one vector."""
        return MultimodalEmbeddingRequest(
            model=self.model,
            contents=prepare_contents(self.model, contents, allowed_files(self.allow_local_files)),
            dimensions=self.dimensions,
            instruct=self.instruct,
            extra_body=self.extra_body,
        )


class TextEmbeddingFields(EmbeddingFields):
    """What is asked of an embedding model for texts."""

    text_type: TextType | None = None
    """None: questions are ``query`` and texts ``document``, said on the native protocol, which alone can say it.
    Given, all texts are of that type, and ``protocol="auto"`` means the native one."""

    def embedding_request(
        self, texts: Sequence[str], role: TextType = "document", output_type: OutputType | None = None
    ) -> EmbeddingRequest:
        """The request for these texts."""
        return EmbeddingRequest(
            model=self.model,
            texts=tuple(texts),
            dimensions=self.dimensions,
            role=role,
            text_type=self.text_type,
            instruct=self.instruct,
            output_type=output_type,
            extra_body=self.extra_body,
        )


class RerankFields(RetrievalFields):
    """What is asked of a reranker."""

    model: str = DEFAULT_RERANK_MODEL
    """The model's name. Unknown names work."""
    top_n: int | None = Field(default=None, ge=1)
    """How many of the best to keep; None: all."""
    allow_local_files: bool | list[str] = False
    """Whether media given as paths are read from this disk and sent: none, all, or those in these folders."""

    def rerank_request(
        self, query: str | Part, documents: Iterable[str | Part], top_n: int | None = None
    ) -> RerankRequest:
        """The request to rank these documents. The call's ``top_n`` wins."""
        items = [(as_part(query),), *((as_part(document),) for document in documents)]
        ready = prepare_contents(self.model, items, allowed_files(self.allow_local_files))
        return RerankRequest(
            model=self.model,
            query=ready[0][0],
            documents=tuple(part for (part,) in ready[1:]),
            top_n=self.top_n if top_n is None else top_n,
            instruct=self.instruct,
            extra_body=self.extra_body,
        )


def allowed_files(allowed: bool | list[str]) -> bool | tuple[str, ...]:
    """What was allowed, as the core takes it."""
    return tuple(allowed) or False if isinstance(allowed, list) else allowed


def as_part(text_or_part: str | Part) -> Part:
    """A text as a part."""
    return TextPart(text_or_part) if isinstance(text_or_part, str) else text_or_part
