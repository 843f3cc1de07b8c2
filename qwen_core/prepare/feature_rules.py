"""What the service does beside answering, and what each of these modes asks of a request: steps of ``to_model``.

Cache marks (compatible 2.5), prefix continuation (compatible 3), translation (compatible 2, native 2), web search
(compatible 2.4) and the code interpreter (native 3).
"""

import msgspec

from qwen_core.models.profile import ModelProfile
from qwen_core.prepare.thinking import thinks, without_thinking
from qwen_core.types.messages import CACHEABLE_PARTS, ImagePart, Part, PartIndex, TextPart, cache_breakpoints
from qwen_core.types.requests import ChatRequest

MAX_CACHE_MARKS = 4


def move_marks_of_tools(request: ChatRequest, profile: ModelProfile, warnings: list[str]) -> ChatRequest:
    """A mark on a tool goes to the system message: tools take none, but belong to the prefix before it."""
    marks = [tool.cache_control for tool in request.tools if tool.cache_control]
    if not marks:
        return request
    tools = tuple(msgspec.structs.replace(tool, cache_control=None) for tool in request.tools)
    request = msgspec.structs.replace(request, tools=tools)
    if not request.messages or request.messages[0].role != "system":
        warnings.append("The cache mark on a tool needs a system message to stand on: it is left out.")
        return request
    first = request.messages[0]
    place = max((i for i, part in enumerate(first.parts) if isinstance(part, TextPart)), default=None)
    if place is None or any(mark_of(part) for part in first.parts):
        return request
    return with_mark(request, (0, place), marks[-1])


def fit_cache_marks(request: ChatRequest, profile: ModelProfile, warnings: list[str]) -> ChatRequest:
    """The last four marks count; a model without explicit cache takes none."""
    places = list(cache_breakpoints(request.messages))
    if not places:
        return request
    if profile.explicit_cache is False:
        warnings.append(f"{request.model} has no explicit context cache: the cache marks are left out.")
        surplus = places
    elif len(places) > MAX_CACHE_MARKS:
        warnings.append(
            f"Only the last {MAX_CACHE_MARKS} of {len(places)} cache marks count: the others are left out."
        )
        surplus = places[:-MAX_CACHE_MARKS]
    else:
        return request
    for place in surplus:
        request = with_mark(request, place, None)
    return request


def mark_of(part: Part) -> dict[str, str] | None:
    """The cache mark of a part."""
    return part.cache_control if isinstance(part, CACHEABLE_PARTS) else None


def with_mark(request: ChatRequest, place: PartIndex, mark: dict[str, str] | None) -> ChatRequest:
    """The request with that mark, or with none, at a place."""
    number, position = place
    messages = list(request.messages)
    parts = list(messages[number].parts)
    part = parts[position]
    if isinstance(part, TextPart | ImagePart):
        parts[position] = msgspec.structs.replace(part, cache_control=mark)
    messages[number] = msgspec.structs.replace(messages[number], parts=tuple(parts))
    return msgspec.structs.replace(request, messages=tuple(messages))


def fit_prefix(request: ChatRequest, profile: ModelProfile, warnings: list[str]) -> ChatRequest:
    """Only the last message is continued, and only without thinking."""
    messages = request.messages
    if any(message.partial for message in messages[:-1]):
        earlier = (msgspec.structs.replace(message, partial=False) for message in messages[:-1])
        request = msgspec.structs.replace(request, messages=(*earlier, messages[-1]))
    if not messages or not messages[-1].partial or not thinks(request, profile):
        return request
    if profile.thinking == "always" or request.enable_thinking:
        warnings.append(f"{request.model} thinks, and a prefix is continued only without thinking.")
        return request
    warnings.append(f"Thinking is switched off for this call of {request.model}: a prefix is continued without.")
    return without_thinking(request)


def fit_translation(request: ChatRequest, profile: ModelProfile, warnings: list[str]) -> ChatRequest:
    """A translation model takes one message of the user: the text."""
    if profile.kind != "translation" or [message.role for message in request.messages] == ["user"]:
        return request
    texts = [message for message in request.messages if message.role == "user"]
    if not texts:
        return request
    warnings.append(
        f"{request.model} translates one message of the user: the other messages are left out. "
        "What it should know goes into translation_options."
    )
    return msgspec.structs.replace(request, messages=(texts[-1],))


def note_options_without_search(request: ChatRequest, profile: ModelProfile, warnings: list[str]) -> ChatRequest:
    """Whoever says how to search thinks that there is a search. It is sent: nobody says that it is refused."""
    asked = request.enable_search or "enable_search" in (request.extra_body or ())
    if request.search_options and not asked and not request.server_tools:
        warnings.append("search_options have no effect without enable_search=True.")
    return request


def fit_code_interpreter(request: ChatRequest, profile: ModelProfile, warnings: list[str]) -> ChatRequest:
    """The code interpreter works while the model thinks, and not beside tools."""
    if not request.enable_code_interpreter:
        return request
    if request.tools:
        warnings.append("The code interpreter excludes tools: it is left out.")
        return msgspec.structs.replace(request, enable_code_interpreter=None)
    if thinks(request, profile) or profile.thinking == "none":
        return request
    if request.enable_thinking is False or request.reasoning_effort == "none":
        warnings.append("The code interpreter works only while the model thinks, which is switched off.")
        return request
    return msgspec.structs.replace(request, enable_thinking=True)
