"""What the Batch API refuses: an invalid job at once, an invalid line of its file later.

The codes ``url_not_found`` and ``mismatched_test_url`` were seen; other codes of lines are ASSUMED after OpenAI's.
"""

from __future__ import annotations

import json
import re
from typing import Any

from qwen_emulator.failures import Failure, invalid_parameter
from qwen_emulator.models import BATCH_MODELS, TEST_MODEL

TEST_ENDPOINT = "/v1/chat/ds-test"
ENDPOINTS = ("/v1/chat/completions", "/v1/embeddings", TEST_ENDPOINT)
MAX_LINES = 50_000
MAX_FILE = 500 * 1024 * 1024
MAX_LINE = 6 * 1024 * 1024
MAX_TEST_LINES = 100
MAX_TEST_FILE = 1024 * 1024
_WINDOW = re.compile(r"(\d+)([hd])")
_HOURS = {"h": 1, "d": 24}
_METADATA = {"ds_name": 100, "ds_description": 200}


def validate_job(request: Any) -> Failure | None:
    """Validate the request to create a job."""
    if not isinstance(request, dict):
        return invalid_parameter("The request body is not a JSON object.")
    for name in ("input_file_id", "endpoint", "completion_window"):
        if not isinstance(request.get(name), str):
            return invalid_parameter(f"'{name}' is a required property")
    if request["endpoint"] not in ENDPOINTS:
        return invalid_parameter(f"'{request['endpoint']}' is not one of {list(ENDPOINTS)} - 'endpoint'")
    window = _WINDOW.fullmatch(request["completion_window"])
    if not window or not 24 <= int(window[1]) * _HOURS[window[2]] <= 336:
        return invalid_parameter("completion_window should be between 24h and 336h")
    metadata = request.get("metadata")
    if metadata is not None and not isinstance(metadata, dict):
        return invalid_parameter("metadata should be an object")
    for name, longest in _METADATA.items():
        if len(str((metadata or {}).get(name) or "")) > longest:
            return invalid_parameter(f"The length of {name} should not be larger than {longest}")
    return None


def validate_file(data: bytes, endpoint: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the lines of a file and their errors; with any error, no line is executed."""
    rows = data.splitlines()
    if not rows:
        return [], [_error("empty_file", "The file has no requests.")]
    if len(rows) > MAX_LINES:
        return [], [_error("too_many_requests", f"The file has more than {MAX_LINES} requests.")]
    lines: list[dict[str, Any]] = []
    errors: list[dict[str, Any]] = []
    seen: set[str] = set()
    for number, row in enumerate(rows, 1):
        try:
            line = json.loads(row)
        except ValueError:
            line = None
        wrong = _validate_line(line, row, endpoint, seen, lines[0]["body"]["model"] if lines else None)
        if wrong is not None:
            errors.append({**wrong, "line": number})
            continue
        seen.add(line["custom_id"])
        lines.append(line)
    if endpoint == TEST_ENDPOINT and (len(rows) > MAX_TEST_LINES or len(data) > MAX_TEST_FILE):
        errors.append(_error("too_many_requests", "A file for the test model may have 100 lines and 1 MB."))
    return lines, errors


def _validate_line(
    line: Any, row: bytes, endpoint: str, seen: set[str], model: str | None
) -> dict[str, Any] | None:
    body = line.get("body") if isinstance(line, dict) else None
    if not isinstance(body, dict) or not isinstance(body.get("model"), str):
        return _error("invalid_json_line", "The line is not a JSON object with a body that names a model.")
    if len(row) > MAX_LINE:
        return _error("line_too_long", "A line may have 6 MB.")
    if not isinstance(line.get("custom_id"), str) or not line["custom_id"]:
        return _error("missing_required_parameter", "A line needs a custom_id.", "custom_id")
    if line["custom_id"] in seen:
        return _error("duplicate_custom_id", f"The custom_id '{line['custom_id']}' stands twice.", "custom_id")
    if line.get("method") != "POST":
        return _error("invalid_method", "The method is POST.", "method")
    url = line.get("url")
    if url not in ENDPOINTS:
        return _error("url_not_found", f"The provided url '{url}' is not supported by the Batch API.", "url")
    if (url == TEST_ENDPOINT) != (body["model"] == TEST_MODEL):
        message = f"The provided URL '{url}' does not match the test model '{TEST_MODEL}'."
        return _error("mismatched_test_url", message, "url")
    if url != endpoint:
        return _error("mismatched_endpoint", f"The job is for '{endpoint}', the line for '{url}'.", "url")
    if body["model"] != TEST_MODEL and body["model"] not in BATCH_MODELS:
        return _error(
            "model_not_found", f"The model '{body['model']}' is not supported by the Batch API.", "model"
        )
    if model not in (None, body["model"]):
        return _error("mismatched_model", "All lines of a file name the same model.", "model")
    return None


def _error(code: str, message: str, param: str | None = None) -> dict[str, Any]:
    return {"code": code, "message": message, "param": param, "line": None}
