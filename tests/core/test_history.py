"""Conversations that the service refuses, or that recordings show as accepted, before they are sent."""

from typing import Any

import msgspec
import pytest

from qwen_core.models.catalogue import resolve
from qwen_core.prepare.for_model import adapt
from qwen_core.types.messages import AudioPart, ImagePart, Message, Part, TextPart, ToolCallPart, VideoPart
from qwen_core.types.requests import ChatRequest

SYSTEM = Message("system", (TextPart("A"),))
USER = Message("user", (TextPart("hi"),))
ANSWER = Message("assistant", (TextPart("12 cm"),))
CALL = Message("assistant", (ToolCallPart("c1", "add", "{}"),))
RESULT = Message("tool", (TextPart("3"),), tool_call_id="c1")


def adapted(
    messages: tuple[Message, ...], model: str = "qwen-plus", protocol: Any = "openai", **fields: Any
) -> tuple[ChatRequest, tuple[str, ...]]:
    return adapt(ChatRequest(model=model, messages=messages, **fields), resolve(model), protocol)


def roles(request: ChatRequest) -> list[str]:
    return [message.role for message in request.messages]


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ((SYSTEM, CALL, RESULT), ["system", "user", "assistant", "tool"]),
        ((CALL, RESULT), ["user", "assistant", "tool"]),
        ((SYSTEM, SYSTEM, ANSWER, CALL, RESULT), ["system", "system", "user", "assistant", "assistant", "tool"]),
        ((SYSTEM, CALL), ["system", "user", "assistant", "tool"]),
        ((SYSTEM, msgspec.structs.replace(ANSWER, partial=True)), ["system", "user", "assistant"]),
    ],
)
@pytest.mark.parametrize("protocol", ["openai", "dashscope"])
def test_history_without_user_message_gets_one_before_the_first_answer(
    messages: tuple[Message, ...], expected: list[str], protocol: str
) -> None:
    request, warnings = adapted(messages, protocol=protocol)
    assert roles(request) == expected
    assert any("has no user message" in warning and "repair_history=False" in warning for warning in warnings)


@pytest.mark.parametrize("messages", [(USER, CALL, RESULT), (SYSTEM, USER), (SYSTEM,), (RESULT,)])
def test_history_with_a_user_message_gets_no_other(messages: tuple[Message, ...]) -> None:
    request, warnings = adapted(messages)
    assert roles(request).count("user") == 1
    assert not any("no user message" in warning for warning in warnings)


def test_history_is_sent_as_it_is_without_repair() -> None:
    for messages in ((SYSTEM, CALL, RESULT), (USER, ANSWER)):
        assert adapted(messages, repair_history=False) == (
            ChatRequest(model="qwen-plus", messages=messages, repair_history=False),
            (),
        )


def test_history_that_ends_with_an_answer_is_sent_as_recorded() -> None:
    """15 exchanges with qwen-turbo over the compatible protocol (2026-02) were answered."""
    request, warnings = adapted((USER, ANSWER), "qwen-turbo")
    assert (roles(request), warnings) == (["user", "assistant"], ())
    for model, protocol in (("qwen-turbo", "dashscope"), ("qwen-plus", "openai")):
        request, (warning,) = adapted((USER, ANSWER), model, protocol)
        assert roles(request) == ["user", "assistant", "user"]
        assert "repair_history=False" in warning


MEDIA: list[tuple[Part, str]] = [
    (ImagePart("https://h.example/a.png"), "image"),
    (VideoPart("https://h.example/a.mp4"), "video"),
    (AudioPart("https://h.example/a.wav"), "audio"),
]


@pytest.mark.parametrize(("part", "kind"), MEDIA)
@pytest.mark.parametrize("model", ["qwen-plus", "qwen-max", "deepseek-v4-pro", "kimi-k2-thinking"])
def test_tool_media_become_a_note_for_a_text_model(part: Part, kind: str, model: str) -> None:
    result = msgspec.structs.replace(RESULT, parts=(TextPart("done"), part))
    request, warnings = adapted((USER, CALL, result), model)
    assert request.messages[2].parts == (TextPart("done"), TextPart(f"[{kind} omitted: {model} reads text only]"))
    assert [warning for warning in warnings if "A note was sent instead" in warning]
    assert not [warning for warning in warnings if "was sent, and the service may refuse it" in warning]


def test_tool_images_are_kept_if_the_model_reads_them_or_is_unknown() -> None:
    result = msgspec.structs.replace(RESULT, parts=(MEDIA[0][0],))
    for model in ("qwen3.7-plus", "qwen3-vl-plus", "my-finetune"):
        request, _ = adapted((USER, CALL, result), model)
        assert request.messages[2] == result


def test_images_of_the_user_are_sent_to_a_text_model() -> None:
    image = Message("user", (MEDIA[0][0],))
    request, (warning,) = adapted((image,))
    assert request.messages == (image,)
    assert "the service may refuse it" in warning


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://b.oss-cn-beijing.aliyuncs.com/a.m4a?Expires=1&Signature=b.mp3", "m4a"),
        ("https://h.example/dir.wav/A.WAV", "wav"),
        ("oss://dashscope/x/a.mp3", "mp3"),
        ("https://h.example/a.xyz", None),
        ("https://h.example/wav", None),
        ("https://h.example/a.mp3/", None),
        ("data:;base64,QUJD", None),
    ],
)
def test_audio_format_comes_from_the_path_of_the_url(url: str, name: str | None) -> None:
    request, _ = adapted((Message("user", (AudioPart(url),)),), "qwen3.8-omni-flash")
    assert request.messages[0].parts == (AudioPart(url, name),)
    named, _ = adapted((Message("user", (AudioPart(url, "opus"),)),), "qwen3.8-omni-flash")
    assert named.messages[0].parts == (AudioPart(url, "opus"),)


def test_previous_response_id_sends_only_what_is_new() -> None:
    later = Message("user", (TextPart("And now?"),))
    for messages, new in (
        ((SYSTEM, USER, ANSWER, later), (later,)),
        ((SYSTEM, USER, CALL, RESULT), (RESULT,)),
        ((USER,), (USER,)),
        ((SYSTEM, later), (SYSTEM, later)),
    ):
        request, warnings = adapted(messages, "qwen3.7-plus", previous_response_id="resp_1")
        assert (request.messages, warnings) == (new, ())
