"""Encoding requests for the OpenAI-compatible protocol, field by field."""

from typing import Any

import msgspec
import pytest

from qwen_core.errors import UnsupportedFeatureError
from qwen_core.models.catalogue import resolve
from qwen_core.protocols.openai_chat import OpenAICompatible
from qwen_core.protocols.openai_chat.encode import NATIVE_ONLY
from qwen_core.types.messages import (
    AudioPart,
    FilePart,
    ImagePart,
    Message,
    Part,
    ReasoningPart,
    TextPart,
    Tool,
    ToolCallPart,
    VideoPart,
)
from qwen_core.types.parameters import sent_parameters
from qwen_core.types.requests import ChatRequest, EmbeddingRequest, MultimodalEmbeddingRequest

USER = Message("user", (TextPart("hi"),))
TOOL = Tool("f", "does f", {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {}}})

# One row per request field: the value, and the body fields it becomes.
FIELDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "temperature": (0.0, {"temperature": 0.0}),
    "top_p": (0.5, {"top_p": 0.5}),
    "top_k": (0, {"top_k": 0}),
    "max_tokens": (9, {"max_tokens": 9}),
    "max_completion_tokens": (9, {"max_completion_tokens": 9}),
    "stop": (("a", "b"), {"stop": ["a", "b"]}),
    "seed": (0, {"seed": 0}),
    "n": (2, {"n": 2}),
    "presence_penalty": (-1.0, {"presence_penalty": -1.0}),
    "frequency_penalty": (1.0, {"frequency_penalty": 1.0}),
    "repetition_penalty": (1.1, {"repetition_penalty": 1.1}),
    "logprobs": (True, {"logprobs": True}),
    "top_logprobs": (3, {"top_logprobs": 3}),
    "enable_thinking": (False, {"enable_thinking": False}),
    "thinking_budget": (100, {"thinking_budget": 100}),
    "reasoning_effort": ("low", {"reasoning_effort": "low"}),
    "preserve_thinking": (False, {"preserve_thinking": False}),
    "enable_search": (True, {"enable_search": True}),
    "search_options": ({"forced_search": True}, {"search_options": {"forced_search": True}}),
    "parallel_tool_calls": (False, {"parallel_tool_calls": False}),
    "response_format": ({"type": "json_object"}, {"response_format": {"type": "json_object"}}),
    "asr_options": ({"language": "en"}, {"asr_options": {"language": "en"}}),
    "modalities": (("text", "audio"), {"modalities": ["text", "audio"]}),
    "audio": ({"voice": "Cherry", "format": "wav"}, {"audio": {"voice": "Cherry", "format": "wav"}}),
    "vl_high_resolution_images": (True, {"vl_high_resolution_images": True}),
    "enable_code_interpreter": (True, {"enable_code_interpreter": True}),
    "logit_bias": ({"9": -100.0}, {"logit_bias": {"9": -100.0}}),
    "translation_options": ({"target_lang": "English"}, {"translation_options": {"target_lang": "English"}}),
    "tool_call_parser": ("hermes", {}),
    "reasoning_parser": ("qwen3", {}),
    "extra_body": ({"tool_stream": True}, {"tool_stream": True}),
}


def body(*messages: Message, stream: bool = False, **fields: Any) -> dict[str, Any]:
    """Return the body for a request with these fields."""
    request = ChatRequest(model="qwen-plus", messages=messages or (USER,), **fields)
    encoded = OpenAICompatible().encode_chat(request, resolve(request.model), stream)
    decoded: dict[str, Any] = msgspec.json.decode(encoded.body)
    return decoded


def sent(*messages: Message, **fields: Any) -> list[dict[str, Any]]:
    """Return the messages of the body."""
    found: list[dict[str, Any]] = body(*messages, **fields)["messages"]
    return found


@pytest.mark.parametrize("field", FIELDS)
def test_request_field_is_encoded(field: str) -> None:
    value, wanted = FIELDS[field]
    plain = body()
    assert body(**{field: value}) == {**plain, **wanted}


def test_every_request_field_has_an_encoding_case() -> None:
    own_tests = {"model", "messages", "tools", "tool_choice", "extra_headers", *NATIVE_ONLY}
    own_tests |= {
        "server_tools",
        "previous_response_id",
    }  # Responses API alone: tests/features/test_responses_api.py
    own_tests |= {"allow_local_files", "allow_private_media_urls", "show_progress", "repair_history"}  # not sent
    assert set(ChatRequest.__struct_fields__) - own_tests == set(FIELDS)
    assert sent_parameters("openai_chat").keys() <= set(FIELDS)


def test_minimal_request_sends_only_model_and_messages() -> None:
    assert body() == {"model": "qwen-plus", "messages": [{"role": "user", "content": "hi"}]}


def test_stream_sets_include_usage_unless_overridden() -> None:
    assert body(stream=True) == {**body(), "stream": True, "stream_options": {"include_usage": True}}
    options = {"stream_options": {"include_usage": False}}
    assert body(stream=True, extra_body=options)["stream_options"] == {"include_usage": False}


def test_extra_body_overrides_and_merges() -> None:
    found = body(
        temperature=1.0,
        search_options={"forced_search": True},
        extra_body={"temperature": 0.1, "search_options": {"x": 1}},
    )
    assert (found["temperature"], found["search_options"]) == (0.1, {"forced_search": True, "x": 1})
    options = {"forced_search": True}
    assert body(search_options=options, extra_body={"search_options": None})["search_options"] is None


def test_extra_headers_are_sent() -> None:
    request = ChatRequest(model="m", messages=(USER,), extra_headers={"X-DashScope-DataInspection": "{}"})
    assert OpenAICompatible().encode_chat(request, resolve("m"), False).headers == {
        "X-DashScope-DataInspection": "{}"
    }


@pytest.mark.parametrize("field", NATIVE_ONLY)
def test_native_only_field_is_refused(field: str) -> None:
    with pytest.raises(UnsupportedFeatureError, match="dashscope"):
        options: dict[str, Any] = {field: {"task": "text_recognition"}}
        body(**options)


def test_tools_and_tool_choice_are_sent_unchanged() -> None:
    found = body(tools=(TOOL,), tool_choice="f")
    function = {"name": "f", "description": "does f", "parameters": TOOL.parameters}
    assert found["tools"] == [{"type": "function", "function": function}]
    assert found["tool_choice"] == {"type": "function", "function": {"name": "f"}}
    assert body(tools=(TOOL,), tool_choice="none")["tool_choice"] == "none"
    assert "tools" not in body(tools=()) and "tool_choice" not in body(tool_choice="auto")
    strict = msgspec.structs.replace(TOOL, strict=True)
    assert body(tools=(strict,))["tools"][0]["function"]["strict"] is True


# A part of a user message, and the content item it becomes.
PARTS: list[tuple[Part, dict[str, Any]]] = [
    (TextPart("x", {"type": "ephemeral"}), {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}),
    (ImagePart("https://h.example/a.png"), {"type": "image_url", "image_url": {"url": "https://h.example/a.png"}}),
    (
        ImagePart("data:image/png;base64,AA==", min_pixels=4, max_pixels=9),
        {
            "type": "image_url",
            "image_url": {"url": "data:image/png;base64,AA=="},
            "min_pixels": 4,
            "max_pixels": 9,
        },
    ),
    (
        VideoPart("https://h.example/a.mp4", fps=2.0),
        {"type": "video_url", "video_url": {"url": "https://h.example/a.mp4"}, "fps": 2.0},
    ),
    (
        VideoPart(("https://h.example/1.jpg", "https://h.example/2.jpg")),
        {"type": "video", "video": ["https://h.example/1.jpg", "https://h.example/2.jpg"]},
    ),
    (
        AudioPart("data:;base64,AA==", "wav"),
        {"type": "input_audio", "input_audio": {"data": "data:;base64,AA==", "format": "wav"}},
    ),
    (
        AudioPart("https://h.example/a,b.wav"),
        {"type": "input_audio", "input_audio": {"data": "https://h.example/a,b.wav"}},
    ),
    (FilePart(url="https://h.example/a.pdf"), {"type": "file", "file": {"file_url": "https://h.example/a.pdf"}}),
    (
        FilePart(url="data:application/pdf;base64,AA==", filename="a.pdf"),
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,AA==", "filename": "a.pdf"}},
    ),
]


@pytest.mark.parametrize(("part", "item"), PARTS)
def test_part_becomes_content_item(part: Part, item: dict[str, Any]) -> None:
    assert sent(Message("user", (TextPart("look"), part)))[0]["content"] == [
        {"type": "text", "text": "look"},
        item,
    ]


def test_text_parts_become_a_string() -> None:
    """Join text parts into a string: text models refuse lists (compatible, section 3)."""
    assert sent(Message("user", (TextPart("a"), TextPart("b"))))[0]["content"] == "a\nb"
    assert sent(Message("assistant", (TextPart("a"), TextPart("b"))), USER)[0]["content"] == "ab"
    assert sent(Message("user", ()))[0]["content"] == ""


def test_file_path_in_text_is_sent_as_text() -> None:
    assert sent(Message("user", (TextPart("/etc/hostname"),)))[0]["content"] == "/etc/hostname"


def test_tool_call_and_tool_result_are_encoded() -> None:
    asked = Message("assistant", (TextPart(""), ToolCallPart("c1", "f", '{"a": 1}')))
    answered = Message("tool", (TextPart("42"),), tool_call_id="c1")
    found = sent(USER, asked, answered)
    assert found[1] == {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}],
    }
    assert found[2] == {"role": "tool", "content": "42", "tool_call_id": "c1"}
    assert sent(Message("user", (ImagePart("https://h.example/a.png"),)), asked, answered)[1:] == found[1:]


def test_reasoning_content_is_replayed_within_its_tool_round_only() -> None:
    thought = Message("assistant", (ReasoningPart("because"), TextPart("so"), ToolCallPart("c1", "f", "{}")))
    result = Message("tool", (TextPart("1"),), tool_call_id="c1")
    within = sent(USER, thought, result)
    assert within[1]["reasoning_content"] == "because" and within[1]["content"] == "so"
    later = sent(USER, thought, result, Message("assistant", (TextPart("done"),)), USER)
    assert "reasoning_content" not in later[1]
    kept = sent(USER, thought, result, Message("assistant", (TextPart("done"),)), USER, preserve_thinking=True)
    assert kept[1]["reasoning_content"] == "because"


def test_message_name_partial_and_system_role_are_encoded() -> None:
    assert sent(Message("user", (TextPart("x"),), name="ann"))[0] == {
        "role": "user",
        "content": "x",
        "name": "ann",
    }
    assert sent(USER, Message("assistant", (TextPart("def "),), partial=True))[1] == {
        "role": "assistant",
        "content": "def ",
        "partial": True,
    }
    assert sent(Message("system", (TextPart("be kind"),)), USER)[0] == {"role": "system", "content": "be kind"}


def test_multimodal_embedding_is_refused() -> None:
    request = MultimodalEmbeddingRequest(model="m", contents=((TextPart("a"),),))
    with pytest.raises(UnsupportedFeatureError, match="Multimodal"):
        OpenAICompatible().encode_embeddings(request, resolve("m"))


def test_embedding_request_has_string_input_and_float_encoding() -> None:
    encoded = OpenAICompatible().encode_embeddings(
        EmbeddingRequest(model="text-embedding-v4", texts=("a", "b"), dimensions=64), resolve("text-embedding-v4")
    )
    assert encoded.path == "/embeddings"
    assert msgspec.json.decode(encoded.body) == {
        "model": "text-embedding-v4",
        "input": ["a", "b"],
        "encoding_format": "float",
        "dimensions": 64,
    }
