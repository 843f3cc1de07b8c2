"""Files and jobs that the service refused: their requests get an outcome at once, and others go on."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from typing import Literal

from qwen_core.execution.exchange import Exchange
from qwen_core.execution.observers import OF_CHATS
from qwen_core.execution.plan import CallPlan
from qwen_core.resources.batches.journal import FileRecord
from qwen_core.resources.batches.lines import BatchFile, Prepared
from qwen_core.resources.batches.results import Outcome
from qwen_core.types.errors import APITimeoutError, BatchError, QwenError

CLIENT_ERRORS = range(400, 500)

Refusals = dict[str, QwenError]
"""Why there is no job, by the file's name."""


def is_refusal(error: QwenError) -> bool:
    """Return whether the service refused for good, so that nothing was created."""
    return error.status_code in CLIENT_ERRORS and not error.is_retryable and not isinstance(error, APITimeoutError)


@contextmanager
def begun(file: FileRecord, step: Literal["uploading", "submitting"]) -> Iterator[None]:
    """Run a step that creates something; a refused step counts as not begun and need not be looked up."""
    try:
        yield
    except QwenError as error:
        setattr(file, step, not is_refusal(error))
        raise


def has_no_job(file: FileRecord, error: QwenError) -> bool:
    """Return whether this error makes certain that the file's requests are in no job."""
    return file.retried or (is_refusal(error) and not file.in_doubt)


def retried(file: FileRecord) -> BatchError:
    """Return the error for a file whose requests are in the jobs of a retry."""
    error = BatchError(f"The service refused {file.name}, and its requests were retried.", code="batch_refused")
    error.is_retryable = True
    return error


def refuse(file: BatchFile, name: str, error: QwenError, prepared: Prepared) -> dict[int, Outcome]:
    """Return the refusal as the outcome of each request of the file, by index."""
    outcomes: dict[int, Outcome] = {}
    for line in file.lines:
        plan = prepared.plans[line.position]
        assert isinstance(plan, CallPlan)
        own = copy(error)
        own.__cause__, own.batch_id = error.__cause__, name
        outcomes[line.position] = Exchange(plan, OF_CHATS).map_error(own)
    return outcomes
