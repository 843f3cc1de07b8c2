"""The fields that embedding models and rerankers share, and their conversion for the core."""

from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import Field, StrictBool

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
"""With the waits of ``execution.retry`` about 40 seconds; rate limits count by the minute (compatible 6)."""


class RetrievalFields(ConnectionFields):
    """The parameters that embedding models and rerankers share."""

    max_retries: int = Field(default=INDEXING_RETRIES, ge=0)
    """Maximum number of retries of a call that was refused; higher than for a chat, so that a job of a thousand
    calls survives the throttling of a minute."""
    instruct: str | None = None
    """Instruction that describes the task in a sentence, in English. For embeddings it goes with queries, and
    needs the native protocol."""
    extra_body: dict[str, Any] | None = None
    """Fields to merge into the request's body, unchanged. They override all others."""


class EmbeddingFields(RetrievalFields):
    """The parameters of an embedding model."""

    model: str = DEFAULT_EMBEDDING_MODEL
    """Model name. Unknown names work."""
    dimensions: int | None = Field(default=None, ge=1)
    """Length of the vectors; None: the model's own default."""


class MultimodalEmbeddingFields(EmbeddingFields):
    """The parameters of an embedding model for texts, images and videos."""

    model: str = DEFAULT_MULTIMODAL_EMBEDDING_MODEL
    """Model name. Unknown names work."""
    allow_local_files: StrictBool | list[str] = False
    """Whether media given as paths are read from this disk: none, all, or those in these folders."""

    def multimodal_request(self, contents: Iterable[tuple[Part, ...]]) -> MultimodalEmbeddingRequest:
        """Return the request for contents of any kind, each of which becomes one vector."""
        return MultimodalEmbeddingRequest(
            model=self.model,
            contents=prepare_contents(self.model, contents, allowed_files(self.allow_local_files)),
            dimensions=self.dimensions,
            instruct=self.instruct,
            extra_body=self.extra_body,
        )


class TextEmbeddingFields(EmbeddingFields):
    """The parameters of an embedding model for texts."""

    text_type: TextType | None = None
    """Type of all texts, for which ``protocol="auto"`` uses the native protocol. None: questions are ``query`` and
    texts ``document``, sent only over the native protocol, which alone has this parameter."""

    def embedding_request(
        self, texts: Sequence[str], role: TextType = "document", output_type: OutputType | None = None
    ) -> EmbeddingRequest:
        """Return the request for these texts."""
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
    """The parameters of a reranker."""

    model: str = DEFAULT_RERANK_MODEL
    """Model name. Unknown names work."""
    top_n: int | None = Field(default=None, ge=1)
    """Number of best documents to keep; None: all."""
    allow_local_files: StrictBool | list[str] = False
    """Whether media given as paths are read from this disk: none, all, or those in these folders."""

    def rerank_request(
        self, query: str | Part, documents: Iterable[str | Part], top_n: int | None = None
    ) -> RerankRequest:
        """Return the request to rank these documents. The call's ``top_n`` overrides the field."""
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
    """Return the allowed folders as the core expects them."""
    return tuple(allowed) or False if isinstance(allowed, list) else allowed


def as_part(text_or_part: str | Part) -> Part:
    """Return a text as a part."""
    return TextPart(text_or_part) if isinstance(text_or_part, str) else text_or_part
