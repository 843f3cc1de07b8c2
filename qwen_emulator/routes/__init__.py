"""The paths of the service, one file for each wire: what is judged, read and produced on each of them."""

from __future__ import annotations

from qwen_emulator.routes import compatible, native

ROUTES = (*compatible.ROUTES, *native.ROUTES)
