"""Turn result files into responses and errors, one for each request, in order."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import msgspec

from qwen_core.execution.exchange import Exchange
from qwen_core.execution.observers import OF_CHATS
from qwen_core.execution.plan import CallPlan
from qwen_core.protocols.error_decoding import decode_error_body, error_fields, invalid_response
from qwen_core.resources.batches.lines import BatchFile
from qwen_core.resources.batches.schema import BatchJob, JobError, LineResponse, ResultLine
from qwen_core.transports.base import HTTPResponse, HTTPStatusError
from qwen_core.types.error_translation import with_cause
from qwen_core.types.errors import BadRequestError, BatchError, InvalidResponseError, QwenError, make_error
from qwen_core.types.responses import ChatResponse

Outcome = ChatResponse | QwenError
"""The outcome of one request."""

OK = 200
NOT_REACHED = {"batch_expired": "expired", "batch_cancelled": "cancelled"}
"""OpenAI's codes for lines that were not executed; ASSUMED to be the service's too."""
REASONS = {
    "expired": "it was not done when its completion_window ended",
    "cancelled": "it was cancelled",
    "failed": "it failed",
    "completed": "the service gave no result for it",
}
BAD_REQUEST = 400

T = TypeVar("T")

CUSTOM_ID = re.compile(rb'"custom_id"\s*:\s*"([0-9]{1,9})"')
"""Finds whose result a line is that is not valid JSON."""

_decode = msgspec.json.Decoder(ResultLine).decode


class ResultLines(dict[str, ResultLine | InvalidResponseError]):
    """The results by request id; ``unreadable`` are the errors of lines that do not tell whose they are."""

    unreadable: Sequence[InvalidResponseError] = ()


def read_results(files: Iterable[bytes]) -> ResultLines:
    """Return the results by request id. A line that cannot be read is an error in its place."""
    found = ResultLines()
    unreadable: list[InvalidResponseError] = []
    for data in files:
        for row in data.split(b"\n"):
            if not row.strip():
                continue
            try:
                line = _decode(row)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as reason:
                error = with_cause(invalid_response(row, reason), reason)
                id = CUSTOM_ID.search(row)
                if id is None:
                    unreadable.append(error)
                else:
                    found.setdefault(id[1].decode(), error)
                continue
            found[line.custom_id] = line
    found.unreadable = unreadable
    return found


def settle(
    file: BatchFile, job: BatchJob, results: ResultLines, plans: Sequence[CallPlan | QwenError]
) -> dict[int, Outcome]:
    """Return the outcome of each request of a file, by index."""
    mistakes = {mistake.line: mistake for mistake in job.mistakes if mistake.line is not None}
    outcomes: dict[int, Outcome] = {}
    for number, line in enumerate(file.lines, 1):
        plan = plans[line.position]
        assert isinstance(plan, CallPlan)
        exchange = Exchange(plan, OF_CHATS)
        result = results.get(str(line.position))
        if isinstance(result, ResultLine):
            outcome = read_result(exchange, result)
        elif result is not None:
            outcome = exchange.map_error(result)
        elif number in mistakes:
            outcome = exchange.map_error(line_error(mistakes[number]))
        else:
            outcome = exchange.map_error(unanswered(job, results.unreadable))
        if isinstance(outcome, QwenError):
            outcome.batch_id = job.id
        else:
            extras = {**(outcome.extras or {}), "batch_id": job.id}
            outcome = msgspec.structs.replace(outcome, extras=extras)
        outcomes[line.position] = outcome
    return outcomes


def read_result(exchange: Exchange, result: ResultLine) -> Outcome:
    """Return the response to one request, or its error."""
    response = result.response or LineResponse()
    headers = {"x-request-id": response.request_id} if response.request_id else {}
    body = bytes(response.body)
    try:
        if not result.error and response.status_code in (None, OK):
            return exchange.decode(HTTPResponse(OK, headers, body))
        if response.status_code not in (None, OK) and decode_error_body(body).get("error"):
            raise HTTPStatusError(HTTPResponse(response.status_code or OK, headers, body))
        raise failed_line(result.error, response)
    except (QwenError, HTTPStatusError) as error:
        return exchange.map_error(error)
    except Exception as reason:
        # One result of fifty thousand: whatever is wrong with it, the others are kept.
        return exchange.map_error(with_cause(invalid_response(body, repr(reason)), reason))


def failed_line(error: Any, response: LineResponse) -> QwenError:
    """Return the error beside the response."""
    fields: dict[str, Any] = error if isinstance(error, dict) else {"message": error}
    read = error_fields(fields)
    code, message = read.code, read.message
    code = code or str(fields.get("error_code") or "") or None
    message = message or str(fields.get("error_message") or "")
    if code in NOT_REACHED:
        missed = BatchError(message or f"The request was not executed: {REASONS[NOT_REACHED[code]]}.", code=code)
        missed.is_retryable = True
        return missed
    status = None if response.status_code == OK else response.status_code
    return make_error(
        status, code, message or "The request failed.", kind=read.kind, request_id=response.request_id
    )


def line_error(mistake: JobError) -> QwenError:
    """Return the error for a line because of which a whole file was refused."""
    return make_error(BAD_REQUEST, mistake.code, mistake.message or "The service refused the line.")


def unanswered(job: BatchJob, unreadable: Sequence[InvalidResponseError] = ()) -> QwenError:
    """Return the error for a request without a result: it is in a line that cannot be read, or was not reached."""
    if unreadable:
        first = unreadable[0]
        message = f"The result is missing or in one of {len(unreadable)} unreadable lines. {first.message}"
        return with_cause(InvalidResponseError(message), first.__cause__)
    said = "; ".join(sorted({mistake.message or "" for mistake in job.mistakes} - {""})[:3])
    error = BatchError(
        f"The batch job {job.id} has no answer to the request: {REASONS.get(job.status, job.status)}."
        + (f" It says: {said}" if said else ""),
        code=f"batch_{job.status}",
    )
    error.is_retryable = job.status in ("expired", "cancelled")
    return error


def failures(inputs: Sequence[object], outputs: Sequence[object]) -> tuple[list[int], list[str]]:
    """Return the indexes of errors and the jobs they are from, which identify a retry."""
    if len(inputs) != len(outputs):
        raise BadRequestError(f"{len(inputs)} inputs cannot have {len(outputs)} outputs.")
    indexes = [index for index, output in enumerate(outputs) if isinstance(output, Exception)]
    return indexes, ["retry", *sorted({getattr(outputs[index], "batch_id", None) or "" for index in indexes})]


def merged(outputs: Sequence[T], indexes: Sequence[int], new: Sequence[T]) -> list[T]:
    """Return the outcomes with those at these indexes replaced."""
    return list((dict(enumerate(outputs)) | dict(zip(indexes, new, strict=True))).values())
