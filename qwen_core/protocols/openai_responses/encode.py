"""Requests to bodies, on the Responses API: the conversation as ``input`` items, tools in their flat form."""

from collections.abc import Iterator
from typing import Any

from qwen_core.models.profile import ModelProfile
from qwen_core.protocols.base import EncodedRequest, merge_body
from qwen_core.protocols.messages import (
    Content,
    ParameterEncoder,
    encode_messages,
    oss_headers,
    refuse,
    refuse_part,
    set_parameters,
    with_values,
)
from qwen_core.protocols.schema import SentMessage
from qwen_core.types.errors import UnsupportedFeatureError
from qwen_core.types.json import encode_json
from qwen_core.types.messages import AudioPart, ImagePart, Part, TextPart, cache_breakpoints
from qwen_core.types.parameters import IGNORED, REFUSED, parameters_with, sent_parameters
from qwen_core.types.requests import TOOL_CHOICE_MODES, ChatRequest

PROTOCOL = "Responses"

encode_parameters = ParameterEncoder(sent_parameters("openai_responses"))

# Parameters without which the response would not be what was requested.
REFUSED_PARAMETERS = parameters_with(REFUSED, "openai_responses")

IGNORED_PARAMETERS = parameters_with(IGNORED, "openai_responses")

SESSION_CACHE = {"x-dashscope-session-cache": "enable"}
"""What cache marks become: this API takes none, but caches a session where it is asked to (section 2.5)."""


def encode_chat(request: ChatRequest, profile: ModelProfile, stream: bool) -> EncodedRequest:
    """What to send to ``/responses``."""
    refuse(request, REFUSED_PARAMETERS, PROTOCOL, "It is chosen for tools that the service runs; leave those out.")
    messages = encode_messages(request, profile, encode_content)
    if any(message.partial for message in messages):
        raise UnsupportedFeatureError("A prefix cannot be continued over the Responses protocol.")
    body: dict[str, Any] = {
        "model": request.model,
        "input": [item for message in messages for item in input_items(message)],
        **encode_parameters(request),
        "tools": encode_tools(request),
    }
    if request.tool_choice is not None:
        body["tool_choice"] = encode_tool_choice(request.tool_choice)
    if stream:
        body["stream"] = True
    cached = SESSION_CACHE if any(cache_breakpoints(request.messages)) else {}
    return EncodedRequest(
        path="/responses",
        body=encode_json(merge_body(body, request.extra_body)),
        headers={**oss_headers(request.messages), **cached, **(request.extra_headers or {})},
        warnings=tuple(f"{name} has no effect beside tools that the service runs." for name in ignored(request)),
    )


def ignored(request: ChatRequest) -> list[str]:
    """The fields that were set and do nothing here. There is one bound, of thinking and answer together."""
    two_bounds = request.max_tokens is not None and request.max_completion_tokens is not None
    return [*set_parameters(request, IGNORED_PARAMETERS), *(["max_tokens"] if two_bounds else [])]


def input_items(message: SentMessage) -> Iterator[dict[str, Any]]:
    """The items that one message becomes: a call and its result are items of their own."""
    content = message.content
    if message.role == "tool":
        yield {"type": "function_call_output", "call_id": message.tool_call_id, "output": content}
        return
    if message.reasoning_content:
        summary = [{"type": "summary_text", "text": message.reasoning_content}]
        yield {"type": "reasoning", "summary": summary}
    if content or not message.tool_calls:
        yield {"role": message.role, "content": content}
    for call in message.tool_calls or ():
        function = call.function
        yield {
            "type": "function_call",
            "call_id": call.id,
            "name": function.name,
            "arguments": function.arguments,
        }


def encode_content(parts: tuple[Part, ...], separator: str) -> Content:
    """Text where there is only text, else typed parts. Cache marks have no place here."""
    if all(isinstance(part, TextPart) for part in parts):
        return separator.join(part.text for part in parts if isinstance(part, TextPart))
    return [encode_part(part) for part in parts]


def encode_part(part: Part) -> dict[str, Any]:
    """One part of a list content."""
    match part:
        case TextPart():
            return {"type": "input_text", "text": part.text}
        case ImagePart():
            return {"type": "input_image", "image_url": part.url}
        case AudioPart():
            return with_values({"type": "input_audio", "audio_url": part.url}, format=part.format)
        case _:
            raise refuse_part(part, PROTOCOL)


def encode_tools(request: ChatRequest) -> list[dict[str, Any]]:
    """The service's tools as they were given, and functions without their envelope."""
    searches = any(tool.get("type") == "web_search" for tool in request.server_tools)
    return [
        *request.server_tools,
        *([{"type": "web_search"}] if request.enable_search and not searches else []),
        *(
            with_values(
                {
                    "type": "function",
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": tool.parameters,
                },
                strict=tool.strict,
            )
            for tool in request.tools
        ),
    ]


def encode_tool_choice(choice: str) -> str | dict[str, Any]:
    """A mode as it is; any other word is the name of the function to call."""
    return choice if choice in TOOL_CHOICE_MODES else {"type": "function", "name": choice}
