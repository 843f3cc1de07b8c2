"""What embeddings and rerankers share as LangChain components."""

from typing import Any

from pydantic import BaseModel


class ReprOfWhatWasSet(BaseModel):
    """Shows itself briefly."""

    def __repr_args__(self) -> Any:
        """The fields that ``repr`` shows: what was set, and never a secret."""
        return [(name, value) for name, value in super().__repr_args__() if value is not None]
