"""Options of batch jobs: how they are created and watched."""

from pathlib import Path

import msgspec

from qwen_core.config.timeouts import LONGEST
from qwen_core.resources.batches.journal import Journal
from qwen_core.resources.batches.lines import LIMITS, Limits
from qwen_core.resources.batches.schema import CHAT_ENDPOINT, NewJob
from qwen_core.types.errors import BadRequestError
from qwen_core.types.json import encode_json

DAY = "24h"
POLL_SECONDS = 60.0
"""The longest interval between two polls of a job; the documents ask for a minute or more."""


class BatchOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How jobs are created and watched.

    journal            folder for the records of runs: with it, requests that were uploaded or submitted before are
                       not sent again, whatever happened to the process; None keeps the records in memory. A
                       ``Journal`` can be shared
    completion_window  ``"24h"`` to ``"336h"``, or ``"1d"`` to ``"14d"``
    name, description  shown in the console; up to 100 and 200 characters
    endpoint           ``"/v1/chat/ds-test"`` for ``batch-test-model``
    poll_seconds       the longest time between two looks at a job
    show_progress      whether a progress bar counts the requests that are done
    run                tells runs of the same requests apart, such as tonight's from yesterday's
    limits             how large a file may be
    """

    journal: Journal | Path | str | None = None
    completion_window: str = DAY
    name: str | None = None
    description: str | None = None
    endpoint: str = CHAT_ENDPOINT
    poll_seconds: float = POLL_SECONDS
    show_progress: bool = False
    run: str = ""
    limits: Limits = LIMITS

    def __post_init__(self) -> None:
        """Raise BadRequestError for options that would fail only after files were uploaded."""
        if not 0 <= self.poll_seconds <= LONGEST:
            raise BadRequestError(f"{self.poll_seconds} seconds cannot be waited between two looks at a job.")
        encode_json({"name": self.name, "description": self.description, "run": self.run})

    def new_job(self, file_id: str) -> bytes:
        """Return the request that creates a job."""
        said = {"ds_name": self.name, "ds_description": self.description}
        metadata = {name: value for name, value in said.items() if value}
        job = NewJob(file_id, self.endpoint, self.completion_window, metadata or None)
        return msgspec.json.encode(job)
