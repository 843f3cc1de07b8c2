"""Encoding requests for the native DashScope protocol, parameter by parameter."""

import json
from typing import Any

import msgspec
import pytest

from qwen_core.errors import UnsupportedFeatureError
from qwen_core.models.catalogue import resolve
from qwen_core.models.profile import ModelProfile
from qwen_core.protocols.base import EncodedRequest
from qwen_core.protocols.dashscope import DashScopeNative
from qwen_core.protocols.dashscope.encode import COMPATIBLE_ONLY
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
from qwen_core.types.requests import ChatRequest, EmbeddingRequest, MultimodalEmbeddingRequest, RerankRequest

TEXT = "/services/aigc/text-generation/generation"
MULTIMODAL = "/services/aigc/multimodal-generation/generation"
EITHER = {"text-generation": TEXT, "multimodal-generation": MULTIMODAL}

USER = Message("user", (TextPart("hi"),))
IMAGE = Message("user", (ImagePart("https://h.example/a.png"), TextPart("what?")))
TOOL = Tool("f", "does f", {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {}}})

# One row per parameter: the value, and the body fields it becomes.
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
    "repetition_penalty": (1.1, {"repetition_penalty": 1.1}),
    "logprobs": (True, {"logprobs": True}),
    "top_logprobs": (3, {"top_logprobs": 3}),
    "enable_thinking": (False, {"enable_thinking": False}),
    "thinking_budget": (100, {"thinking_budget": 100}),
    "reasoning_effort": ("low", {"reasoning_effort": "low"}),
    "preserve_thinking": (False, {"preserve_thinking": False}),
    "enable_search": (True, {"enable_search": True, "search_options": {"enable_source": True}}),
    "search_options": ({"forced_search": True}, {"search_options": {"forced_search": True}}),
    "parallel_tool_calls": (False, {"parallel_tool_calls": False}),
    "response_format": ({"type": "json_object"}, {"response_format": {"type": "json_object"}}),
    "asr_options": ({"language": "en"}, {"asr_options": {"language": "en"}}),
    "modalities": (("text", "audio"), {"modalities": ["text", "audio"]}),
    "audio": ({"voice": "Cherry", "format": "wav"}, {"audio": {"voice": "Cherry", "format": "wav"}}),
    "vl_high_resolution_images": (True, {"vl_high_resolution_images": True}),
    "ocr_options": ({"task": "multi_lan"}, {"ocr_options": {"task": "multi_lan"}}),
    "enable_text_image_mixed": (True, {"enable_text_image_mixed": True}),
    "enable_code_interpreter": (True, {"enable_code_interpreter": True}),
    "logit_bias": ({"9": -100.0}, {"logit_bias": {"9": -100.0}}),
    "translation_options": ({"target_lang": "English"}, {"translation_options": {"target_lang": "English"}}),
}


def encode(*messages: Message, model: str = "qwen-plus", stream: bool = False, **fields: Any) -> EncodedRequest:
    request = ChatRequest(model=model, messages=messages or (USER,), **fields)
    return DashScopeNative().encode_chat(request, resolve(model), stream)


def body(*messages: Message, **fields: Any) -> dict[str, Any]:
    """Return the body for a request with these fields."""
    decoded: dict[str, Any] = msgspec.json.decode(encode(*messages, **fields).body)
    return decoded


def sent(*messages: Message, **fields: Any) -> list[dict[str, Any]]:
    """Return the messages of the body."""
    found: list[dict[str, Any]] = body(*messages, **fields)["input"]["messages"]
    return found


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("model", ["qwen-plus", "qwen3.7-plus"])
def test_parameter_is_encoded(field: str, model: str) -> None:
    value, wanted = FIELDS[field]
    plain = body(model=model)
    assert body(model=model, **{field: value}) == {**plain, "parameters": {**plain["parameters"], **wanted}}


def test_every_parameter_has_an_encoding_case() -> None:
    assert sent_parameters("dashscope").keys() == set(FIELDS)
    compatible = sent_parameters("openai_chat").keys() - set(COMPATIBLE_ONLY)
    assert compatible <= sent_parameters("dashscope").keys(), "missing on this protocol"


def test_minimal_request_sends_only_required_fields() -> None:
    assert body() == {
        "model": "qwen-plus",
        "input": {"messages": [{"role": "user", "content": "hi"}]},
        "parameters": {"result_format": "message"},
    }
    assert body(model="qwen3.7-plus") == {
        "model": "qwen3.7-plus",
        "input": {"messages": [{"role": "user", "content": [{"text": "hi"}]}]},
        "parameters": {},
    }


@pytest.mark.parametrize("model", ["qwen-plus", "qwen3.7-plus"])
def test_stream_sets_sse_header_and_incremental_output(model: str) -> None:
    streamed = encode(model=model, stream=True)
    assert streamed.headers == {"X-DashScope-SSE": "enable", "Accept": "text/event-stream"}
    assert json.loads(streamed.body)["parameters"]["incremental_output"] is True
    assert not streamed.cumulative
    whole = encode(model=model)
    assert whole.headers == {"Accept": "application/json"}
    assert "incremental_output" not in json.loads(whole.body)["parameters"]


@pytest.mark.parametrize("extra", [{"incremental_output": False}, {"parameters": {"incremental_output": False}}])
def test_extra_body_incremental_output_false_marks_the_stream_cumulative(extra: dict[str, Any]) -> None:
    encoded = encode(stream=True, extra_body=extra)
    assert json.loads(encoded.body)["parameters"]["incremental_output"] is False
    assert encoded.cumulative


def test_extra_body_overrides_and_merges_parameters_and_input() -> None:
    found = body(
        temperature=1.0,
        search_options={"forced_search": True},
        extra_body={
            "temperature": 0.1,
            "tool_stream": True,
            "search_options": {"freshness": 7},
            "parameters": {"skill": []},
            "input": {"prompt": "p"},
            "model": "other",
        },
    )
    assert found["parameters"] == {
        "temperature": 0.1,
        "tool_stream": True,
        "search_options": {"forced_search": True, "freshness": 7},
        "skill": [],
        "result_format": "message",
    }
    assert found["input"]["prompt"] == "p" and found["input"]["messages"]
    assert found["model"] == "other"


def test_enable_search_adds_enable_source_unless_overridden() -> None:
    def options(**fields: Any) -> Any:
        return body(**fields)["parameters"].get("search_options")

    assert options(enable_search=True, search_options={"search_strategy": "max"}) == {
        "enable_source": True,
        "search_strategy": "max",
    }
    assert options(enable_search=True, search_options={"enable_source": False}) == {"enable_source": False}
    assert options(enable_search=False) is None


@pytest.mark.parametrize("field", COMPATIBLE_ONLY)
def test_openai_only_parameter_is_refused_except_in_extra_body(field: str) -> None:
    with pytest.raises(UnsupportedFeatureError, match=rf'(?s){field}.*extra_body.*protocol="openai"'):
        body(**{field: 1.0})
    assert body(extra_body={field: 1.0})["parameters"][field] == 1.0


def test_openai_only_model_gets_a_warning() -> None:
    assert encode().warnings == ()
    (warning,) = encode(model="qwen3-omni-flash").warnings
    assert 'protocol="openai"' in warning


# Model, message, and the path of the endpoint.
@pytest.mark.parametrize(
    ("model", "message", "path"),
    [
        ("qwen-plus", USER, TEXT),
        ("qwen3-max", USER, TEXT),
        ("qwen3.7-plus", USER, MULTIMODAL),
        ("qwen-vl-max", USER, MULTIMODAL),
        ("nobody-knows-this", USER, TEXT),
        ("nobody-knows-this", IMAGE, MULTIMODAL),
        ("nobody-knows-this", Message("user", (VideoPart("https://h.example/a.mp4"),)), MULTIMODAL),
        ("nobody-knows-this", Message("user", (AudioPart("https://h.example/a.mp3"),)), MULTIMODAL),
        ("qwen-plus", IMAGE, MULTIMODAL),
    ],
)
def test_endpoint_follows_model_and_media(model: str, message: Message, path: str) -> None:
    assert encode(message, model=model).path == path


@pytest.mark.parametrize("endpoint", EITHER)
def test_profile_native_endpoint_decides_the_path(endpoint: Any) -> None:
    profile = ModelProfile(name="m", native_endpoint=endpoint)
    request = ChatRequest(model="m", messages=(USER,))
    assert DashScopeNative().encode_chat(request, profile, False).path == EITHER[endpoint]


# A part of a user message, and the content item it becomes on the multimodal endpoint.
ITEMS: list[tuple[Part, dict[str, Any]]] = [
    (TextPart("x", {"type": "ephemeral"}), {"text": "x", "cache_control": {"type": "ephemeral"}}),
    (ImagePart("https://h.example/a.png"), {"image": "https://h.example/a.png"}),
    (
        ImagePart("data:image/png;base64,AA==", min_pixels=4, max_pixels=9),
        {"image": "data:image/png;base64,AA==", "min_pixels": 4, "max_pixels": 9},
    ),
    (
        VideoPart("https://h.example/a.mp4", fps=2.0, max_frames=5, min_pixels=1, max_pixels=2, total_pixels=3),
        {
            "video": "https://h.example/a.mp4",
            "fps": 2.0,
            "max_frames": 5,
            "min_pixels": 1,
            "max_pixels": 2,
            "total_pixels": 3,
        },
    ),
    (
        VideoPart(("https://h.example/1.jpg", "https://h.example/2.jpg")),
        {"video": ["https://h.example/1.jpg", "https://h.example/2.jpg"]},
    ),
    (AudioPart("data:;base64,AA==", "wav"), {"audio": "data:;base64,AA=="}),
]


@pytest.mark.parametrize(("part", "item"), ITEMS)
def test_part_becomes_multimodal_content_item(part: Part, item: dict[str, Any]) -> None:
    message = Message("user", (TextPart("look"), part))
    assert sent(message, model="qwen3.7-plus") == [{"role": "user", "content": [{"text": "look"}, item]}]


def test_oss_url_sets_resource_resolve_header() -> None:
    assert "X-DashScope-OssResourceResolve" not in encode(IMAGE).headers
    for part in (
        ImagePart("oss://b/a.png"),
        VideoPart(("https://h.example/1.jpg", "oss://b/2.jpg")),
        AudioPart("oss://b/a"),
    ):
        headers = encode(Message("user", (part,)), stream=True).headers
        assert headers["X-DashScope-OssResourceResolve"] == "enable"


def test_extra_headers_are_sent() -> None:
    assert encode(extra_headers={"X-DashScope-DataInspection": "{}"}).headers["X-DashScope-DataInspection"] == "{}"


def test_text_parts_become_a_string_on_the_text_endpoint() -> None:
    assert sent(Message("user", (TextPart("a"), TextPart("b"))))[0]["content"] == "a\nb"
    assert sent(Message("assistant", (TextPart("a"), TextPart("b"))), USER)[0]["content"] == "ab"
    assert sent(Message("user", (TextPart("/etc/hostname"),)))[0]["content"] == "/etc/hostname"


def test_cache_control_turns_text_into_a_list() -> None:
    marked = Message("system", (TextPart("long"), TextPart("longer", {"type": "ephemeral"})))
    assert sent(marked, USER)[0]["content"] == [
        {"type": "text", "text": "long"},
        {"type": "text", "text": "longer", "cache_control": {"type": "ephemeral"}},
    ]


def test_text_parts_become_lists_on_the_multimodal_endpoint() -> None:
    conversation = (
        Message("system", (TextPart("be kind"),)),
        Message("user", (TextPart("a"), TextPart("b"))),
        Message("assistant", (TextPart("c"), TextPart("d"))),
        USER,
    )
    assert [message["content"] for message in sent(*conversation, model="qwen3.7-plus")] == [
        [{"text": "be kind"}],
        [{"text": "a"}, {"text": "b"}],
        [{"text": "cd"}],
        [{"text": "hi"}],
    ]


@pytest.mark.parametrize(
    ("model", "asked_content", "result_content"),
    [("qwen-plus", "", "42"), ("qwen3.7-plus", [], [{"text": "42"}])],
)
def test_tool_call_and_tool_result_are_encoded(model: str, asked_content: Any, result_content: Any) -> None:
    asked = Message("assistant", (TextPart(""), ToolCallPart("c1", "f", '{"a": 1}')))
    answered = Message("tool", (TextPart("42"),), tool_call_id="c1")
    found = sent(USER, asked, answered, model=model)
    assert found[1] == {
        "role": "assistant",
        "content": asked_content,
        "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}],
    }
    assert found[2] == {"role": "tool", "content": result_content, "tool_call_id": "c1"}


def test_tools_and_tool_choice_are_sent_in_parameters() -> None:
    found = body(tools=(TOOL,), tool_choice="f")["parameters"]
    function = {"name": "f", "description": "does f", "parameters": TOOL.parameters}
    assert found["tools"] == [{"type": "function", "function": function}]
    assert found["tool_choice"] == {"type": "function", "function": {"name": "f"}}
    assert "tools" not in body(tools=())["parameters"]


@pytest.mark.parametrize("model", ["qwen-plus", "qwen3.7-plus"])
def test_reasoning_content_is_replayed_within_its_tool_round_only(model: str) -> None:
    thought = Message("assistant", (ReasoningPart("because"), TextPart("so"), ToolCallPart("c1", "f", "{}")))
    result = Message("tool", (TextPart("1"),), tool_call_id="c1")
    done = Message("assistant", (TextPart("done"),))
    assert sent(USER, thought, result, model=model)[1]["reasoning_content"] == "because"
    assert "because" not in str(sent(USER, thought, result, model=model)[1]["content"])
    assert "reasoning_content" not in sent(USER, thought, result, done, USER, model=model)[1]
    kept = sent(USER, thought, result, done, USER, model=model, preserve_thinking=True)
    assert kept[1]["reasoning_content"] == "because"


def test_message_name_and_partial_are_encoded() -> None:
    assert sent(Message("user", (TextPart("x"),), name="ann"))[0]["name"] == "ann"
    assert sent(USER, Message("assistant", (TextPart("def "),), partial=True))[1] == {
        "role": "assistant",
        "content": "def ",
        "partial": True,
    }


def test_file_ids_are_sent_in_a_system_message() -> None:
    role = Message("system", (TextPart("be kind"),))
    asked = Message("user", (FilePart(file_id="file-1"), FilePart(file_id="file-2"), TextPart("compare")))
    assert sent(role, asked, model="qwen-long") == [
        {"role": "system", "content": "be kind"},
        {"role": "system", "content": "fileid://file-1,fileid://file-2"},
        {"role": "user", "content": "compare"},
    ]
    together = Message("system", (TextPart("be kind"), FilePart(file_id="file-1")))
    assert [message["content"] for message in sent(together, USER, model="qwen-long")] == [
        "be kind",
        "fileid://file-1",
        "hi",
    ]


def test_file_url_becomes_doc_url_item() -> None:
    asked = Message("user", (TextPart("sum up"), FilePart(url="https://h.example/a.pdf")))
    assert sent(asked, model="qwen-doc-turbo")[0]["content"] == [
        {"type": "text", "text": "sum up"},
        {"type": "doc_url", "doc_url": ["https://h.example/a.pdf"], "file_parsing_strategy": "auto"},
    ]


@pytest.mark.parametrize("model", ["qwen-plus", "qwen3.7-plus"])
def test_unsupported_file_part_is_refused(model: str) -> None:
    with pytest.raises(UnsupportedFeatureError, match="native DashScope"):
        encode(Message("user", (FilePart(url="data:application/pdf;base64,AA=="),)), model=model)


def test_embedding_request_is_encoded() -> None:
    request = EmbeddingRequest(
        model="text-embedding-v4",
        texts=("a", "b"),
        dimensions=64,
        extra_body={"text_type": "query", "instruct": "Find."},
    )
    encoded = DashScopeNative().encode_embeddings(request, resolve("text-embedding-v4"))
    assert encoded.path == "/services/embeddings/text-embedding/text-embedding"
    assert json.loads(encoded.body) == {
        "model": "text-embedding-v4",
        "input": {"texts": ["a", "b"]},
        "parameters": {"dimension": 64, "text_type": "query", "instruct": "Find."},
    }


IMAGE_PART, VIDEO, AUDIO_PART = (
    ImagePart("https://h.example/a.png"),
    VideoPart("https://h.example/a.mp4", fps=2.0),
    AudioPart("oss://a.wav"),
)
CONTENTS: list[tuple[str, tuple[tuple[Part, ...], ...], list[dict[str, str]], dict[str, Any]]] = [
    ("qwen3-vl-embedding", ((TextPart("a"),), (IMAGE_PART,)), [{"text": "a"}, {"image": IMAGE_PART.url}], {}),
    (
        "qwen3-vl-embedding",
        ((TextPart("a"), IMAGE_PART),),
        [{"text": "a"}, {"image": IMAGE_PART.url}],
        {"enable_fusion": True},
    ),
    ("qwen2.5-vl-embedding", ((TextPart("a"), IMAGE_PART),), [{"text": "a"}, {"image": IMAGE_PART.url}], {}),
    (
        "some-model",
        ((AUDIO_PART,), (VIDEO,)),
        [{"audio": AUDIO_PART.url}, {"video": str(VIDEO.url)}],
        {"fps": 2.0},
    ),
]


@pytest.mark.parametrize(("model", "contents", "items", "parameters"), CONTENTS)
def test_multimodal_embedding_contents_are_encoded(
    model: str, contents: tuple[tuple[Part, ...], ...], items: list[dict[str, str]], parameters: dict[str, Any]
) -> None:
    request = MultimodalEmbeddingRequest(model=model, contents=contents)
    encoded = DashScopeNative().encode_embeddings(request, resolve(model))
    body = json.loads(encoded.body)
    assert (body["model"], body["input"]["contents"], body["parameters"]) == (model, items, parameters)
    assert ("X-DashScope-OssResourceResolve" in encoded.headers) is (AUDIO_PART in contents[0])


@pytest.mark.parametrize(
    "contents",
    [
        ((TextPart("a"), IMAGE_PART), (IMAGE_PART,)),
        ((VIDEO,), (VideoPart("https://h.example/b.mp4", fps=1.0),)),
        ((FilePart(url="https://h.example/a.pdf"),),),
    ],
)
def test_incompatible_multimodal_embedding_contents_are_refused(contents: tuple[tuple[Part, ...], ...]) -> None:
    model = "qwen3-vl-embedding"
    with pytest.raises(UnsupportedFeatureError):
        DashScopeNative().encode_embeddings(
            MultimodalEmbeddingRequest(model=model, contents=contents), resolve(model)
        )


@pytest.mark.parametrize(("url", "stored"), [("oss://a.png", True), ("https://h.example/a.png", False)])
def test_rerank_with_oss_image_sets_resource_resolve_header(url: str, stored: bool) -> None:
    request = RerankRequest(
        model="qwen3-vl-rerank", query=TextPart("a"), documents=(TextPart("b"), ImagePart(url)), top_n=9
    )
    encoded = DashScopeNative().encode_rerank(request, resolve("qwen3-vl-rerank"))
    assert json.loads(encoded.body)["input"] == {
        "query": {"text": "a"},
        "documents": [{"text": "b"}, {"image": url}],
    }
    assert json.loads(encoded.body)["parameters"] == {"top_n": 2}
    assert ("X-DashScope-OssResourceResolve" in encoded.headers) is stored
