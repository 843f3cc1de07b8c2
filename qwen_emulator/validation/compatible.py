"""What the OpenAI-compatible protocol refuses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qwen_emulator.failures import Failure, invalid_parameter, refused_by_model
from qwen_emulator.models import chat_facts, embedding_facts, exists
from qwen_emulator.validation import messages, parameters
from qwen_emulator.validation.request_view import ChatRequestView, validate

_CHAT_RULES = (*messages.RULES, messages.compatible_content, *parameters.RULES)


def chat(body: Any) -> Failure | None:
    """Validate a chat completion request."""
    if refused := _model(body):
        return refused
    request = ChatRequestView(
        model=body["model"],
        facts=chat_facts(body["model"]),
        messages=body.get("messages"),
        parameters=body,
        stream=body.get("stream") is True,
    )
    return validate(request, _CHAT_RULES)


def embeddings(body: Any) -> Failure | None:
    """Validate an embeddings request."""
    if refused := _model(body):
        return refused
    facts = embedding_facts(body["model"])
    if not facts.compatible:
        return not_compatible(body["model"])
    rows = [body["input"]] if isinstance(body.get("input"), str) else body.get("input")
    if not isinstance(rows, list) or not all(isinstance(row, str) for row in rows):
        return _embedding_refusal("contents is neither str nor list of str.: input.contents")
    if not rows:
        return _embedding_refusal("contents is empty.: input.contents")
    if len(rows) > facts.rows:
        return _embedding_refusal(
            f"batch size is invalid, it should not be larger than {facts.rows}.: input.contents"
        )
    wanted = body.get("dimensions")
    if wanted is not None and wanted not in facts.dimensions:
        return _embedding_refusal(
            f"dimension {wanted!r} is invalid, it should be in {list(facts.dimensions)}.: parameters.dimension"
        )
    if body.get("encoding_format") not in (None, "float", "base64"):
        return invalid_parameter(
            f"{body['encoding_format']!r} is not one of ['float', 'base64'] - 'encoding_format'"
        )
    return None


def not_found(model: str) -> Failure:
    """Return the refusal of a model that does not exist."""
    return Failure(
        404,
        "model_not_found",
        f"The model `{model}` does not exist or you do not have access to it.",
        type="invalid_request_error",
        native_code="ModelNotFound",
        native_message="Model can not be found.",
    )


def not_compatible(model: str) -> Failure:
    """Return the refusal of a model that only the native protocol serves."""
    return Failure(
        404,
        "model_not_supported",
        f"Unsupported model `{model}` for OpenAI compatibility mode.",
        type="invalid_request_error",
    )


def _model(body: Mapping[str, Any] | Any) -> Failure | None:
    if not isinstance(body, dict):
        return invalid_parameter("The request body is not a JSON object.")
    model = body.get("model")
    if not isinstance(model, str) or not model:
        return invalid_parameter("you must provide a model parameter.")
    if not exists(model):
        return not_found(model)
    return None if chat_facts(model).compatible else not_compatible(model)


def _embedding_refusal(message: str) -> Failure:
    # These two routes have the native code even on the compatible protocol.
    refused = refused_by_model(f"Value error, {message}")
    return Failure(refused.status, "InvalidParameter", refused.message)
