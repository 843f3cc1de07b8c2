"""The raw request as the rules see it, and how a list of rules is applied."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from qwen_emulator.conversation import is_thinking
from qwen_emulator.failures import Failure, refused_by_model
from qwen_emulator.models import RECORDED, ChatFacts


@dataclass(frozen=True)
class ChatRequestView:
    """A chat request before it is validated."""

    model: str
    facts: ChatFacts
    messages: Any
    parameters: Mapping[str, Any]
    stream: bool
    native: bool = False
    multimodal: bool = False
    """Whether it was sent to the native multimodal endpoint."""

    @property
    def thinking(self) -> bool:
        """Return whether the model would think."""
        return is_thinking(self.facts, self.parameters)

    def recorded(self, what: str) -> bool:
        """Return whether a recording shows that the service accepts this from the model, over this protocol."""
        return self.model in RECORDED.get((what, self.native), ())

    @property
    def response_format(self) -> str:
        """Return the requested type, ``text`` by default."""
        given = self.parameters.get("response_format")
        return str(given.get("type")) if isinstance(given, dict) else "text"


Rule: TypeAlias = Callable[[ChatRequestView], "Failure | str | None"]
"""Returns None, a refusal, or the message of a refusal from behind the gateway."""


def validate(request: ChatRequestView, rules: Iterable[Rule]) -> Failure | None:
    """Return the first refusal, or None."""
    for rule in rules:
        verdict = rule(request)
        if isinstance(verdict, str):
            return refused_by_model(verdict)
        if verdict is not None:
            return verdict
    return None
