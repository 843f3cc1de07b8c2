"""Encode and decode searches in knowledge bases.

HTTP 200 is not success here: the envelope says it, in one of two forms (protocol document "knowledge", 1.6).
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from qwen_core.protocols.base import EncodedRequest, merge_body
from qwen_core.protocols.error_decoding import decode_error, decode_error_body, invalid_response
from qwen_core.protocols.messages import with_values
from qwen_core.types.errors import BadRequestError, NotFoundError, QwenError
from qwen_core.types.json import encode_json
from qwen_core.types.knowledge import KnowledgeNode, KnowledgeRequest, KnowledgeResponse

RETRIEVE_PATH = "/indices/rag/index/retrieve"
SEARCH_PATH = "/indices/knowledge/search"

OK_CODES = ("", "success", "200")

STATUS_OF_CODE = {
    "UNAUTHORIZED": 401,
    "InvalidApiKey": 401,
    "FORBIDDEN": 403,
    "KB_NOT_FOUND": 404,
    "DOCUMENT_NOT_FOUND": 404,
    "INVALID_PARAMETER": 400,
    "KB_NAME_CONFLICT": 409,
    "QUOTA_EXCEEDED": 429,
    "RATE_LIMITED": 429,
    "EMBEDDING_FAILED": 500,
    "SERVICE_UNAVAILABLE": 503,
    "RETRIEVAL_TIMEOUT": 504,
}
"""HTTP statuses of error codes that may arrive inside HTTP 200."""

MISSING_HINT = (
    "Check the id (index_id, agent_id or app_id), that the service or application is published, and that the API "
    "key belongs to its workspace."
)


class Node(msgspec.Struct):
    """A chunk in a response."""

    text: str | None = None
    score: float | None = None
    metadata: dict[str, Any] | None = None


class Data(msgspec.Struct):
    """The content of a response. ``total`` is a search service's."""

    nodes: list[Node] | None = None
    total: int | None = None


class Envelope(msgspec.Struct):
    """A response that is not an error."""

    data: Data | None = None
    request_id: str | None = None


_decode_envelope = msgspec.json.Decoder(Envelope).decode


def encode_knowledge(request: KnowledgeRequest) -> EncodedRequest:
    """Encode a search. Raises BadRequestError unless it names one base or one service, and asks for something."""
    if (request.index_id is None) == (request.agent_id is None):
        raise BadRequestError("Set either index_id (a knowledge base) or agent_id (a search service), not both.")
    if not request.query.strip() and not request.images:
        raise BadRequestError("The query is empty. Pass a text, or images to a search service.")
    if request.index_id is not None:
        if request.images:
            raise BadRequestError(
                "Only a search service (agent_id) accepts images; a knowledge base (index_id) not."
            )
        if request.top_k is not None and request.top_k < 1:
            raise BadRequestError(f"top_k must be at least 1 (got {request.top_k}).")
        body = with_values({"index_id": request.index_id, "query": request.query}, top_k=request.top_k)
        return EncodedRequest(path=RETRIEVE_PATH, body=encode_json(merge_body(body, request.extra_body)))
    for image in request.images:
        if not image.startswith(("https://", "http://", "data:")):
            raise BadRequestError(f"An image must be an https URL or a data URI (got {image[:100]!r}).")
    body = with_values(
        {"agent_id": request.agent_id},
        query=request.query or None,
        images=list(request.images) or None,
        agent_version=request.agent_version,
    )
    return EncodedRequest(path=SEARCH_PATH, body=encode_json(merge_body(body, request.extra_body)))


def decode_knowledge(payload: bytes, headers: Mapping[str, str]) -> KnowledgeResponse:
    """Decode the chunks that were found. Raises the error that an HTTP 200 may contain."""
    raise_enclosed_error(payload, headers)
    try:
        body = _decode_envelope(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as reason:
        raise invalid_response(payload, reason) from reason
    if body.data is None:
        raise invalid_response(payload, "it has no data")
    return KnowledgeResponse(
        nodes=tuple(decode_node(node) for node in body.data.nodes or ()),
        total=body.data.total,
        request_id=body.request_id or headers.get("x-request-id"),
    )


def decode_node(node: Node) -> KnowledgeNode:
    """Return a chunk, with the service's underscore fields apart from the document's metadata."""
    held = node.metadata or {}
    metadata = {name: value for name, value in held.items() if not name.startswith("_") and value is not None}
    text = node.text if node.text is not None else str(metadata.get("content") or "")
    if metadata.get("content") == text:
        del metadata["content"]
    id = next((held[name] for name in ("_id", "nid") if held.get(name)), None)
    return KnowledgeNode(
        text=text,
        score=node.score,
        id=None if id is None else str(id),
        metadata=metadata,
        service_fields={name: value for name, value in held.items() if name.startswith("_")},
    )


def raise_enclosed_error(payload: bytes, headers: Mapping[str, str]) -> None:
    """Raise the error in the body of a response with HTTP status 200, in either form, if it is one."""
    body = decode_error_body(payload)
    status = body.get("status_code")
    failed = (
        body.get("success") is False
        or str(body.get("status") or "").upper() == "FAILED"
        or (isinstance(status, int) and status >= 400)
        or bool(body.get("error"))
        or ("data" not in body and str(body.get("code") or "").lower() not in OK_CODES)
    )
    if failed:
        raise decode_service_error(status if isinstance(status, int) else 200, payload, headers)


def decode_service_error(status: int, payload: bytes, headers: Mapping[str, str]) -> QwenError:
    """Return the typed error of a body with an error in it, whatever the HTTP status.

    The body's own status is more exact than HTTP's. Without one, the code tells it.
    """
    body = decode_error_body(payload)
    inner = body.get("error")
    fields = inner if isinstance(inner, dict) else body
    code = str(fields.get("code") or "")
    own = body.get("status_code")
    if isinstance(own, int) and own >= 400:
        status = own
    elif status < 400:
        status = STATUS_OF_CODE.get(code) or (int(code) if code.isdigit() and len(code) == 3 else 400)
    error = decode_error(status, payload, headers)
    if code.rpartition(".")[2] in ("NotFound", "KB_NOT_FOUND", "DOCUMENT_NOT_FOUND") and code:
        missing = NotFoundError(error.message, status_code=status, code=code, request_id=error.request_id)
        missing.retry_after = error.retry_after
        error = missing
    if isinstance(error, NotFoundError):
        error.hint = error.hint or MISSING_HINT
    return error
