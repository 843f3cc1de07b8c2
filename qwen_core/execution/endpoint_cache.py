"""Which native endpoint a model turned out to be at, where the catalogue knew nothing or another (native 2).

The one memory of the protocols: for this process, by host and model. Consulted when a call is made, so that the
encoders stay pure.
"""

import threading

import msgspec

from qwen_core.models.profile import ModelProfile, NativeEndpoint


class LearnedEndpoints:
    """What the service taught. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._endpoints: dict[tuple[str, str], NativeEndpoint] = {}

    def learn(self, host: str, model: str, endpoint: NativeEndpoint) -> None:
        """Remember where a host has a model."""
        with self._lock:
            self._endpoints[host, model] = endpoint

    def forget(self, host: str, model: str) -> None:
        """Drop what was learned: it was not there either."""
        with self._lock:
            self._endpoints.pop((host, model), None)

    def apply(self, host: str, profile: ModelProfile) -> ModelProfile:
        """The profile with the endpoint that was learned, if one was."""
        with self._lock:
            endpoint = self._endpoints.get((host, profile.name))
        return msgspec.structs.replace(profile, native_endpoint=endpoint) if endpoint else profile


LEARNED_ENDPOINTS = LearnedEndpoints()
