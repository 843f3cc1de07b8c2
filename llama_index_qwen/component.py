"""What the chat model and the embedding model share as LlamaIndex components: the connection, and no secrets."""

from typing import Any

from llama_index.core.callbacks import CallbackManager
from pydantic import AliasChoices, Field, model_validator

from qwen_core.adapters.fields import ConnectionFields, SecretOrText, env_api_key


class QwenComponent(ConnectionFields):
    """Connection fields of which LlamaIndex's ``to_dict``, events and cache keys see no secret."""

    api_key: SecretOrText | None = Field(default_factory=env_api_key, exclude=True, repr=False)
    """The key; default: ``DASHSCOPE_API_KEY``. Looked for at the first call."""
    base_url: str | None = Field(default=None, validation_alias=AliasChoices("base_url", "api_base"))
    """Wins over region; default: ``DASHSCOPE_API_BASE``. A bare host gets the protocol's path."""

    @model_validator(mode="before")
    @classmethod
    def _without_class_name(cls, fields: Any) -> Any:
        # LlamaIndex's model_dump says it beside the fields; what it gives can be validated again.
        own_name: str = cls.class_name()  # type: ignore[attr-defined]
        if isinstance(fields, dict) and fields.get("class_name") == own_name:
            return {name: value for name, value in fields.items() if name != "class_name"}
        return fields

    def __repr_args__(self) -> Any:
        """The fields that ``repr`` shows: what was set, and never a secret."""
        return [
            (name, value)
            for name, value in super().__repr_args__()
            if name in self.model_fields_set and name not in PROCESS_BOUND and not callable(value)
        ]

    def __getstate__(self) -> dict[Any, Any]:
        # Handlers and rate limiters hold locks and counters of this process; a copy elsewhere begins without.
        state = super().__getstate__()
        fields = state["__dict__"]
        own = {name: None for name in PROCESS_BOUND if name in fields}
        return {**state, "__dict__": {**fields, **own}}

    def __setstate__(self, state: dict[Any, Any]) -> None:
        super().__setstate__(state)
        self.__dict__["callback_manager"] = CallbackManager([])


PROCESS_BOUND = ("callback_manager", "rate_limiter")
