"""Remember the native endpoint at which a model was found, if the catalog had none or another (native 2).

The only memory of the protocols: for this process, by host and model. Read when a call is planned, so that the
encoders stay pure.
"""

import threading

import msgspec

from qwen_core.models.profile import ModelProfile, NativeEndpoint


class EndpointCache:
    """Native endpoints by host and model. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._endpoints: dict[tuple[str, str], NativeEndpoint] = {}

    def put(self, host: str, model: str, endpoint: NativeEndpoint) -> None:
        """Remember at which endpoint a host has a model."""
        with self._lock:
            self._endpoints[host, model] = endpoint

    def discard(self, host: str, model: str) -> None:
        """Forget the endpoint: the model was not there either."""
        with self._lock:
            self._endpoints.pop((host, model), None)

    def apply(self, host: str, profile: ModelProfile) -> ModelProfile:
        """Return the profile with the endpoint that is remembered, if one is."""
        with self._lock:
            endpoint = self._endpoints.get((host, profile.name))
        return msgspec.structs.replace(profile, native_endpoint=endpoint) if endpoint else profile


ENDPOINT_CACHE = EndpointCache()
