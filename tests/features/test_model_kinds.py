"""A model of another kind is refused before anything is sent, in words that name the class for it."""

from collections.abc import Callable
from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from langchain_qwen import ChatQwen, QwenEmbeddings, QwenMultiModalEmbeddings, QwenRerank
from llama_index_qwen import Qwen, QwenEmbedding, QwenMultiModalEmbedding
from llama_index_qwen import QwenRerank as LlamaIndexRerank
from qwen_core.errors import UnsupportedFeatureError
from qwen_core.models import all_models, resolve
from qwen_core.prepare.kinds import PURPOSES, refuse_unless_chat
from qwen_emulator import Emulator, Reply

Ask = Callable[[str, str], object]


def _rerank(model: str, url: str) -> object:
    rerank = LlamaIndexRerank(model=model, api_key="k", base_url=url)
    return rerank.postprocess_nodes([NodeWithScore(node=TextNode(text="a"))], QueryBundle("b"))


CHAT: dict[str, Ask] = {
    "ChatQwen": lambda model, url: ChatQwen(model=model, api_key="k", base_url=url).invoke("hi"),
    "ChatQwen stream": lambda model, url: list(ChatQwen(model=model, api_key="k", base_url=url).stream("hi")),
    "Qwen": lambda model, url: Qwen(model=model, api_key="k", base_url=url).chat([ChatMessage("hi")]),
}
TEXTS: dict[str, Ask] = {
    "QwenEmbeddings": lambda model, url: QwenEmbeddings(model=model, api_key="k", base_url=url).embed_query("a"),
    "QwenEmbedding": lambda model, url: QwenEmbedding(model=model, api_key="k", base_url=url).get_text_embedding(
        "a"
    ),
}
MEDIA: dict[str, Ask] = {
    "QwenMultiModalEmbeddings": lambda model, url: QwenMultiModalEmbeddings(
        model=model, api_key="k", base_url=url
    ).embed_query("a"),
    "QwenMultiModalEmbedding": lambda model, url: QwenMultiModalEmbedding(
        model=model, api_key="k", base_url=url
    ).get_text_embedding("a"),
}
RERANK: dict[str, Ask] = {
    "QwenRerank": lambda model, url: QwenRerank(model=model, api_key="k", base_url=url).rerank("b", ["a"]),
    "QwenRerank of LlamaIndex": _rerank,
}
CASES = [
    (CHAT, "qwen3-tts-flash", "QwenTextToSpeech"),
    (CHAT, "cosyvoice-v3-plus", "QwenSpeechToolSpec"),
    (CHAT, "paraformer-v2", "QwenAudioParser"),
    (CHAT, "qwen-audio-3.1-asr-flash", "QwenAudioReader"),
    (CHAT, "qwen-image-2.0", "QwenImageGeneration"),
    (CHAT, "qwen-mt-image-2.0", "QwenImageToolSpec"),
    (CHAT, "wan3.0-video", "QwenVideos"),
    (CHAT, "qwen3.8-omni-flash-realtime", "websocket"),
    (CHAT, "text-embedding-v4", "QwenEmbeddings"),
    (CHAT, "qwen3-vl-embedding", "QwenMultiModalEmbeddings"),
    (CHAT, "qwen3-rerank", "QwenRerank"),
    (TEXTS, "qwen3-vl-embedding", "QwenMultiModalEmbedding"),
    (TEXTS, "qwen-plus", "ChatQwen"),
    (TEXTS, "qwen3-rerank", "QwenRerank"),
    (MEDIA, "text-embedding-v4", "QwenEmbedding"),
    (RERANK, "text-embedding-v4", "QwenEmbedding"),
    (RERANK, "qwen-max", "ChatQwen"),
]


@pytest.mark.parametrize(
    ("ask", "model", "named"),
    [
        pytest.param(ask, model, named, id=f"{name}-{model}")
        for surfaces, model, named in CASES
        for name, ask in surfaces.items()
    ],
)
def test_model_of_another_kind_is_refused_by_name(
    ask: Ask, model: str, named: str, qwen_emulator: Emulator
) -> None:
    with pytest.raises(UnsupportedFeatureError, match=named) as refused:
        ask(model, qwen_emulator.base_url)
    assert model in str(refused.value)
    assert not qwen_emulator.requests


@pytest.mark.parametrize("model", ["my-tts-model", "my-own-rerank", "acme-realtime", "my-finetune"])
def test_unknown_ids_are_not_refused(model: str, qwen_emulator: Emulator) -> None:
    qwen_emulator.reply(Reply("ok"))
    assert ChatQwen(model=model, api_key="k", base_url=qwen_emulator.base_url).invoke("hi").content == "ok"


def test_self_hosted_models_are_not_refused(qwen_emulator: Emulator) -> None:
    """vLLM serves Qwen3-ASR as a chat model."""
    qwen_emulator.reply(Reply("ok"))
    model: Any = ChatQwen(
        model="Qwen/Qwen3-ASR-1.7B", base_url=qwen_emulator.self_hosted_url("vllm"), server="vllm"
    )
    assert model.invoke("hi").content == "ok"


def test_every_kind_has_a_purpose_and_chat_models_pass() -> None:
    passed = {"chat", "translation", "ocr", "omni", "other"}
    for name in all_models():
        profile = resolve(name)
        assert profile.kind in PURPOSES
        if profile.kind in passed or profile.media_api == "chat":
            refuse_unless_chat(profile)
        else:
            with pytest.raises(UnsupportedFeatureError, match="Nothing was sent"):
                refuse_unless_chat(profile)
