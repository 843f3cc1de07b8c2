"""Files and jobs that the service refused to make: their requests have their outcome, and no other has to wait."""

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
    """Whether the service said no for good, so that nothing was made."""
    return error.status_code in CLIENT_ERRORS and not error.is_retryable and not isinstance(error, APITimeoutError)


@contextmanager
def begun(file: FileRecord, step: Literal["uploading", "submitting"]) -> Iterator[None]:
    """A step that makes something: what is refused was not begun, and need not be looked for."""
    try:
        yield
    except QwenError as error:
        setattr(file, step, not is_refusal(error))
        raise


def has_no_job(file: FileRecord, error: QwenError) -> bool:
    """Whether it is certain, after this error, that the file's requests are in no job."""
    return file.retried or (is_refusal(error) and not file.in_doubt)


def retried(file: FileRecord) -> BatchError:
    """The error for a file whose requests are in the jobs of a retry."""
    error = BatchError(f"The service refused {file.name}, and its requests were retried.", code="batch_refused")
    error.is_retryable = True
    return error


def refuse(file: BatchFile, name: str, error: QwenError, prepared: Prepared) -> dict[int, Outcome]:
    """The refusal as what came of each request of the file, by its place."""
    outcomes: dict[int, Outcome] = {}
    for line in file.lines:
        plan = prepared.plans[line.place]
        assert isinstance(plan, CallPlan)
        own = copy(error)
        own.__cause__, own.batch_id = error.__cause__, name
        outcomes[line.place] = Exchange(plan, OF_CHATS).map_error(own)
    return outcomes
