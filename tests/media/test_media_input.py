"""Image, audio and video input: every form arrives byte for byte unchanged."""

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec
import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from llama_index.core.base.llms.types import (
    AudioBlock,
    ChatMessage,
    ImageBlock,
    TextBlock,
    ToolCallBlock,
    VideoBlock,
)
from llama_index.core.prompts import RichPromptTemplate

from qwen_core.errors import UnsupportedFeatureError
from qwen_emulator import Emulator
from tests.media.conftest import Ask, Make, ask_llm
from tests.media.generated_media import (
    BLUE,
    FRAMES,
    GREEN,
    LLAMA_INDEX,
    data_uri,
    mp4_video,
    png_image,
    text64,
    wav_audio,
)

PNG, WAV, MP4 = png_image(), wav_audio(), mp4_video()
IMAGE_ANSWER = "48×32 pixels and mostly red"
AUDIO_ANSWER = "1.5 seconds"
VIDEO_ANSWER = "4 frames, from red to green to blue"

IMAGE_BLOCKS: dict[str, Any] = {
    "v1 base64": {"type": "image", "base64": text64(PNG), "mime_type": "image/png"},
    "v1 bytes": {"type": "image", "base64": PNG, "mime_type": "image/png"},
    "v1 url": {"type": "image", "url": data_uri(PNG)},
    "v0": {"type": "image", "source_type": "base64", "data": text64(PNG), "mime_type": "image/png"},
    "OpenAI": {"type": "image_url", "image_url": {"url": data_uri(PNG), "detail": "auto"}},
    "OpenAI without type": {"type": "image_url", "image_url": data_uri(PNG)},
    "OpenAI Responses": {"type": "input_image", "image_url": data_uri(PNG)},
    "Anthropic": {
        "type": "image",
        "source": {"type": "base64", "media_type": "image/png", "data": text64(PNG)},
    },
    "DashScope": {"image": data_uri(PNG)},
}
AUDIO_BLOCKS: dict[str, Any] = {
    "v1": {"type": "audio", "base64": text64(WAV), "mime_type": "audio/wav"},
    "v0": {"type": "audio", "source_type": "base64", "data": text64(WAV), "mime_type": "audio/wav"},
    "OpenAI": {"type": "input_audio", "input_audio": {"data": text64(WAV), "format": "wav"}},
    "OpenAI, data URI": {
        "type": "input_audio",
        "input_audio": {"data": data_uri(WAV, "audio/wav"), "format": "wav"},
    },
    "DashScope": {"audio": data_uri(WAV, "audio/wav")},
}
VIDEO_BLOCKS: dict[str, Any] = {
    "frames": {"type": "video", "video": list(FRAMES), "fps": 2, "max_frames": 4},
    "v1 frames": {"type": "video", "frames": list(FRAMES), "extras": {"fps": 2, "max_frames": 4}},
    "frames as blocks": {
        "type": "video",
        "frames": [{"type": "image", "url": frame} for frame in FRAMES],
        "fps": 2,
        "max_frames": 4,
    },
    "DashScope": {"video": list(FRAMES), "fps": 2, "max_frames": 4},
}


def media_sent(service: Emulator) -> list[Any]:
    """Return the media items of the last request as they were sent."""
    items = [
        item for message in service.last_request.messages for item in message["content"] if isinstance(item, dict)
    ]
    return [item for item in items if "text" not in item]


def base64_sent(service: Emulator, content: bytes) -> int:
    """Count how often the base64 of a content is in the received bytes."""
    return service.last_request.raw.count(text64(content).encode())


@pytest.mark.parametrize("block", IMAGE_BLOCKS.values(), ids=IMAGE_BLOCKS)
def test_langchain_image_blocks_are_sent(
    chat: Make, ask: Ask, service: Emulator, block: dict[str, Any], protocol: str
) -> None:
    answer = ask(chat(), [{"type": "text", "text": "What is in the picture?"}, block])
    assert IMAGE_ANSWER in answer
    assert base64_sent(service, PNG) == 1
    wanted = {
        "openai": {"type": "image_url", "image_url": {"url": data_uri(PNG)}},
        "dashscope": {"image": data_uri(PNG)},
    }
    assert media_sent(service) == [wanted[protocol]]


@pytest.mark.parametrize("block", AUDIO_BLOCKS.values(), ids=AUDIO_BLOCKS)
def test_langchain_audio_blocks_are_sent(
    chat: Make, ask: Ask, service: Emulator, block: dict[str, Any], protocol: str
) -> None:
    answer = ask(chat(model="qwen3.8-omni-flash"), [{"type": "text", "text": "What do you hear?"}, block])
    assert AUDIO_ANSWER in answer
    assert base64_sent(service, WAV) == 1
    (item,) = media_sent(service)
    if protocol == "openai":
        assert item["input_audio"]["data"].startswith("data:;base64,")


@pytest.mark.parametrize("block", VIDEO_BLOCKS.values(), ids=VIDEO_BLOCKS)
def test_langchain_video_frames_are_sent(
    chat: Make, ask: Ask, service: Emulator, block: dict[str, Any], protocol: str
) -> None:
    answer = ask(chat(), [block, {"type": "text", "text": "What happens?"}])
    assert VIDEO_ANSWER in answer
    (item,) = media_sent(service)
    assert item == {
        **({"type": "video"} if protocol == "openai" else {}),
        "video": list(FRAMES),
        "fps": 2,
        "max_frames": 4,
    }


@pytest.mark.parametrize(
    "block",
    [
        {"type": "video", "base64": text64(MP4), "mime_type": "video/mp4", "extras": {"fps": 0.5}},
        {"type": "video_url", "video_url": {"url": data_uri(MP4, "video/mp4")}, "fps": 0.5},
        {"video": data_uri(MP4, "video/mp4"), "fps": 0.5},
    ],
)
def test_langchain_video_file_is_sent(chat: Make, service: Emulator, protocol: str, block: dict[str, Any]) -> None:
    chat().invoke([HumanMessage([block, "What happens?"])])
    wanted = {
        "openai": {"type": "video_url", "video_url": {"url": data_uri(MP4, "")}, "fps": 0.5},
        "dashscope": {"video": data_uri(MP4, "video/mp4"), "fps": 0.5},
    }
    assert media_sent(service) == [wanted[protocol]]


def test_image_min_and_max_pixels_are_sent(chat: Make, service: Emulator, protocol: str) -> None:
    blocks: list[Any] = [
        {"type": "image", "url": data_uri(PNG), "min_pixels": 100, "max_pixels": 2000},
        {"type": "image", "url": "https://example.com/a.png", "extras": {"max_pixels": 3000}},
    ]
    chat(vl_high_resolution_images=True).invoke([HumanMessage([*blocks, "What?"])])
    first, second = media_sent(service)
    assert (first["min_pixels"], first["max_pixels"]) == (100, 2000)
    assert second["max_pixels"] == 3000 and "https://example.com/a.png" in json.dumps(second)
    assert service.last_request.parameters["vl_high_resolution_images"] is True


def test_local_images_are_sent_with_allow_local_files(
    chat: Make, ask: Ask, service: Emulator, tmp_path: Path
) -> None:
    path = tmp_path / "ein Bild ü.png"
    path.write_bytes(PNG)
    model = chat(allow_local_files=[str(tmp_path)])
    for url in (str(path), path.as_uri()):
        assert IMAGE_ANSWER in ask(model, [{"type": "image", "url": url}, {"type": "text", "text": "What?"}])
        assert base64_sent(service, PNG) == 1


def test_images_in_history_are_sent(chat: Make, service: Emulator) -> None:
    history = [
        HumanMessage([IMAGE_BLOCKS["OpenAI"], "What is this?"]),
        AIMessage("A red picture."),
        HumanMessage([{"type": "image", "url": data_uri(png_image(20, 20, BLUE))}, "And this?"]),
    ]
    assert "20×20 pixels and mostly blue" in chat().invoke(history).content
    assert base64_sent(service, PNG) == 1


def test_images_in_tool_messages_are_sent_as_user_message(chat: Make, service: Emulator, protocol: str) -> None:
    @tool
    def draw(colour: str) -> str:
        """Draw."""
        return colour

    calls = [{"name": "draw", "args": {"colour": colour}, "id": colour} for colour in ("red", "green")]
    history = [
        HumanMessage("Draw."),
        AIMessage("", tool_calls=calls, additional_kwargs={"reasoning_content": "I draw."}),
        ToolMessage([IMAGE_BLOCKS["v1 base64"]], tool_call_id="red"),
        ToolMessage(
            [{"type": "text", "text": "Done."}, {"image": data_uri(png_image(20, 20, GREEN))}],
            tool_call_id="green",
        ),
    ]
    answer = chat().bind_tools([draw]).invoke(history)
    assert IMAGE_ANSWER in answer.content and "20×20 pixels and mostly green" in answer.content
    sent = service.last_request.messages
    assert [message["role"] for message in sent] == ["user", "assistant", "tool", "tool", "user"]
    assert sent[1]["reasoning_content"] == "I draw."
    assert "Done." in json.dumps(sent[3]) and "image" not in json.dumps([sent[2]["content"], sent[3]["content"]])
    assert len(media_sent(service)) == 2


# LlamaIndex.


def test_llama_index_image_blocks_are_sent(llm: Make, service: Emulator, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(PNG)
    model = llm(allow_local_files=[str(tmp_path)])
    for block in (
        ImageBlock(image=PNG),
        *([ImageBlock(image=BytesIO(PNG))] if LLAMA_INDEX >= (0, 14, 23) else []),
        ImageBlock(image=text64(PNG).encode()),
        ImageBlock(url=data_uri(PNG)),
        ImageBlock(path=path),
        ImageBlock(url=path.as_uri()),
    ):
        assert IMAGE_ANSWER in ask_llm(model, [TextBlock(text="What?"), block])
        assert base64_sent(service, PNG) == 1


def test_llama_index_audio_blocks_are_sent(llm: Make, service: Emulator, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(WAV)
    model = llm(model="qwen3.8-omni-flash", allow_local_files=True)
    for block in (
        AudioBlock(audio=WAV),
        *([AudioBlock(audio=BytesIO(WAV), format="wav")] if LLAMA_INDEX >= (0, 14, 23) else []),
        AudioBlock(path=path),
        AudioBlock(url=data_uri(WAV, "audio/wav")),
    ):
        assert AUDIO_ANSWER in ask_llm(model, [TextBlock(text="What?"), block])
        assert base64_sent(service, WAV) == 1


def test_llama_index_video_frames_and_blocks_are_sent(llm: Make, service: Emulator, protocol: str) -> None:
    frames = [ImageBlock(url=frame) for frame in FRAMES]
    answer = ask_llm(llm(), [*frames, TextBlock(text="What?")], video_frames={"fps": 2, "max_frames": 4})
    assert VIDEO_ANSWER in answer
    (item,) = media_sent(service)
    assert (item["video"], item["fps"], item["max_frames"]) == (list(FRAMES), 2, 4)
    ask_llm(llm(), [VideoBlock(video=MP4, video_mimetype="video/mp4", fps=2), TextBlock(text="What?")])
    assert base64_sent(service, MP4) == 1
    with pytest.raises(UnsupportedFeatureError, match="ImageBlocks"):
        ask_llm(llm(), [TextBlock(text="What?")], video_frames=True)
    with pytest.raises(UnsupportedFeatureError, match="speed"):
        ask_llm(llm(), frames, video_frames={"speed": 2})


def test_llama_index_media_options_are_sent(llm: Make, service: Emulator) -> None:
    blocks = [ImageBlock(image=PNG), VideoBlock(video=MP4, video_mimetype="video/mp4"), TextBlock(text="What?")]
    ask_llm(llm(), blocks, media_options={"max_pixels": 2000, "max_frames": 4})
    image, video = media_sent(service)
    assert (image["max_pixels"], video["max_pixels"], video["max_frames"]) == (2000, 2000, 4)
    assert "max_frames" not in image
    with pytest.raises(UnsupportedFeatureError, match="max_frames of its media_options"):
        ask_llm(llm(), [ImageBlock(image=PNG)], media_options={"max_frames": 4})


def test_llama_index_images_in_tool_results_are_sent(llm: Make, service: Emulator) -> None:
    history = [
        ChatMessage(role="user", content="Draw."),
        ChatMessage(role="assistant", blocks=[ToolCallBlock(tool_call_id="c1", tool_name="draw")]),
        ChatMessage(role="tool", blocks=[ImageBlock(image=PNG)], additional_kwargs={"tool_call_id": "c1"}),
    ]
    assert IMAGE_ANSWER in str(llm().chat(history).message.content)
    assert [message["role"] for message in service.last_request.messages][-2:] == ["tool", "user"]


def test_llama_index_template_images_are_sent(llm: Make, service: Emulator) -> None:
    template = RichPromptTemplate('{% chat role="user" %}What is this? {{ picture | image }}{% endchat %}')
    messages = template.format_messages(picture=data_uri(PNG))
    assert IMAGE_ANSWER in str(llm().chat(messages).message.content)


def test_base64_media_is_not_copied(monkeypatch: pytest.MonkeyPatch, chat: Make, service: Emulator) -> None:
    """Encode the given object: parts that need no change are not copied."""
    from qwen_core.prepare.media import prepare_media
    from qwen_core.types.messages import ImagePart, Message
    from qwen_core.types.requests import ChatRequest

    url = data_uri(PNG)
    request = ChatRequest(model="qwen3-vl-plus", messages=(Message("user", (ImagePart(url),)),))
    ready = prepare_media(request).request
    assert ready is request
    assert msgspec.structs.asdict(ready)["messages"][0].parts[0].url is url
