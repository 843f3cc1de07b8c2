"""Encode requests for the Responses API: the conversation as ``input`` items, tools in their flat form."""

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
from qwen_core.types.messages import AudioPart, ImagePart, Part, TextPart, VideoPart, cache_breakpoints
from qwen_core.types.parameters import IGNORED, REFUSED, parameters_with, sent_parameters
from qwen_core.types.requests import TOOL_CHOICE_MODES, ChatRequest

PROTOCOL = "Responses"
HINT = "It is used for built-in tools (server_tools) and previous_response_id; leave those out."

encode_parameters = ParameterEncoder(sent_parameters("openai_responses"))

# Parameters without which the response would not be what was requested.
REFUSED_PARAMETERS = parameters_with(REFUSED, "openai_responses")

IGNORED_PARAMETERS = parameters_with(IGNORED, "openai_responses")

SESSION_CACHE = {"x-dashscope-session-cache": "enable"}
"""Replaces prompt cache breakpoints: this API caches a session if this header asks for it (section 2.5)."""


def encode_chat(request: ChatRequest, profile: ModelProfile, stream: bool) -> EncodedRequest:
    """Encode a request for ``/responses``."""
    refuse(request, REFUSED_PARAMETERS, PROTOCOL, HINT)
    messages = encode_messages(request, profile, encode_content)
    if any(message.partial for message in messages):
        raise UnsupportedFeatureError(
            "`partial` is not available over the Responses protocol: it cannot continue a prefix."
        )
    body: dict[str, Any] = {
        "model": request.model,
        "input": [item for message in messages for item in input_items(message)],
        **encode_parameters(request),
    }
    if tools := encode_tools(request):
        body["tools"] = tools
    if request.tool_choice is not None:
        body["tool_choice"] = encode_tool_choice(request.tool_choice)
    if stream:
        body["stream"] = True
    cached = SESSION_CACHE if any(cache_breakpoints(request.messages)) else {}
    return EncodedRequest(
        path="/responses",
        body=encode_json(merge_body(body, request.extra_body)),
        headers={**oss_headers(request.messages), **cached, **(request.extra_headers or {})},
        warnings=tuple(
            f"`{name}` has no effect in combination with built-in tools. Leave it unset."
            for name in ignored_parameters(request)
        ),
    )


def ignored_parameters(request: ChatRequest) -> list[str]:
    """Return the parameters that are set and have no effect here.

    One limit covers reasoning and answer together.
    """
    both_limits = request.max_tokens is not None and request.max_completion_tokens is not None
    return [*set_parameters(request, IGNORED_PARAMETERS), *(["max_tokens"] if both_limits else [])]


def input_items(message: SentMessage) -> Iterator[dict[str, Any]]:
    """Yield the items of one message: a tool call and its result are items of their own."""
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
    """Encode text alone as a string, else typed parts. Prompt cache breakpoints are not available here."""
    if all(isinstance(part, TextPart) for part in parts):
        return separator.join(part.text for part in parts if isinstance(part, TextPart))
    return [encode_part(part) for part in parts]


def encode_part(part: Part) -> dict[str, Any]:
    """Encode one part of a list content."""
    match part:
        case TextPart():
            return {"type": "input_text", "text": part.text}
        case ImagePart():
            return {"type": "input_image", "image_url": part.url}
        case VideoPart(url=str() as url):
            return with_values({"type": "input_video", "video_url": url}, fps=part.fps)
        case AudioPart():
            return with_values({"type": "input_audio", "audio_url": part.url}, format=part.format)
        case _:
            raise refuse_part(part, PROTOCOL)


def encode_tools(request: ChatRequest) -> list[dict[str, Any]]:
    """Encode the service's built-in tools unchanged, and functions without their envelope."""
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
    """Encode a mode unchanged; any other word is the name of the function to call."""
    return choice if choice in TOOL_CHOICE_MODES else {"type": "function", "name": choice}
