"""Warn of models whose retirement was announced: once for each model in a process."""

import threading
from datetime import date

from qwen_core.models.profile import ModelProfile
from qwen_core.models.retirement import retirement_notice
from qwen_core.types.warnings import warn


class WarnedModels:
    """The models that were warned of. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._models: set[str] = set()

    def add(self, model: str) -> bool:
        """Add a model; return whether it is new."""
        with self._lock:
            is_new = model not in self._models
            self._models.add(model)
            return is_new

    def clear(self) -> None:
        """Forget all models."""
        with self._lock:
            self._models.clear()


WARNED = WarnedModels()


def warn_if_retired(profile: ModelProfile) -> None:
    """Warn of a model's retirement date, once for each model."""
    if profile.retired_on is None:
        return
    notice = retirement_notice(profile, date.today())
    if notice is not None and WARNED.add(profile.name):
        warn(notice)
