"""Apply the rules of the service's features to a request: steps of ``adapt``.

Prompt cache breakpoints (compatible 2.5), prefix continuation (compatible 3), translation (compatible 2, native
2), web search (compatible 2.4) and the code interpreter (native 3).
"""

import msgspec

from qwen_core.models.profile import ModelProfile
from qwen_core.prepare.thinking import disable_thinking, thinks
from qwen_core.types.messages import CACHEABLE_PARTS, ImagePart, Part, PartIndex, TextPart, cache_breakpoints
from qwen_core.types.requests import ChatRequest

MAX_CACHE_BREAKPOINTS = 4


def move_tool_cache_breakpoints(request: ChatRequest, profile: ModelProfile, warnings: list[str]) -> ChatRequest:
    """Move cache_control from tools to the system message: tools accept none, but precede it in the prefix."""
    breakpoints = [tool.cache_control for tool in request.tools if tool.cache_control]
    if not breakpoints:
        return request
    tools = tuple(msgspec.structs.replace(tool, cache_control=None) for tool in request.tools)
    request = msgspec.structs.replace(request, tools=tools)
    if not request.messages or request.messages[0].role != "system":
        warnings.append(
            "The service accepts cache_control in messages only. The breakpoint of a tool was dropped, because "
            "there is no system message to move it to. Begin the conversation with a system message, or set "
            "cache_control on a message."
        )
        return request
    first = request.messages[0]
    index = max((i for i, part in enumerate(first.parts) if isinstance(part, TextPart)), default=None)
    if index is None or any(cache_control_of(part) for part in first.parts):
        return request
    return set_cache_control(request, (0, index), breakpoints[-1])


def limit_cache_breakpoints(request: ChatRequest, profile: ModelProfile, warnings: list[str]) -> ChatRequest:
    """Keep the last four breakpoints, or none if the model has no explicit cache."""
    positions = list(cache_breakpoints(request.messages))
    if not positions:
        return request
    if profile.explicit_cache is False:
        warnings.append(
            f"{request.model} has no explicit prompt cache. cache_control was dropped from the messages. Choose a "
            "model with explicit cache to use it."
        )
        surplus = positions
    elif len(positions) > MAX_CACHE_BREAKPOINTS:
        warnings.append(
            f"The service uses at most {MAX_CACHE_BREAKPOINTS} prompt cache breakpoints (got {len(positions)}). "
            "Only the last ones were sent. Set cache_control on fewer messages to choose them yourself."
        )
        surplus = positions[:-MAX_CACHE_BREAKPOINTS]
    else:
        return request
    for position in surplus:
        request = set_cache_control(request, position, None)
    return request


def cache_control_of(part: Part) -> dict[str, str] | None:
    """Return the cache_control of a part, if it has one."""
    return part.cache_control if isinstance(part, CACHEABLE_PARTS) else None


def set_cache_control(
    request: ChatRequest, position: PartIndex, cache_control: dict[str, str] | None
) -> ChatRequest:
    """Return the request with cache_control set at (message index, part index)."""
    message_index, part_index = position
    messages = list(request.messages)
    parts = list(messages[message_index].parts)
    part = parts[part_index]
    if isinstance(part, TextPart | ImagePart):
        parts[part_index] = msgspec.structs.replace(part, cache_control=cache_control)
    messages[message_index] = msgspec.structs.replace(messages[message_index], parts=tuple(parts))
    return msgspec.structs.replace(request, messages=tuple(messages))


def resolve_prefix_continuation(request: ChatRequest, profile: ModelProfile, warnings: list[str]) -> ChatRequest:
    """Continue the last message only, and switch thinking off: the service continues a prefix without it only."""
    messages = request.messages
    if any(message.partial for message in messages[:-1]):
        earlier = (msgspec.structs.replace(message, partial=False) for message in messages[:-1])
        request = msgspec.structs.replace(request, messages=(*earlier, messages[-1]))
    if not messages or not messages[-1].partial or not thinks(request, profile):
        return request
    if profile.thinking == "always" or request.enable_thinking:
        how = "Choose a model that does not think" if profile.thinking == "always" else "Set enable_thinking=False"
        warnings.append(
            f"A message with partial=True is continued only without thinking, and {request.model} thinks. The "
            f"request was sent as it is, and may be refused. {how}."
        )
        return request
    warnings.append(
        "A message with partial=True is continued only without thinking. Thinking was switched off for this call "
        f"of {request.model}. Set enable_thinking=False to say so yourself."
    )
    return disable_thinking(request)


def keep_text_to_translate(request: ChatRequest, profile: ModelProfile, warnings: list[str]) -> ChatRequest:
    """Keep the last user message alone for a translation model, which accepts one message: the text."""
    if profile.kind != "translation" or [message.role for message in request.messages] == ["user"]:
        return request
    texts = [message for message in request.messages if message.role == "user"]
    if not texts:
        return request
    warnings.append(
        f"{request.model} translates a single user message. Only the last one was sent, without system message "
        "and history. Use translation_options for languages, terms and domain."
    )
    return msgspec.structs.replace(request, messages=(texts[-1],))


def warn_search_options_without_search(
    request: ChatRequest, profile: ModelProfile, warnings: list[str]
) -> ChatRequest:
    """Warn if search_options are set but no search. They are sent: nothing says that they are refused."""
    enabled = request.enable_search or "enable_search" in (request.extra_body or ())
    if request.search_options and not enabled and not request.server_tools:
        warnings.append("search_options have no effect without a search. Set enable_search=True to search.")
    return request


def resolve_code_interpreter(request: ChatRequest, profile: ModelProfile, warnings: list[str]) -> ChatRequest:
    """Switch thinking on for the code interpreter, which needs it, and drop it beside tools, which exclude it."""
    if not request.enable_code_interpreter:
        return request
    if request.tools:
        warnings.append(
            "The code interpreter cannot be combined with tools. enable_code_interpreter was not sent. Pass no "
            "tools to use it."
        )
        return msgspec.structs.replace(request, enable_code_interpreter=None)
    if thinks(request, profile) or profile.thinking == "none":
        return request
    if request.enable_thinking is False or request.reasoning_effort == "none":
        warnings.append(
            "The code interpreter works only while the model thinks, and thinking is disabled. Set "
            "enable_thinking=True to use it."
        )
        return request
    return msgspec.structs.replace(request, enable_thinking=True)
