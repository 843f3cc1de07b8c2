"""Converting LlamaIndex messages to core messages: blocks, roles, tool calls (checklist 16-18)."""

import base64
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec
import pytest
from llama_index.core.base.llms.types import (
    AudioBlock,
    CacheControl,
    CachePoint,
    ChatMessage,
    CitableBlock,
    CitationBlock,
    DocumentBlock,
    ImageBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    VideoBlock,
)
from pydantic import ValidationError

from llama_index_qwen.messages import blocks_to_parts, from_llama_index, history_tool_calls
from qwen_core.errors import QwenWarning, UnsupportedFeatureError
from qwen_core.prepare.media import prepare_media
from qwen_core.types.messages import (
    AudioPart,
    FilePart,
    ImagePart,
    Message,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    VideoPart,
)
from qwen_core.types.requests import ChatRequest
from qwen_emulator import Emulator
from tests.llama_index.conftest import MakeModel

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAIAAACQkWg2AAAAFklEQVR42mO4IydHEmIY1TCqYfhqAACaMxgQdrf9VwAAAABJRU5ErkJggg=="
)
PNG_TEXT = base64.b64encode(PNG).decode()
EPHEMERAL = CachePoint(cache_control=CacheControl(type="ephemeral"))

BLOCKS: list[tuple[str, Any, Part]] = [
    ("text", TextBlock(text="hi"), TextPart("hi")),
    ("image url", ImageBlock(url="https://example.com/a.png"), ImagePart("https://example.com/a.png")),
    ("image in oss", ImageBlock(url="oss://bucket/a.png"), ImagePart("oss://bucket/a.png")),
    (
        "image as data URI",
        ImageBlock(url=f"data:image/png;base64,{PNG_TEXT}"),
        ImagePart(f"data:image/png;base64,{PNG_TEXT}"),
    ),
    ("image bytes", ImageBlock(image=PNG), ImagePart(f"data:image/png;base64,{PNG_TEXT}")),
    (
        "audio url",
        AudioBlock(url="https://example.com/a.mp3", format="mp3"),
        AudioPart("https://example.com/a.mp3", format="mp3"),
    ),
    ("audio bytes", AudioBlock(audio=b"\x00\x01", format="wav"), AudioPart("data:;base64,AAE=", format="wav")),
    (
        "video url",
        VideoBlock(url="https://example.com/a.mp4", fps=2),
        VideoPart("https://example.com/a.mp4", fps=2),
    ),
    (
        "video bytes",
        VideoBlock(video=b"\x00\x01", video_mimetype="video/mp4"),
        VideoPart("data:video/mp4;base64,AAE="),
    ),
    (
        "document url",
        DocumentBlock(url="https://example.com/a.pdf", title="A"),
        FilePart(url="https://example.com/a.pdf", filename="A"),
    ),
    (
        "document bytes",
        DocumentBlock(data=b"%PDF-1.4", title="a.pdf", document_mimetype="application/pdf"),
        FilePart(url="data:application/pdf;base64,JVBERi0xLjQ=", filename="a.pdf"),
    ),
]


@pytest.mark.parametrize(("block", "part"), [row[1:] for row in BLOCKS], ids=[row[0] for row in BLOCKS])
def test_blocks_become_message_parts(block: Any, part: Part) -> None:
    assert from_llama_index([ChatMessage(role="user", blocks=[block])]) == (Message("user", (part,)),)
    own_class: Any = type("OwnBlock", (type(block),), {})
    of_an_application = own_class.model_construct(**block.__dict__)
    assert blocks_to_parts([of_an_application]) == (part,)


@pytest.mark.parametrize("kind", [ImageBlock, VideoBlock])
def test_image_or_video_detail_warns(kind: Any) -> None:
    with pytest.warns(QwenWarning, match="detail='high'"):
        blocks_to_parts([kind(url="https://x.example/a", detail="high")])
    blocks_to_parts([kind(url="https://x.example/a", detail="auto")])


def test_image_block_of_an_open_stream_is_read_repeatedly() -> None:
    try:
        block = ImageBlock(image=BytesIO(PNG))
    except ValidationError:
        pytest.skip("this core takes no streams")
    for _ in range(2):
        assert blocks_to_parts([block]) == (ImagePart(f"data:image/png;base64,{PNG_TEXT}"),)


@pytest.mark.parametrize("role", list(MessageRole))
def test_message_roles_are_mapped(role: MessageRole) -> None:
    expected = {
        "developer": "system",
        "chatbot": "assistant",
        "model": "assistant",
        "function": "tool",
    }.get(role.value, role.value)
    first, _ = from_llama_index([ChatMessage(role=role, content="a"), ChatMessage(role="user", content="b")])
    assert first.role == expected


def test_assistant_message_with_tool_call_id_stays_assistant() -> None:
    (message,) = from_llama_index(
        [ChatMessage(role="assistant", content="42", additional_kwargs={"tool_call_id": "c1"})]
    )
    assert message == Message("assistant", (TextPart("42"),))


@pytest.mark.parametrize("url", [True, False], ids=["file url", "path"])
def test_local_file_requires_allow_local_files(tmp_path: Path, url: bool) -> None:
    picture = tmp_path / "a picture.png"
    picture.write_bytes(PNG)
    block = ImageBlock(url=picture.as_uri()) if url else ImageBlock(path=picture)
    message = ChatMessage(role="user", blocks=[block])
    request = ChatRequest(model="qwen3-vl-plus", messages=from_llama_index([message]))
    with pytest.raises(UnsupportedFeatureError, match="allow_local_files"):
        prepare_media(request)
    (sent,) = prepare_media(msgspec.structs.replace(request, allow_local_files=True)).request.messages
    assert sent.parts == (ImagePart(f"data:image/png;base64,{PNG_TEXT}"),)


def test_allow_local_files_field_sends_local_image(make: MakeModel, service: Emulator, tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    picture.write_bytes(PNG)
    message = ChatMessage(role="user", blocks=[TextBlock(text="What is this?"), ImageBlock(path=picture)])
    with pytest.raises(UnsupportedFeatureError):
        make(model="qwen3-vl-plus").chat([message])
    make(model="qwen3-vl-plus", allow_local_files=True).chat([message])
    assert PNG_TEXT in service.last_request.raw.decode()


def test_cache_point_marks_the_preceding_part() -> None:
    blocks = [TextBlock(text="long"), EPHEMERAL, TextBlock(text="short")]
    (message,) = from_llama_index([ChatMessage(role="user", blocks=blocks)])
    assert message.parts == (TextPart("long", cache_control={"type": "ephemeral"}), TextPart("short"))
    with pytest.warns(QwenWarning, match="has no effect"):
        from_llama_index([ChatMessage(role="user", blocks=[EPHEMERAL, TextBlock(text="x")])])


def test_cache_point_is_sent_as_cache_control(make: MakeModel, service: Emulator) -> None:
    blocks = [TextBlock(text="word " * 2000), EPHEMERAL]
    message = ChatMessage(role="system", blocks=blocks)
    make().chat([message, ChatMessage(role="user", content="Hi")])
    assert service.last_request.messages[0]["content"][0]["cache_control"] == {"type": "ephemeral"}


CITATION = CitationBlock(
    cited_content=TextBlock(text="So it says."), source="atlas.pdf", title="Rivers", additional_location_info={}
)


@pytest.mark.parametrize(
    "block", [CitableBlock(title="Rivers", source="atlas.pdf", content=[TextBlock(text="So it says.")]), CITATION]
)
@pytest.mark.parametrize("role", ["user", "system", "tool"])
def test_citation_blocks_become_text(block: Any, role: str) -> None:
    asked = ChatMessage(role="user", content="?")
    message, _ = from_llama_index([ChatMessage(role=role, blocks=[block]), asked])
    assert message.parts == (TextPart("Rivers\nSource: atlas.pdf"), TextPart("So it says."))


def test_citation_block_of_assistant_message_is_dropped() -> None:
    (message,) = from_llama_index(
        [ChatMessage(role="assistant", blocks=[TextBlock(text="So it says."), CITATION])]
    )
    assert message.parts == (TextPart("So it says."),)


@pytest.mark.parametrize("role", ["user", "system", "tool"])
def test_tool_call_block_outside_assistant_message_is_refused(role: str) -> None:
    with pytest.raises(UnsupportedFeatureError, match="ToolCallBlock"):
        from_llama_index([ChatMessage(role=role, blocks=[BLOCK_CALL])])


def test_thinking_block_becomes_reasoning_part() -> None:
    message = ChatMessage(role="assistant", blocks=[ThinkingBlock(content="Hm."), TextBlock(text="Yes.")])
    assert from_llama_index([message])[0].parts == (ReasoningPart("Hm."), TextPart("Yes."))


KEPT_BESIDE: list[tuple[ChatMessage, Message]] = [
    (ChatMessage(role="user", additional_kwargs={"name": "ann"}), Message("user", (TextPart(""),), name="ann")),
    (
        ChatMessage(role="tool", content="1", additional_kwargs={"name": "f"}),
        Message("tool", (TextPart("1"),), tool_call_id="f"),
    ),
    (
        ChatMessage(role="assistant", content="Yes.", additional_kwargs={"reasoning_content": "Hm."}),
        Message("assistant", (ReasoningPart("Hm."), TextPart("Yes."))),
    ),
    (
        ChatMessage(
            role="user", blocks=[TextBlock(text="a"), VideoBlock(url="https://example.com/a.mp4"), EPHEMERAL]
        ),
        Message("user", (TextPart("a", {"type": "ephemeral"}), VideoPart("https://example.com/a.mp4"))),
    ),
]


@pytest.mark.parametrize(("message", "wanted"), KEPT_BESIDE)
def test_additional_kwargs_name_and_partial_are_converted(message: ChatMessage, wanted: Message) -> None:
    assert from_llama_index([message]) == (wanted,)


OPENAI_CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{ "a":1}'}}
BLOCK_CALL = ToolCallBlock(tool_call_id="c1", tool_name="f", tool_kwargs={"a": 1})


class SdkCall:
    """A tool call as an SDK's object, as llama-index-llms-openai stores it."""

    def model_dump(self) -> dict[str, Any]:
        return OPENAI_CALL


@pytest.mark.parametrize(
    ("blocks", "listed", "expected"),
    [
        ([BLOCK_CALL], [], '{"a": 1}'),
        ([], [OPENAI_CALL], '{ "a":1}'),
        ([], [SdkCall()], '{ "a":1}'),
        ([BLOCK_CALL], [OPENAI_CALL], '{ "a":1}'),
        ([BLOCK_CALL.model_copy(update={"tool_kwargs": {"a": 2}})], [OPENAI_CALL], '{"a": 2}'),
        ([BLOCK_CALL.model_copy(update={"tool_kwargs": '{"a": 1}'})], [], '{"a": 1}'),
        ([BLOCK_CALL.model_copy(update={"tool_kwargs": {}})], [], "{}"),
    ],
    ids=["block", "dict", "object", "both", "changed block", "text in block", "no arguments"],
)
def test_tool_calls_in_history_from_blocks_or_additional_kwargs(
    blocks: list[Any], listed: list[Any], expected: str
) -> None:
    message = ChatMessage(role="assistant", blocks=blocks, additional_kwargs={})
    message.additional_kwargs["tool_calls"] = listed
    assert history_tool_calls(message) == [ToolCallPart("c1", "f", expected)]


def test_invalid_tool_call_arguments_in_history_are_wrapped() -> None:
    call = ToolCallBlock(tool_call_id="c1", tool_name="f", tool_kwargs='{"a": "b')
    with pytest.warns(QwenWarning, match="not JSON"):
        (message,) = from_llama_index([ChatMessage(role="assistant", blocks=[call])])
    assert message.tool_calls[0].arguments == '{"arguments": "{\\"a\\": \\"b"}'


def test_images_in_tool_results_are_sent_as_user_message(make: MakeModel, service: Emulator) -> None:
    call = ToolCallBlock(tool_call_id="c1", tool_name="draw")
    blocks = [TextBlock(text="Drawn."), ImageBlock(image=PNG)]
    history = [
        ChatMessage(role="user", content="Draw."),
        ChatMessage(role="assistant", blocks=[call]),
        ChatMessage(role="tool", blocks=blocks, additional_kwargs={"tool_call_id": "c1"}),
    ]
    make(model="qwen3-vl-plus").chat(history)
    assert [message["role"] for message in service.last_request.messages] == ["user", "assistant", "tool", "user"]
    assert PNG_TEXT in str(service.last_request.messages[3])


def test_images_of_prompt_templates_are_sent(make: MakeModel, service: Emulator) -> None:
    """Send images of templates and ``multimodal=True`` engines, which are data URIs."""
    from llama_index.core.prompts import RichPromptTemplate

    template = RichPromptTemplate(
        '{% chat role="user" %}What is this? {{ picture | image }}{% endchat %}',
    )
    messages = template.format_messages(picture=f"data:image/png;base64,{PNG_TEXT}")
    make(model="qwen3-vl-plus").chat(messages)
    assert PNG_TEXT in service.last_request.raw.decode()
