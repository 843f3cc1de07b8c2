"""The parity list: the request, the service's reply, and the outcome that every surface must show.

One scenario runs on both protocols, sync and async, complete and streamed, through the core, LangChain and
LlamaIndex. A new feature is a new row.
"""

from dataclasses import dataclass, field
from typing import Any

from qwen_core.types.messages import Message, ReasoningPart, TextPart, Tool, ToolCallPart
from qwen_emulator import Failure, Reply, SearchResult, ToolCall

WEATHER = Tool(
    "get_weather",
    "The weather of a city.",
    {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
DOTTED = Tool("weather.now", "The weather of a city.", WEATHER.parameters)
CLOCK = Tool("get_time", "The time somewhere.", {"type": "object", "properties": {}})


def user(text: str) -> Message:
    return Message("user", (TextPart(text),))


@dataclass(frozen=True)
class Outcome:
    """What a user sees on every surface."""

    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[tuple[str, str, str], ...] = ()
    """(id, name, arguments as compact JSON) of the calls that can be carried out."""
    broken_calls: int = 0
    citations: tuple[str, ...] = ()
    finish_reason: str = "stop"
    raw_finish_reason: str = ""
    """The protocol's own finish reason, if it differs."""
    usage: tuple[tuple[str, int], ...] = ()
    error: str = ""
    """The error class; the other fields are then the partial response."""
    code: str = ""


@dataclass(frozen=True)
class Scenario:
    """One row."""

    name: str
    answer: Any
    outcome: Outcome
    messages: tuple[Message, ...] = (user("What is it?"),)
    model: str = "qwen-plus"
    options: dict[str, Any] = field(default_factory=dict)
    warning: str = ""
    """Text of the expected warning; empty for none."""
    streamed_only: bool = False
    whole_only: bool = False


USAGE = {"input_tokens": 30, "output_tokens": 12, "cached_tokens": 8}
THINKING_USAGE = {**USAGE, "reasoning_tokens": 5}
SEEN = (("input_tokens", 30), ("output_tokens", 12), ("total_tokens", 42), ("cached_tokens", 8))
THOUGHT = (*SEEN, ("reasoning_tokens", 5))

PARIS = ToolCall("get_weather", {"city": "Paris"}, id="call_1")
ROME = ToolCall("get_weather", {"city": "Rome"}, id="call_2")
PARIS_SEEN = ("call_1", "get_weather", '{"city":"Paris"}')
ROME_SEEN = ("call_2", "get_weather", '{"city":"Rome"}')

ROUND = (
    user("The weather in Paris?"),
    Message("assistant", (ReasoningPart("Ask."), ToolCallPart("call_1", "get_weather", '{"city":"Paris"}'))),
    Message("tool", (TextPart("sunny"),), tool_call_id="call_1"),
)

SCENARIOS = [
    Scenario("plain text", Reply(text="A river.", usage=USAGE), Outcome("A river.", usage=SEEN)),
    Scenario("equal consecutive deltas", Reply(text=["ha", "ha", "1", "11"]), Outcome("haha111")),
    Scenario("empty text", Reply(text=""), Outcome("")),
    Scenario(
        "Unicode text", Reply(text=["Grüße ", "杭州 ", "🎉", "\u2028", "\x00"]), Outcome("Grüße 杭州 🎉\u2028\x00")
    ),
    Scenario(
        "finish_reason length",
        Reply(text="A riv", finish_reason="length"),
        Outcome("A riv", finish_reason="length"),
    ),
    Scenario(
        "undocumented finish_reason",
        Reply(text="A riv", finish_reason="of_tomorrow"),
        Outcome("A riv", finish_reason="other", raw_finish_reason="of_tomorrow"),
    ),
    Scenario(
        "thinking",
        Reply(text="Four.", reasoning=["Two and ", "two."], usage=THINKING_USAGE),
        Outcome("Four.", "Two and two.", usage=THOUGHT),
        model="qwen3.7-plus",
        options={"enable_thinking": True},
    ),
    Scenario(
        "empty after thinking",
        Reply(text="", reasoning="Hm.", usage=THINKING_USAGE),
        Outcome("", "Hm.", usage=THOUGHT),
        model="qwen3.7-plus",
    ),
    Scenario(
        "stream-only thinking model",
        Reply(text="Yes.", reasoning="Sure."),
        Outcome("Yes.", "Sure."),
        model="qwq-plus",
    ),
    Scenario(
        "one tool call",
        Reply(tool_calls=[PARIS], usage=USAGE),
        Outcome(tool_calls=(PARIS_SEEN,), finish_reason="tool_calls", usage=SEEN),
        options={"tools": (WEATHER,)},
    ),
    Scenario(
        "parallel tool calls after text",
        Reply(text="Let me look.", tool_calls=[PARIS, ROME]),
        Outcome("Let me look.", tool_calls=(PARIS_SEEN, ROME_SEEN), finish_reason="tool_calls"),
        options={"tools": (WEATHER, CLOCK), "parallel_tool_calls": True},
    ),
    Scenario(
        "reasoning, then a tool call",
        Reply(reasoning="I need the weather.", tool_calls=[PARIS]),
        Outcome("", "I need the weather.", tool_calls=(PARIS_SEEN,), finish_reason="tool_calls"),
        model="qwen3.7-plus",
        options={"tools": (WEATHER,), "enable_thinking": True},
    ),
    Scenario(
        "tool call without arguments",
        Reply(tool_calls=[ToolCall("get_time", "", id="call_1")]),
        Outcome(tool_calls=(("call_1", "get_time", "{}"),), finish_reason="tool_calls"),
        options={"tools": (CLOCK,)},
    ),
    Scenario(
        "tool name that the service refuses",
        Reply(tool_calls=[ToolCall("weather_now", {"city": "Paris"}, id="call_1")]),
        Outcome(tool_calls=(("call_1", "weather.now", '{"city":"Paris"}'),), finish_reason="tool_calls"),
        options={"tools": (DOTTED,)},
    ),
    Scenario(
        "spaces and Unicode in tool call arguments",
        Reply(tool_calls=[ToolCall("get_weather", ['{"city": "New', ' York 纽约"}'], id="call_1")]),
        Outcome(tool_calls=(("call_1", "get_weather", '{"city":"New York 纽约"}'),), finish_reason="tool_calls"),
        options={"tools": (WEATHER,)},
    ),
    Scenario(
        "forced tool_choice with finish_reason stop",
        Reply(tool_calls=[PARIS], finish_reason="stop"),
        Outcome(tool_calls=(PARIS_SEEN,), finish_reason="tool_calls", raw_finish_reason="stop"),
        options={"tools": (WEATHER,), "tool_choice": "get_weather"},
    ),
    Scenario(
        "tool call arguments truncated by max_tokens",
        Reply(tool_calls=[ToolCall("get_weather", '{"city": "Par', id="call_1")], finish_reason="length"),
        Outcome(broken_calls=1, finish_reason="length"),
        options={"tools": (WEATHER,)},
    ),
    Scenario(
        "tool call arguments that are not JSON",
        Reply(tool_calls=[ToolCall("get_weather", "{'city': 1}", id="call_1")]),
        Outcome(broken_calls=1, finish_reason="tool_calls"),
        options={"tools": (WEATHER,)},
    ),
    Scenario(
        "tool result",
        Reply(text="It is sunny."),
        Outcome("It is sunny."),
        messages=ROUND,
        options={"tools": (WEATHER,)},
    ),
    Scenario(
        "system message only",
        Reply(text="Aye."),
        Outcome("Aye."),
        messages=(Message("system", (TextPart("Speak like a sailor."),)),),
    ),
    Scenario(
        "trailing assistant message",
        Reply(text="It rained, too."),
        Outcome("It rained, too."),
        messages=(user("The weather in Paris?"), Message("assistant", (TextPart("It was cold."),))),
        warning="is from the assistant",
    ),
    Scenario(
        "response_format json_schema",
        Reply(text='{"a": 1}'),
        Outcome('{"a": 1}'),
        model="qwen3.7-plus",
        options={
            "response_format": {
                "type": "json_schema",
                "json_schema": {
                    "name": "A",
                    "schema": {"type": "object", "properties": {"a": {"type": "integer"}}},
                },
            }
        },
    ),
    Scenario(
        "sampling parameters",
        Reply(text="ok"),
        Outcome("ok"),
        options={"temperature": 0.1, "top_p": 0.5, "top_k": 3, "seed": 7},
    ),
    Scenario("stop sequences", Reply(text="one"), Outcome("one"), options={"stop": ("two",)}),
    Scenario(
        "max_completion_tokens",
        Reply(text="Rain.", reasoning="Look."),
        Outcome("Rain.", reasoning="Look."),
        model="qwen3.7-plus",
        options={"max_completion_tokens": 100},
    ),
    Scenario(
        "non-finite number",
        Reply(text="never"),
        Outcome(error="UnsupportedFeatureError"),
        options={"extra_body": {"own": [None, float("nan")]}},
    ),
    Scenario(
        "tool call without result",
        Reply(text="Never mind."),
        Outcome("Never mind."),
        messages=(*ROUND[:2], user("And now?")),
        options={"tools": (WEATHER,)},
        warning="without a tool message",
    ),
    Scenario(
        "tool result without tool call",
        Reply(text="Sunny."),
        Outcome("Sunny."),
        messages=(ROUND[0], ROUND[2]),
        options={"tools": (WEATHER,)},
        warning="follow no tool call",
    ),
    *(
        Scenario(name, Failure.named(failure, times=9), Outcome(error=error, code=code))
        for name, failure, error, code in [
            ("invalid API key", "invalid_api_key", "AuthenticationError", "invalid_api_key"),
            ("no right", "access_denied", "PermissionDeniedError", "access_denied"),
            ("an unpaid account", "arrearage", "PermissionDeniedError", "Arrearage"),
            ("the free tier used up", "free_tier_only", "QuotaExceededError", "AllocationQuota.FreeTierOnly"),
            ("the free quota used up", "free_quota_exceeded", "QuotaExceededError", "insufficient_quota"),
            ("no such model", "model_not_found", "NotFoundError", "model_not_found"),
            ("a wrong parameter", "invalid_parameter", "BadRequestError", "invalid_parameter_error"),
            ("too long an input", "context_overflow", "ContextOverflowError", "invalid_parameter_error"),
            ("a moderated input", "data_inspection", "ContentFilterError", "data_inspection_failed"),
            ("too many requests", "rate_limit", "RateLimitError", "limit_requests"),
            ("too sudden requests", "burst_rate", "RateLimitError", "limit_burst_rate"),
            ("too many tokens", "token_quota", "RateLimitError", "insufficient_quota"),
            ("a fault", "internal_error", "ServerError", "internal_error"),
            ("no capacity", "model_unavailable", "ServerError", "ModelUnavailable"),
            ("a timeout there", "request_timeout", "APITimeoutError", "RequestTimeOut"),
        ]
    ),
    Scenario(
        "translation_options",
        Reply(text=["Code ", "changes ", "the ", "the ", "world."]),
        Outcome("Code changes the the world."),
        model="qwen-mt-plus",
        options={"translation_options": {"target_lang": "English"}},
    ),
    Scenario(
        "enable_thinking and enable_search",
        Reply(text="Rain.", reasoning="Look."),
        Outcome("Rain.", reasoning="Look."),
        options={"enable_thinking": True, "enable_search": True},
    ),
    Scenario(
        "enable_code_interpreter",
        Reply(text="7", reasoning="Compute.", code="3 + 4"),
        Outcome("7", reasoning="Compute."),
        model="qwen3-max",
        options={"enable_code_interpreter": True},
    ),
    Scenario(
        "finish_reason content_filter",
        Reply(text="One", finish_reason="content_filter"),
        Outcome("One", finish_reason="content_filter"),
    ),
    Scenario(
        "moderation in mid-stream",
        Failure.named("output_inspection", after_chunks=3, reply=Reply(text=["Once ", "upon "])),
        Outcome("Once upon ", error="ContentFilterError", code="data_inspection_failed"),
        streamed_only=True,
    ),
]

NATIVE_SCENARIOS = [
    Scenario(
        "web search with sources",
        Reply(
            text="It rained [1].",
            search_results=[
                SearchResult("Weather", "https://w.example/1"),
                SearchResult("News", "https://n.example/2"),
            ],
        ),
        Outcome("It rained [1].", citations=("https://w.example/1", "https://n.example/2")),
        options={"enable_search": True, "search_options": {"enable_source": True, "enable_citation": True}},
    ),
]
