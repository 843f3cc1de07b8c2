"""Models whose end was announced: one warning for each, once in a process.

What is announced is data of the catalogue; only who was told already is kept here.
"""

import threading
from datetime import date

from qwen_core.models.profile import ModelProfile
from qwen_core.warn import warn


class WarnedModels:
    """The models that were warned of. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._models: set[str] = set()

    def first_time(self, model: str) -> bool:
        """Whether nobody was told of this model yet; from now on somebody was."""
        with self._lock:
            first = model not in self._models
            self._models.add(model)
            return first

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._models.clear()


WARNED = WarnedModels()


def retirement_notice(profile: ModelProfile, today: date) -> str | None:
    """What to know of a model whose end was announced; None for all others."""
    if profile.retired_on is None:
        return None
    past = date.fromisoformat(profile.retired_on) <= today
    instead = (
        f"Alibaba names {profile.successor} as its successor."
        if profile.successor
        else "No successor is named: `python -m qwen_core.models --current` lists the models there are."
    )
    return f"{profile.name} {'was' if past else 'will be'} retired on {profile.retired_on}. {instead}"


def warn_if_retired(profile: ModelProfile) -> None:
    """Warn of a model's announced end, once for each model."""
    if profile.retired_on is None:
        return
    notice = retirement_notice(profile, date.today())
    if notice is not None and WARNED.first_time(profile.name):
        warn(notice)
