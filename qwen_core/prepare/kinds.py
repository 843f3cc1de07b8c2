"""Refuse a model that the requested operation cannot use, before anything is sent, naming the class for it.

The service answers such a request with "url error", or with a body of another shape. Only ids that the catalog
lists, or whose family it knows, are refused: an unknown model works.
"""

from typing import NamedTuple

from qwen_core.models.profile import Kind, ModelProfile
from qwen_core.types.errors import UnsupportedFeatureError

CHAT_KINDS: tuple[Kind, ...] = ("chat", "translation", "ocr", "omni", "other")


class Purpose(NamedTuple):
    """What a kind of model is for: its noun, and how to use it."""

    noun: str
    remedy: str


CHAT = Purpose("a chat model", "Use ChatQwen (LangChain) or Qwen (LlamaIndex).")
PURPOSES: dict[Kind, Purpose] = {
    **dict.fromkeys(CHAT_KINDS, CHAT),
    "embedding": Purpose(
        "a text embedding model", "Use QwenEmbeddings (LangChain) or QwenEmbedding (LlamaIndex)."
    ),
    "multimodal_embedding": Purpose(
        "a multimodal embedding model",
        "Use QwenMultiModalEmbeddings (LangChain) or QwenMultiModalEmbedding (LlamaIndex).",
    ),
    "rerank": Purpose("a rerank model", "Use QwenRerank."),
    "transcription": Purpose(
        "a speech recognition model", "Use QwenAudioParser (LangChain) or QwenAudioReader (LlamaIndex)."
    ),
    "speech": Purpose(
        "a speech synthesis model", "Use QwenTextToSpeech (LangChain) or QwenSpeechToolSpec (LlamaIndex)."
    ),
    "image": Purpose(
        "an image generation model", "Use QwenImageGeneration (LangChain) or QwenImageToolSpec (LlamaIndex)."
    ),
    "video": Purpose("a video generation model", "Use QwenVideos of qwen_core."),
    "realtime": Purpose(
        "a realtime model", "It is used over a websocket, which this package does not have; use the dashscope SDK."
    ),
}


def refuse_unless_chat(profile: ModelProfile, protocol: str = "auto") -> None:
    """Raise UnsupportedFeatureError unless this is a chat model, or recognizes speech in a chat.

    Image models take the same messages, if the native protocol was chosen: the answer is an image.
    """
    draws = profile.kind == "image" and profile.media_api == "multimodal-generation" and protocol == "dashscope"
    if profile.kind not in CHAT_KINDS and profile.media_api != "chat" and not draws:
        refuse_kind(profile, "a chat")


def refuse_unless(profile: ModelProfile, kind: Kind) -> None:
    """Raise UnsupportedFeatureError if this model is known to be of another kind."""
    unknown = profile.kind == "chat" and profile.catalogue_id is None
    if profile.kind != kind and not unknown:
        refuse_kind(profile, PURPOSES[kind].noun.removesuffix(" model"))


def refuse_kind(profile: ModelProfile, requested: str) -> None:
    """Raise UnsupportedFeatureError for the kind of this model, unless only its spelling suggests it."""
    if profile.catalogue_id is None and profile.family is None:
        return
    purpose = PURPOSES[profile.kind]
    raise UnsupportedFeatureError(
        f"{profile.name} is {purpose.noun}, not {requested} model. Nothing was sent.", hint=purpose.remedy
    )
