"""How embeddings and rerankers show themselves."""

from typing import Any

from pydantic import BaseModel


class BriefRepr(BaseModel):
    """A ``repr`` without the fields that are None, and never with a secret."""

    def __repr_args__(self) -> Any:
        """The fields that ``repr`` shows."""
        return [(name, value) for name, value in super().__repr_args__() if value is not None]
