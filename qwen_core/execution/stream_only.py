"""Learn from a refusal that a model answers only in a stream, always or while it thinks (compatible 6).

A memory of this process, by host and model, as ``endpoint_cache``: nothing was generated when the service refused,
so the same request is sent once more as a stream, and later ones are streams from the start.
"""

import threading

import msgspec

from qwen_core.models.profile import ModelProfile
from qwen_core.types.errors import QwenError

STREAM_ONLY = ("only support stream mode", "current user api does not support http call")
STREAM_ONLY_THINKING = ("enable_thinking must be set to false for non-streaming call",)


def stream_requirement(error: QwenError) -> str | None:
    """Return the profile's field that this error says is true, or None if it is about something else."""
    message = error.message.lower()
    if any(phrase in message for phrase in STREAM_ONLY):
        return "stream_only"
    return "stream_only_thinking" if any(phrase in message for phrase in STREAM_ONLY_THINKING) else None


class StreamOnlyCache:
    """The stream requirements that were learned, by host and model. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requirements: dict[tuple[str, str], str] = {}

    def put(self, host: str, model: str, requirement: str) -> None:
        """Remember that a model on a host answers only in a stream: always, or while it thinks."""
        with self._lock:
            self._requirements[host, model] = requirement

    def apply(self, host: str, profile: ModelProfile) -> ModelProfile:
        """Return the profile with what was learned, if anything was."""
        if not self._requirements:
            return profile
        with self._lock:
            requirement = self._requirements.get((host, profile.name))
        return profile if requirement is None else msgspec.structs.replace(profile, **{requirement: True})


STREAM_ONLY_CACHE = StreamOnlyCache()
