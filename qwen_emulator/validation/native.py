"""What the native protocol refuses."""

from __future__ import annotations

from typing import Any

from qwen_emulator.failures import Failure, invalid_parameter, refused_by_model
from qwen_emulator.models import chat_facts, embedding_facts, exists
from qwen_emulator.validation import messages, parameters
from qwen_emulator.validation.compatible import not_found
from qwen_emulator.validation.request_view import ChatRequestView, Rule, validate

__all__ = ["chat", "embeddings", "multimodal_embeddings", "not_found", "outline", "prompt_messages", "tokenizer"]

_TEXT_TYPES = ("query", "document")
_OUTPUT_TYPES = ("dense", "sparse", "dense&sparse")


def endpoint_right(request: ChatRequestView) -> Failure | None:
    """Require the generation endpoint of the model family."""
    wanted = request.facts.endpoint
    if wanted == "any" or (wanted == "multimodal") == request.multimodal:
        return None
    return invalid_parameter("url error, please check url！")


def result_format_right(request: ChatRequestView) -> Failure | str | None:
    """Require the message format with tools, thinking or several choices."""
    given = request.parameters.get("result_format")
    if given not in (None, "text", "message"):
        return invalid_parameter(f"{given!r} is not one of ['text', 'message'] - 'result_format'")
    if request.multimodal or given == "message" or (given is None and request.facts.message_by_default):
        return None
    if request.parameters.get("tools"):
        return "The parameter result_format must be message when tools is set"
    if request.thinking:
        return "The parameter result_format must be message when enable_thinking is true"
    if (request.parameters.get("n") or 1) > 1:
        return "The parameter result_format must be message when n is greater than 1"
    return None


def incremental_while_thinking(request: ChatRequestView) -> str | None:
    """Require incremental output while thinking."""
    if request.stream and request.thinking and request.parameters.get("incremental_output") is False:
        return 'The incremental_output parameter must be "true" when enable_thinking is true'
    return None


_CHAT_RULES: tuple[Rule, ...] = (
    endpoint_right,
    *messages.RULES,
    messages.native_text_content,
    messages.native_multimodal_content,
    *parameters.RULES,
    result_format_right,
    incremental_while_thinking,
)


def chat(body: Any, *, stream: bool, multimodal: bool) -> Failure | None:
    """Validate a generation request."""
    if refused := outline(body):
        return refused
    held = body["input"]
    if "messages" not in held and isinstance(held.get("prompt"), str):
        given: Any = prompt_messages(held)
    else:
        given = held.get("messages")
    if given is None:
        return Failure(400, "BadRequest.EmptyInput", "Required input parameter missing from request.")
    request = ChatRequestView(
        model=body["model"],
        facts=chat_facts(body["model"]),
        messages=given,
        parameters=body.get("parameters") or {},
        stream=stream,
        native=True,
        multimodal=multimodal,
    )
    return validate(request, _CHAT_RULES)


def prompt_messages(held: dict[str, Any]) -> list[dict[str, Any]]:
    """Convert the legacy input, a prompt and an optional history, to messages."""
    turns = []
    for turn in held.get("history") or []:
        turns += [{"role": "user", "content": turn.get("user")}, {"role": "assistant", "content": turn.get("bot")}]
    return [*turns, {"role": "user", "content": held["prompt"]}]


def embeddings(body: Any) -> Failure | None:
    """Validate a text embedding request."""
    if refused := outline(body):
        return refused
    facts, given = embedding_facts(body["model"]), body.get("parameters") or {}
    texts = body["input"].get("texts")
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        return refused_by_model("Value error, contents is neither str nor list of str.: input.contents")
    if len(texts) > facts.rows:
        return refused_by_model(
            f"Value error, batch size is invalid, it should not be larger than {facts.rows}.: input.contents"
        )
    if refused := dimension_allowed(body):
        return refused
    for name, allowed in (("text_type", _TEXT_TYPES), ("output_type", _OUTPUT_TYPES)):
        if given.get(name) is not None and given[name] not in allowed:
            return invalid_parameter(f"{given[name]!r} is not one of {list(allowed)} - '{name}'")
    return None


def multimodal_embeddings(body: Any, modalities: tuple[str, ...]) -> Failure | None:
    """Validate a multimodal embedding request."""
    if refused := outline(body):
        return refused
    contents = body["input"].get("contents")
    if not isinstance(contents, list) or not contents:
        return invalid_parameter("[] is too short - 'input.contents'")
    for item in contents:
        held = [item[name] for name in modalities if name in item] if isinstance(item, dict) else []
        if (
            len(held) != 1
            or not isinstance(held[0], str | list)
            or not all(isinstance(one, str) for one in held[0])
        ):
            return refused_by_model("The item of content should be a message of a certain modal")
    return dimension_allowed(body)


def dimension_allowed(body: dict[str, Any]) -> Failure | None:
    """Require a dimension of the model's list."""
    facts = embedding_facts(body["model"])
    wanted = (body.get("parameters") or {}).get("dimension")
    if wanted is None or wanted in facts.dimensions:
        return None
    return refused_by_model(
        f"Value error, dimension {wanted!r} is invalid, it should be in {list(facts.dimensions)}.: "
        "parameters.dimension"
    )


def tokenizer(body: Any) -> Failure | None:
    """Validate a request to count tokens."""
    if refused := outline(body):
        return refused
    held = body["input"]
    messages = held.get("messages")
    if isinstance(messages, list) and all(isinstance(message, dict) for message in messages):
        return None
    return None if isinstance(held.get("prompt"), str) else invalid_parameter("'messages' is a required property")


def outline(body: Any) -> Failure | None:
    """Require what every native request has: a model that exists, and an input."""
    if not isinstance(body, dict):
        return invalid_parameter("The request body is not a JSON object.")
    model = body.get("model")
    if not isinstance(model, str) or not model:
        return Failure(400, "BadRequest.EmptyModel", "Required parameter model missing from request.")
    if not exists(model):
        return not_found(model)
    if not isinstance(body.get("input"), dict) or not body["input"]:
        return Failure(400, "BadRequest.EmptyInput", "Required input parameter missing from request.")
    if not isinstance(body.get("parameters") or {}, dict):
        return invalid_parameter("'parameters' is not of type 'object'")
    return None
