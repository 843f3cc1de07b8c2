"""Batch jobs for a framework's ``QwenBatch``: the jobs themselves, and another run of those inputs that failed."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from qwen_core.config.settings import ClientSettings
from qwen_core.resources.batches import AsyncQwenBatchJobs, QwenBatchJobs
from qwen_core.resources.batches.journal import as_journal
from qwen_core.resources.batches.results import failures, merged


class BatchJobPair:
    """The synchronous and the asynchronous half of the jobs, with one journal.

    Args:
        settings: how the service is reached.
        options: the fields of ``qwen_core.BatchOptions``.
    """

    def __init__(self, settings: ClientSettings, options: Mapping[str, Any]) -> None:
        shared = {**options, "journal": as_journal(options.get("journal"))}
        self.sync = QwenBatchJobs(settings, **shared)
        self.asynchronous = AsyncQwenBatchJobs(settings, **shared)


class FailedInputs:
    """The inputs whose output is an error.

    ``inputs`` are to be run again, ``origin`` names the runs that they come from, and ``merge`` puts their new
    outputs among the old ones.
    """

    def __init__(self, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
        self.indexes, self.origin = failures(inputs, outputs)
        self.inputs = [inputs[index] for index in self.indexes]
        self.merge: partial[list[Any]] = partial(merged, outputs, self.indexes)
