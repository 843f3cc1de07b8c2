"""Preparing a request: unsupported combinations are rewritten with a warning, never in place."""

from typing import Any

import msgspec
import pytest

from qwen_core.models.catalogue import resolve
from qwen_core.prepare.for_model import adapt
from qwen_core.types.messages import ImagePart, Message, Role, TextPart, Tool, ToolCallPart, VideoPart
from qwen_core.types.requests import ChatRequest

USER = Message("user", (TextPart("hi"),))
F, G = Tool("f"), Tool("g")
SCHEMA = {"type": "json_schema", "json_schema": {"name": "S", "schema": {"type": "object", "title": "S"}}}
JSON = {"type": "json_object"}

OPTIONAL_ON, OPTIONAL_OFF, ALWAYS, NEVER = "qwen3.7-plus", "qwen-plus", "qwq-plus", "qwen-max"


def adapted(model: str, **fields: Any) -> tuple[ChatRequest, tuple[str, ...]]:
    profile = msgspec.structs.replace(resolve(model), recorded=())
    return adapt(ChatRequest(model=model, messages=(USER,), **fields), profile)


def text_message(role: Role, **fields: Any) -> Message:
    return Message(role, (TextPart("ok"),), **fields)


def tool_call_message(*ids: str) -> Message:
    return Message("assistant", tuple(ToolCallPart(call_id, f"tool_{call_id}", "{}") for call_id in ids))


def tool_result(of: str | None, text: str = "ok") -> Message:
    return Message("tool", (TextPart(text),), tool_call_id=of)


@pytest.mark.parametrize(
    "messages",
    [
        (USER,),
        (text_message("assistant", partial=True),),
        (tool_call_message("a", "b"), tool_result("b"), tool_result("a")),
        (
            tool_call_message("a"),
            tool_result("a"),
            tool_call_message("b"),
            tool_result("b"),
            text_message("assistant"),
            USER,
        ),
    ],
)
def test_conversation_the_api_accepts_is_unchanged(messages: tuple[Message, ...]) -> None:
    given = ChatRequest(model=OPTIONAL_OFF, messages=(USER, *messages))
    assert adapt(given, resolve(OPTIONAL_OFF)) == (given, ())


@pytest.mark.parametrize(
    "after", [(), (USER,), (text_message("assistant"), USER), (tool_call_message("c"), tool_result("c"))]
)
def test_tool_call_without_result_gets_a_placeholder_result(after: tuple[Message, ...]) -> None:
    given = ChatRequest(model=OPTIONAL_OFF, messages=(USER, tool_call_message("a", "b"), tool_result("b"), *after))
    request, warnings = adapt(given, resolve(OPTIONAL_OFF))
    added = tool_result("a", "There is no result of this call.")
    assert request.messages == (*given.messages[:3], added, *after)
    assert len(warnings) == 1 and "tool_a" in warnings[0] and "tool_b" not in warnings[0]


def test_tool_result_without_tool_call_is_sent_as_user_message() -> None:
    messages = (USER, text_message("assistant"), tool_result("a", "42"), USER)
    request, warnings = adapt(ChatRequest(model=OPTIONAL_OFF, messages=messages), resolve(OPTIONAL_OFF))
    assert request.messages[2].role == "user" and "42" in request.messages[2].text
    assert request.messages[:2] == messages[:2] and request.messages[3:] == messages[3:]
    assert len(warnings) == 1 and "user messages" in warnings[0]


def test_tool_result_with_unknown_tool_call_id_is_sent_unchanged() -> None:
    given = ChatRequest(model=OPTIONAL_OFF, messages=(USER, tool_call_message("a"), tool_result("b")))
    request, warnings = adapt(given, resolve(OPTIONAL_OFF))
    assert request.messages[2] == tool_result("b") and len(warnings) == 1


def test_conversation_ending_with_assistant_message_gets_a_continue_message() -> None:
    messages = (USER, text_message("assistant"))
    request, warnings = adapt(ChatRequest(model=OPTIONAL_OFF, messages=messages), resolve(OPTIONAL_OFF))
    assert request.messages[:-1] == messages
    assert (request.messages[-1].role, request.messages[-1].text) == ("user", "Continue.")
    assert len(warnings) == 1 and "is from the assistant" in warnings[0]


@pytest.mark.parametrize("before", [(), (text_message("system"), USER), (USER, text_message("assistant"))])
def test_trailing_system_message_is_sent_as_user(before: tuple[Message, ...]) -> None:
    given = ChatRequest(model=OPTIONAL_OFF, messages=(*before, text_message("system")), response_format=JSON)
    request, _ = adapt(given, resolve(OPTIONAL_OFF))
    assert request.messages[-1] == text_message("user") and len(request.messages) >= len(given.messages)


@pytest.mark.parametrize("choice", ["required", "get_weather"])
def test_tool_choice_without_tools_is_dropped_with_warning(choice: str) -> None:
    request, warnings = adapted(OPTIONAL_OFF, tool_choice=choice)
    assert not request.tools and warnings == (
        f"tool_choice={choice!r} was not sent, because the request has no tools.",
    )


def test_tool_choice_with_only_server_tools_is_kept() -> None:
    request, warnings = adapted(OPTIONAL_ON, server_tools=({"type": "web_search"},), tool_choice="required")
    assert (request.tool_choice, warnings) == ("required", ())


@pytest.mark.parametrize("model", [OPTIONAL_ON, OPTIONAL_OFF, ALWAYS, NEVER, "some-model"])
@pytest.mark.parametrize("choice", [None, "auto", "none"])
def test_tool_choice_auto_and_none_are_unchanged(model: str, choice: str | None) -> None:
    request, warnings = adapted(model, tools=(F,), tool_choice=choice)
    assert (request.tool_choice, request.messages, warnings) == (choice, (USER,), ())


@pytest.mark.parametrize("choice", ["f", "required"])
@pytest.mark.parametrize("model", [OPTIONAL_OFF, NEVER])
def test_tool_choice_required_with_one_tool_becomes_its_name(model: str, choice: str) -> None:
    request, warnings = adapted(model, tools=(F,), tool_choice=choice)
    assert (request.tool_choice, request.messages, warnings) == ("f", (USER,), ())


def test_forced_tool_choice_disables_default_thinking() -> None:
    request, warnings = adapted(OPTIONAL_ON, tools=(F, G), tool_choice="g")
    assert (request.tool_choice, request.enable_thinking) == ("g", False)
    assert len(warnings) == 1 and "Thinking" in warnings[0]


@pytest.mark.parametrize(("model", "fields"), [(ALWAYS, {}), (OPTIONAL_OFF, {"enable_thinking": True})])
def test_forced_tool_choice_with_thinking_becomes_a_system_instruction(model: str, fields: dict[str, Any]) -> None:
    request, warnings = adapted(model, tools=(F, G), tool_choice="g", **fields)
    assert request.tool_choice == "auto"
    assert request.enable_thinking is fields.get("enable_thinking")
    assert request.messages[0].role == "system" and "g" in request.messages[0].text
    assert request.messages[1:] == (USER,)
    assert len(warnings) == 1


def test_tool_choice_required_with_several_tools_becomes_a_system_instruction() -> None:
    request, warnings = adapted(OPTIONAL_OFF, tools=(F, G), tool_choice="required")
    assert request.tool_choice == "auto"
    assert "f, g" in request.messages[0].text
    assert len(warnings) == 1


def test_json_schema_on_model_without_support_becomes_json_object() -> None:
    request, warnings = adapted(OPTIONAL_OFF, response_format=SCHEMA)
    assert request.response_format == JSON
    assert '"title":"S"' in request.messages[0].text
    assert len(warnings) == 1


def test_json_schema_on_supporting_model_is_unchanged() -> None:
    request, warnings = adapted(OPTIONAL_ON, response_format=SCHEMA)
    assert (request.response_format, request.messages, warnings) == (SCHEMA, (USER,), ())


@pytest.mark.parametrize("part", [ImagePart("https://x.test/a.png"), VideoPart("https://x.test/a.mp4")])
def test_json_schema_with_images_or_videos_becomes_json_object(part: ImagePart | VideoPart) -> None:
    request = ChatRequest(model=OPTIONAL_ON, messages=(Message("user", (part,)),), response_format=SCHEMA)
    given, (warning,) = adapt(request, resolve(OPTIONAL_ON))
    assert given.response_format == JSON
    assert '"title":"S"' in given.messages[0].text
    assert "beside images and videos" in warning
    unknown = msgspec.structs.replace(request, model="some-model")
    assert adapt(unknown, resolve("some-model")) == (unknown, ())


@pytest.mark.parametrize("wanted", [SCHEMA, JSON])
def test_response_format_with_server_tools_becomes_a_system_instruction(wanted: dict[str, Any]) -> None:
    request, warnings = adapted(OPTIONAL_ON, server_tools=({"type": "web_search"},), response_format=wanted)
    assert request.response_format is None
    instruction = request.messages[0].text
    assert "JSON object" in instruction and ('"title":"S"' in instruction) == (wanted is SCHEMA)
    assert len(warnings) == 1 and "not guaranteed" in warnings[0]


def test_schema_instruction_is_appended_to_the_system_message() -> None:
    given = ChatRequest(model=OPTIONAL_OFF, messages=(text_message("system"), USER), response_format=SCHEMA)
    request, _ = adapt(given, resolve(OPTIONAL_OFF))
    system, user = request.messages
    assert (system.role, system.parts[0], user) == ("system", TextPart("ok"), USER)
    assert '"title":"S"' in system.text


def test_json_object_without_the_word_json_adds_an_instruction() -> None:
    request, warnings = adapted(OPTIONAL_OFF, response_format=JSON)
    assert "JSON" in request.messages[0].text
    assert len(warnings) == 1


def test_json_object_with_the_word_json_in_the_prompt_is_unchanged() -> None:
    message = Message("user", (TextPart("as Json please"),))
    request = ChatRequest(model=OPTIONAL_OFF, messages=(message,), response_format=JSON)
    assert adapt(request, resolve(OPTIONAL_OFF)) == (request, ())


def test_json_instruction_is_appended_without_altering_the_request() -> None:
    system = Message("system", (TextPart("Be kind."),))
    request = ChatRequest(model=OPTIONAL_OFF, messages=(system, USER), response_format=JSON)
    changed, _ = adapt(request, resolve(OPTIONAL_OFF))
    assert len(changed.messages) == 2
    assert changed.messages[0].text.startswith("Be kind.") and "JSON" in changed.messages[0].text
    assert request.messages[0].text == "Be kind."


def test_reasoning_effort_keeps_thinking_on_with_forced_tool_choice() -> None:
    request, warnings = adapted("qwen3.8-max", tools=(F,), tool_choice="f", reasoning_effort="high")
    assert (request.tool_choice, request.reasoning_effort, request.enable_thinking) == ("auto", "xhigh", None)
    assert len(warnings) == 1 and "thinking is enabled" in warnings[0]


@pytest.mark.parametrize("model", ["qwen3-coder-plus", "qwen3-vl-8b-thinking"])
def test_json_object_on_model_without_json_mode_becomes_an_instruction(model: str) -> None:
    request, warnings = adapted(model, response_format=JSON)
    assert request.response_format is None
    assert "JSON" in request.messages[0].text
    assert len(warnings) == 1 and "no JSON mode" in warnings[0]


def test_json_object_disables_thinking_on_older_models() -> None:
    request, warnings = adapted("qwen3-32b", response_format=JSON, thinking_budget=100)
    assert (request.enable_thinking, request.thinking_budget, request.response_format) == (False, None, JSON)
    assert len(warnings) == 2
    request, warnings = adapted(OPTIONAL_ON, response_format=JSON)
    assert request.enable_thinking is None
    assert len(warnings) == 1
