"""Sync and async classes of multipart calls have the same code."""

import inspect

import pytest

from qwen_core.execution import service_calls
from qwen_core.resources import files, uploads
from tests.core.test_sync_async_pairs import synchronous

PAIRS = [
    (files.QwenFiles, files.AsyncQwenFiles),
    (service_calls.ServiceCalls, service_calls.AsyncServiceCalls),
    (uploads.TemporaryStore, uploads.AsyncTemporaryStore),
]


@pytest.mark.parametrize(("sync", "twin"), PAIRS)
def test_sync_source_equals_async_source(sync: type, twin: type) -> None:
    source = inspect.getsource(twin).replace("__aenter__", "__enter__").replace("__aexit__", "__exit__")
    assert synchronous(source) == synchronous(inspect.getsource(sync))
