"""Answers that must be JSON: by a response format, or because the prompt shows a schema or an example."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from qwen_emulator.conversation import Conversation
from qwen_emulator.default_replies import schema
from qwen_emulator.default_replies.chat import talk
from qwen_emulator.replies import Reply
from qwen_emulator.words import rank, sentences

_WANTS_JSON = re.compile(
    r"json schema|conforms? to (the|this)|\"properties\"|output.{0,40}schema|following schema", re.IGNORECASE
)
_CHOICES = re.compile(r"^\s*\(?(\d+)[).]\s*(.+?)(?=^\s*\(?\d+[).]\s|^-{3,}|\Z)", re.MULTILINE | re.DOTALL)
_ASKS_CHOICE = re.compile(r"most relevant to the question:?\s*['\"](?P<question>.+?)['\"]", re.DOTALL)
_RELEVANCE = re.compile(r"Doc:\s*\d+,\s*Relevance|Document \d+:", re.IGNORECASE)
_INSTRUCTION = re.compile(
    r"(?:\b(?:return|output|as|in|respond|reply|with|give)\s+(?:a\s+)?)?(?<![a-z])json(?![a-z])[^.:：。]*[.:]?|schema|```",
    re.IGNORECASE,
)
_FIELDS = re.compile(
    r"(?:keys?|fields?|properties|字段|键)[^\n:]{0,30}?:?\s*((?:[`'\"]?[A-Za-z_]\w*[`'\"]?\s*(?:\([^)]*\))?\s*(?:,\s*(?:and\s+)?|\s+and\s+))*"
    r"[`'\"]?[A-Za-z_]\w*[`'\"]?)",
    re.IGNORECASE,
)
_FIELDS_BEFORE = re.compile(
    r"((?:[`'\"][A-Za-z_]\w*[`'\"](?:\s*,\s*(?:and\s+)?|\s+and\s+|\s*[、和]\s*)?)+)\s*(?:as\s+)?(?:keys?|fields?|properties|字段|键)",
    re.IGNORECASE,
)


def from_format(conversation: Conversation) -> Reply | None:
    """JSON, if the request or its prompt wants it."""
    text = _conversation_text(conversation)
    if conversation.response_format == "json_schema" and conversation.schema is not None:
        return Reply(schema.dumps(schema.fill(conversation.schema, _data(conversation))))
    if conversation.response_format == "json_object":
        return Reply(schema.dumps(_object(conversation, text)))
    if (chosen := _choice(conversation.question)) is not None:
        return Reply(chosen)
    if _WANTS_JSON.search(text):
        for candidate in reversed(list(_json_values(text))):
            if _is_schema(candidate):
                return Reply(schema.dumps(schema.fill(candidate, _data(conversation))))
    return None


def _object(conversation: Conversation, text: str) -> Any:
    candidates = [value for value in _json_values(text) if isinstance(value, dict) and value]
    for candidate in reversed(candidates):
        if _is_schema(candidate):
            return schema.fill(candidate, _data(conversation))
    if candidates:
        return schema.fill(_schema_of(candidates[-1]), _data(conversation))
    named = _FIELDS_BEFORE.search(text) or _FIELDS.search(text)
    names = re.findall(r"[A-Za-z_]\w*", re.sub(r"\([^)]*\)|\band\b", " ", named.group(1))) if named else []
    if names:
        fields = {
            name: {"type": "integer" if re.search(r"age|count|number|year|amount", name) else "string"}
            for name in names
        }
        return schema.fill({"type": "object", "properties": fields, "required": names}, _data(conversation))
    return {"answer": str(talk(conversation).text)}


def _schema_of(example: Any) -> dict[str, Any]:
    """A schema that an example value would satisfy."""
    if isinstance(example, dict):
        return {
            "type": "object",
            "properties": {str(key): _schema_of(value) for key, value in example.items()},
            "required": [str(key) for key in example],
        }
    if isinstance(example, list):
        return {"type": "array", "items": _schema_of(example[0]) if example else {}}
    kinds = {bool: "boolean", int: "integer", float: "number"}
    return {"type": kinds.get(type(example), "string")}


def _is_schema(value: Any) -> bool:
    return isinstance(value, dict) and ("properties" in value or "$defs" in value or "$ref" in value)


def _json_values(text: str) -> Iterator[Any]:
    decoder = json.JSONDecoder()
    position = text.find("{")
    while position != -1:
        try:
            value, end = decoder.raw_decode(text, position)
            yield value
            position = text.find("{", end)
        except ValueError:
            position = text.find("{", position + 1)


def _conversation_text(conversation: Conversation) -> str:
    return "\n".join(turn.text for turn in conversation.turns)


def _data(conversation: Conversation) -> str:
    """The text that values come from: what the user said, without the schema and its instructions."""
    text = conversation.question
    for start in re.finditer(r"\{", text):
        try:
            _, end = json.JSONDecoder().raw_decode(text, start.start())
        except ValueError:
            continue
        text = text[: start.start()] + " " + text[end:]
        break
    told = [item for item in sentences(text) if not _INSTRUCTION.search(item)]
    kept = "\n".join(told).strip() or _INSTRUCTION.sub(" ", text).strip()
    results = [turn.text for turn in conversation.current_turns if turn.role == "tool"]
    earlier = [
        turn.text
        for turn in conversation.turns
        if turn.role in ("user", "assistant") and turn is not conversation.last_user
    ]
    return "\n".join([*(earlier[-4:] if len(kept) < 25 else []), kept or text, *results])


def _choice(prompt: str) -> str | None:
    """Selector prompts: a numbered list of choices and a question, answered with the number."""
    asks = _ASKS_CHOICE.search(prompt)
    if asks:
        choices = _CHOICES.findall(prompt[: asks.start()])
        if choices:
            best = choices[rank(asks["question"], [text for _, text in choices])[0][1]]
            return schema.dumps(
                [{"choice": int(best[0]), "reason": "It shares the most words with the question."}]
            )
    if _RELEVANCE.search(prompt) and (
        found := re.findall(r"Document (\d+):\s*(.*?)(?=\n\s*Document \d+:|\nQuestion:)", prompt, re.DOTALL)
    ):
        question = re.findall(r"\nQuestion:\s*([^\n]*)", prompt)[-1:]
        documents = _last_list(found)
        if question and documents:
            scored = rank(question[0], [text for _, text in documents])
            top = max(scored[0][0], 1e-9)
            kept = [(score, documents[place][0]) for score, place in scored if score > 0] or [
                (1.0, documents[0][0])
            ]
            return "\n".join(
                f"Doc: {number}, Relevance: {max(1, round(10 * score / top))}" for score, number in kept
            )
    return None


def _last_list(found: list[tuple[str, str]]) -> list[tuple[str, str]]:
    starts = [place for place, (number, _) in enumerate(found) if number == "1"]
    return found[starts[-1] :] if starts else found
