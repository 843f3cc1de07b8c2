"""Applications: agents and workflows, on the native protocol and over the Responses API."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from qwen_emulator import tokens
from qwen_emulator.failures import Failure, invalid_parameter
from qwen_emulator.knowledge import Application, Chunk
from qwen_emulator.protocols import NATIVE
from qwen_emulator.protocols.base import event_reply, json_reply
from qwen_emulator.protocols.native import frame
from qwen_emulator.replies import RawReply
from qwen_emulator.requests import RecordedRequest
from qwen_emulator.service import Service, route

_MODEL = "qwen-plus"
_FLOW_MODES = ("full_thoughts", "message_format", "message_format_plus")
_MOST = {"pipeline_ids": 5, "file_ids": 5, "session_file_ids": 10}
_MISSING = Failure(404, "NotFound", "The application does not exist.")
_EXPIRED = invalid_parameter("The session does not exist or has expired.")


def _completion(service: Service, request: RecordedRequest) -> RawReply:
    app_id = request.path.split("/")[4]
    application = service.knowledge.applications.get(app_id)
    refused = _MISSING if application is None else _validate(service, request.body)
    if refused is not None or application is None:
        return NATIVE.encode_refusal(refused or _MISSING, request.request_id, stream=request.stream)
    held = request.body["input"]
    question = _question(held)

    def produce(text: str | None = None) -> RawReply:
        session = (
            held.get("session_id") or hashlib.blake2b(request.request_id.encode(), digest_size=16).hexdigest()
        )
        before = service.knowledge.continue_session(session, question)
        chunks = _found(service, application, request.parameters, question)
        answer = _answer(application, held, question, before, chunks) if text is None else text
        size = service.settings.chunk_size if request.stream else None
        outputs = _outputs(application, request.parameters, session, question, answer, chunks, size)
        payloads = [
            {
                "output": output,
                "usage": _usage(application, question, done),
                "request_id": request.request_id,
            }
            for output, done in outputs
        ]
        if not request.stream:
            return json_reply(payloads[-1], request.request_id)
        return event_reply(tuple(frame(n, payload) for n, payload in enumerate(payloads, 1)), request.request_id)

    return service.compose_text(request, NATIVE, produce)


def _validate(service: Service, body: Any) -> Failure | None:
    held = body.get("input") if isinstance(body, dict) else None
    given = (body.get("parameters") or {}) if isinstance(body, dict) else {}
    if not isinstance(held, dict) or not (held.get("prompt") or held.get("messages")):
        return invalid_parameter("Required parameter prompt or messages missing")
    for message in held.get("messages") or ():
        if message.get("role") not in ("system", "user", "assistant"):
            return invalid_parameter(f"{message.get('role')!r} is not a role of messages")
    session = held.get("session_id")
    if session and session not in service.knowledge.sessions and not held.get("messages"):
        return _EXPIRED
    mode = given.get("flow_stream_mode")
    if mode is not None and mode not in _FLOW_MODES:
        return invalid_parameter(f"{mode!r} is not one of {list(_FLOW_MODES)} - 'flow_stream_mode'")
    options = given.get("rag_options")
    if options is not None and not options.get("pipeline_ids"):
        return invalid_parameter("rag_options.pipeline_ids is required")
    for name, most in _MOST.items():
        if len((options or {}).get(name) or ()) > most:
            return invalid_parameter(f"rag_options.{name} takes at most {most} ids")
    return None


def _question(held: Mapping[str, Any]) -> str:
    if held.get("messages"):
        return str(held["messages"][-1].get("content") or "")
    return str(held["prompt"])


def _found(
    service: Service, application: Application, parameters: Mapping[str, Any], question: str
) -> list[Chunk]:
    options = parameters.get("rag_options") or {}
    index_ids = options.get("pipeline_ids") or application.index_ids
    chunks = service.knowledge.search(question, index_ids, 50)
    if options.get("file_ids"):
        chunks = [chunk for chunk in chunks if chunk.doc_id in options["file_ids"]]
    for key, value in (options.get("metadata_filter") or {}).items():
        accepted = value if isinstance(value, list) else [value]
        chunks = [chunk for chunk in chunks if {"doc_name": chunk.doc_name, **chunk.metadata}.get(key) in accepted]
    return chunks[:2]


def _answer(
    application: Application, held: Mapping[str, Any], question: str, before: list[str], chunks: list[Chunk]
) -> str:
    if application.kind == "workflow":
        variables = held.get("biz_params") or {}
        told = ", ".join(f"{name}={value}" for name, value in variables.items())
        return f"The workflow received {question!r}" + (f" with {told}." if told else ".")
    if not chunks:
        return f"No knowledge was found for {question!r}." + (f" Before that: {before[-1]!r}." if before else "")
    cited = [f"{chunk.text}<ref>[{number}]</ref>" for number, chunk in enumerate(chunks, 1)]
    return " ".join(cited if application.shows_sources else [chunk.text for chunk in chunks])


def _outputs(
    application: Application,
    parameters: Mapping[str, Any],
    session: str,
    question: str,
    answer: str,
    chunks: list[Chunk],
    size: int | None,
) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield the output of each chunk, and the text so far. Without a size, one body has all."""
    shows_thoughts = parameters.get("has_thoughts") and application.kind == "agent"
    thoughts = _thoughts(question, chunks) if shows_thoughts else []
    mode = parameters.get("flow_stream_mode")
    if size and application.kind == "workflow" and mode in ("message_format", "message_format_plus"):
        yield from _workflow(answer, session, size, plus=mode.endswith("plus"))
        return
    parts = [answer[start : start + size] for start in range(0, len(answer), size)] if size else [answer]
    so_far = ""
    for number, part in enumerate([*parts, ""] if size else parts):
        so_far += part
        last = not size or number == len(parts)
        whole = not size or not parameters.get("incremental_output")
        output: dict[str, Any] = {
            "session_id": session,
            "finish_reason": "stop" if last else "null",
            "text": so_far if whole else part,
        }
        if thoughts and (last or number == 0):
            output["thoughts"] = thoughts
        if application.shows_sources:
            cited = [_reference(n, chunk) for n, chunk in enumerate(chunks, 1) if f"<ref>[{n}]</ref>" in so_far]
            output |= {"doc_references": cited} if cited else {}
        yield output, so_far


def _workflow(answer: str, session: str, size: int, *, plus: bool) -> Iterator[tuple[dict[str, Any], str]]:
    def output(node: str, kind: str, content: str, *, done: bool, sequence: int) -> dict[str, Any]:
        message = {
            "node_id": f"{kind}_1",
            "node_name": node,
            "node_type": kind,
            "node_status": "success" if done else "executing",
            "node_msg_seq_id": sequence,
            "node_is_completed": done,
            "message": {"role": "assistant", "content": content},
        }
        return {"session_id": session, "finish_reason": "null", "workflow_message": message}

    if plus:
        for status in ("executing", "success"):
            result = {
                "nodeId": "LLM_1",
                "nodeName": "model",
                "nodeType": "LLM",
                "nodeStatus": status,
                "input": "{}",
            }
            result |= {"output": json.dumps({"result": answer})} if status == "success" else {}
            content = json.dumps(result)
            yield output("model", "LLM", content, done=status == "success", sequence=0), ""
    end = "END" if plus else "End"
    for start in range(0, len(answer), size):
        part = answer[start : start + size]
        done = start + size >= len(answer)
        yield output("end", end, part, done=done, sequence=0), answer[: start + size]
    yield {"session_id": session, "finish_reason": "stop"}, answer


def _thoughts(question: str, chunks: list[Chunk]) -> list[dict[str, Any]]:
    observed = [
        {
            "content": chunk.text,
            "dataId": chunk.doc_id,
            "dataName": chunk.doc_name,
            "display": True,
            "id": chunk.id,
            "images": list(chunk.images),
            "referenceIndex": number,
            "score": chunk.score,
            "title": chunk.doc_name,
            "webSearch": False,
        }
        for number, chunk in enumerate(chunks, 1)
    ]
    return [
        {
            "action_type": "agentRag",
            "action_name": "knowledge retrieval",
            "action": "rag",
            "action_input_stream": json.dumps({"query": question}),
            "arguments": json.dumps({"query": question}),
            "observation": json.dumps(observed),
        }
    ]


def _reference(number: int, chunk: Chunk) -> dict[str, Any]:
    return {
        "index_id": str(number),
        "title": chunk.doc_name,
        "doc_id": chunk.doc_id,
        "doc_name": chunk.doc_name,
        "doc_url": chunk.url,
        "text": chunk.text,
        "images": list(chunk.images),
    }


def _usage(application: Application, question: str, so_far: str) -> dict[str, Any]:
    if application.kind == "workflow":
        return {}
    counts = {"input_tokens": tokens.count(question) + 40, "output_tokens": tokens.count(so_far)}
    return {"models": [{"model_id": _MODEL, **counts}]}


def _responses(service: Service, request: RecordedRequest) -> RawReply:
    app_id = request.path.split("/")[5]
    body = request.body
    application = service.knowledge.applications.get(app_id)
    if application is None:
        return NATIVE.encode_failure(_MISSING, request.request_id)
    if not isinstance(body, dict) or not body.get("input"):
        return NATIVE.encode_failure(invalid_parameter("'input' is a required property"), request.request_id)
    question = _input_text(body["input"])

    def produce(text: str | None = None) -> RawReply:
        chunks = service.knowledge.search(question, application.index_ids, 1)
        answer = text
        if answer is None:
            answer = chunks[0].text if chunks else _answer(application, body, question, [], [])
        return _response_reply(body, request.request_id, answer, service.settings.chunk_size)

    return service.compose_text(request, NATIVE, produce)


def _response_reply(body: Mapping[str, Any], identity: str, answer: str, size: int) -> RawReply:
    part = {"annotations": [], "text": answer, "type": "output_text"}
    item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [part]}
    used = {"input_tokens": 40, "output_tokens": tokens.count(answer)}
    response = {
        "id": identity,
        "object": "response",
        "created_at": 1_780_000_000,
        "model": "",
        "status": "completed",
        "error": None,
        "output": [item],
        "usage": {**used, "total_tokens": sum(used.values())},
    }
    if body.get("stream") is not True:
        return json_reply(response, identity)
    begun = {**response, "status": "in_progress", "output": [], "usage": None}
    empty = {**item, "status": "in_progress", "content": []}
    at = {"output_index": 0, "item_id": "msg_1"}
    deltas = [answer[start : start + size] for start in range(0, len(answer), size)]
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
        {"type": "response.output_item.added", "output_index": 0, "item": empty},
        {"type": "response.content_part.added", **at, "content_index": 0, "part": {**part, "text": ""}},
        *({"type": "response.output_text.delta", **at, "content_index": 0, "delta": delta} for delta in deltas),
        {"type": "response.output_text.done", **at, "content_index": 0, "text": answer},
        {"type": "response.content_part.done", **at, "content_index": 0, "part": part},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": response},
    ]
    segments = [frame(number, event, event=str(event["type"])) for number, event in enumerate(events, 1)]
    return event_reply(tuple(segments), identity)


def _input_text(given: Any) -> str:
    if isinstance(given, str):
        return given
    content = given[-1].get("content")
    if isinstance(content, str):
        return content
    return " ".join(str(part.get("text") or "") for part in content if part.get("type") == "input_text")


ROUTES = (
    route("POST", "/api/v1/apps/[^/]+/completion", _completion),
    route("POST", "/api/v2/apps/agent/[^/]+/compatible-mode/v1/responses", _responses),
)
