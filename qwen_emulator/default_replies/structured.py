"""Answer in JSON if a response format asks for it, or the prompt shows a schema."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Any

from qwen_emulator.conversation import Conversation
from qwen_emulator.default_replies import schema
from qwen_emulator.default_replies.chat import answer_chat
from qwen_emulator.replies import Reply
from qwen_emulator.words import sentences

_SHOWS_SCHEMA = re.compile(
    r"json schema|conforms? to (the|this)|\"properties\"|output.{0,40}schema|following schema", re.I
)
_INSTRUCTION = re.compile(r"(?<![a-z])json(?![a-z])|schema|```", re.IGNORECASE)


def answer_as_json(conversation: Conversation) -> Reply | None:
    """Return an instance of the schema that the request or its prompt gives."""
    text = "\n".join(turn.text for turn in conversation.turns)
    wanted: Any = conversation.schema if conversation.response_format == "json_schema" else None
    if conversation.response_format == "json_object" or (wanted is None and _SHOWS_SCHEMA.search(text)):
        values = [value for start, end in _json_spans(text) if (value := json.loads(text[start:end]))]
        schemas = [value for value in values if {"properties", "$defs", "$ref"} & value.keys()]
        wanted = schemas[-1] if schemas else None
        if wanted is None and conversation.response_format == "json_object":
            keys = re.findall(r"[`'\"]([A-Za-z_]\w*)[`'\"]", text)  # prompts that only name the keys
            wanted = _schema_of(values[-1] if values else dict.fromkeys(keys, ""))
            if not wanted["required"]:
                return _json_reply({"answer": str(answer_chat(conversation).text)})
    return None if wanted is None else _json_reply(schema.fill(wanted, source_text(conversation)))


def source_text(conversation: Conversation) -> str:
    """Return the text that values come from: what the user said, without the schema and its instructions."""
    text = conversation.question
    for value_start, value_end in _json_spans(text)[:1]:
        text = f"{text[:value_start]} {text[value_end:]}"
    kept = "\n".join(part for part in sentences(text) if not _INSTRUCTION.search(part)).strip()
    turns = [turn for turn in conversation.turns if turn is not conversation.last_user]
    earlier = [turn.text for turn in turns if turn.role in ("user", "assistant")][-4:] if len(kept) < 25 else []
    results = [turn.text for turn in conversation.current_turns if turn.role == "tool"]
    return "\n".join([*earlier, kept or text, *results])


def _json_reply(value: Any) -> Reply:
    return Reply(json.dumps(value, ensure_ascii=False))


def _schema_of(example: Any) -> dict[str, Any]:
    """Return a schema that an example satisfies."""
    if isinstance(example, dict):
        fields = {str(key): _schema_of(value) for key, value in example.items()}
        return {"type": "object", "properties": fields, "required": list(fields)}
    if isinstance(example, list):
        return {"type": "array", "items": _schema_of(example[0]) if example else {}}
    return {"type": {bool: "boolean", int: "integer", float: "number"}.get(type(example), "string")}


def _json_spans(text: str) -> list[tuple[int, int]]:
    """Return where the JSON objects of a text begin and end."""
    spans: list[tuple[int, int]] = []
    for start in (match.start() for match in re.finditer(r"\{", text)):
        with suppress(ValueError):
            if not spans or start >= spans[-1][1]:
                spans.append((start, json.JSONDecoder().raw_decode(text, start)[1]))
    return spans
