"""Models whose end was announced: one warning for each, once in a process."""

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


def warn_if_retired(profile: ModelProfile) -> None:
    """Warn of a model's announced end, once for each model."""
    if profile.retired_on is None:
        return
    notice = retirement_notice(profile, date.today())
    if notice is not None and WARNED.first_time(profile.name):
        warn(notice)
