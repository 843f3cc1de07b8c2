"""The paths of the service: what is validated, read and produced on each."""

from __future__ import annotations

from qwen_emulator.routes import batches, compatible, files, native, rerank, self_hosted, tasks

ROUTES = (
    *batches.ROUTES,
    *compatible.ROUTES,
    *files.ROUTES,
    *native.ROUTES,
    *rerank.ROUTES,
    *self_hosted.ROUTES,
    *tasks.ROUTES,
)
