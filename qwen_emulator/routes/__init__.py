"""The paths of the service: what is validated, read and produced on each."""

from __future__ import annotations

from qwen_emulator.routes import (
    applications,
    batches,
    compatible,
    files,
    images,
    knowledge,
    native,
    rerank,
    self_hosted,
    speech,
    tasks,
)

ROUTES = (
    *applications.ROUTES,
    *batches.ROUTES,
    *compatible.ROUTES,
    *files.ROUTES,
    *images.ROUTES,
    *knowledge.ROUTES,
    *native.ROUTES,
    *rerank.ROUTES,
    *self_hosted.ROUTES,
    *speech.ROUTES,
    *tasks.ROUTES,
)
