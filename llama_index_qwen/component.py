"""What the models and rerankers share as LlamaIndex components: the connection, without exposing secrets."""

from typing import Any

from llama_index.core.callbacks import CallbackManager
from pydantic import AliasChoices, Field, model_validator

from qwen_core.adapters.fields import ConnectionFields, SecretOrText, env_api_key
from qwen_core.adapters.retrieval_fields import INDEXING_RETRIES, RetrievalFields

PROCESS_BOUND = ("callback_manager", "rate_limiter")
"""Fields with locks and counters of this process, which copies elsewhere do not get."""


class QwenComponent(ConnectionFields):
    """Connection fields whose secrets LlamaIndex's ``to_dict``, events and cache keys do not contain."""

    api_key: SecretOrText | None = Field(default_factory=env_api_key, exclude=True, repr=False)
    """The API key; default: ``DASHSCOPE_API_KEY``. Checked at the first call."""
    base_url: str | None = Field(default=None, validation_alias=AliasChoices("base_url", "api_base"))
    """Overrides ``region``; default: ``DASHSCOPE_API_BASE``. If it has no path, the protocol's path is added."""

    @model_validator(mode="before")
    @classmethod
    def _without_class_name(cls, fields: Any) -> Any:
        # LlamaIndex's model_dump adds it to the fields; what it returns must validate again.
        own_name: str = cls.class_name()  # type: ignore[attr-defined]
        if isinstance(fields, dict) and fields.get("class_name") == own_name:
            return {name: value for name, value in fields.items() if name != "class_name"}
        return fields

    def __repr_args__(self) -> Any:
        """Return the fields that ``repr`` shows: those that were set, without secrets."""
        return [
            (name, value)
            for name, value in super().__repr_args__()
            if name in self.model_fields_set and name not in PROCESS_BOUND and not callable(value)
        ]

    def __getstate__(self) -> dict[Any, Any]:
        state = super().__getstate__()
        fields = state["__dict__"]
        return {**state, "__dict__": {**fields, **{name: None for name in PROCESS_BOUND if name in fields}}}

    def __setstate__(self, state: dict[Any, Any]) -> None:
        super().__setstate__(state)
        self.__dict__["callback_manager"] = CallbackManager([])


class RetrievalComponent(QwenComponent, RetrievalFields):
    """An embedding model or reranker, which retries more often than a chat model."""

    max_retries: int = Field(default=INDEXING_RETRIES, ge=0)
    """The maximum number of retries of a rejected call."""
