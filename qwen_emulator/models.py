"""Facts about model families, as data; requests are validated by them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

Thinking: TypeAlias = Literal["default", "optional", "only", "never"]
Endpoint: TypeAlias = Literal["text", "multimodal", "any"]


@dataclass(frozen=True)
class ChatFacts:
    """What one family of chat models can do. The defaults are for unknown names: everything is allowed."""

    thinking: Thinking = "optional"
    stream_only: bool = False
    stream_to_think: bool = False
    """Whether thinking requires a stream (the open-source Qwen3 hybrids)."""
    json_object: bool = True
    json_while_thinking: bool = True
    json_schema: bool = True
    endpoint: Endpoint = "any"
    """Endpoint of the native protocol that serves it."""
    text_only: bool = False
    tools: bool = True
    search: bool = True
    effort: bool = False
    """Whether it takes ``reasoning_effort``, which then excludes ``thinking_budget``."""
    max_output: int = 131_072
    max_thinking: int = 262_144
    message_by_default: bool = False
    """Whether ``result_format`` defaults to "message"."""
    incremental_by_default: bool = False
    native_schema: bool = True
    """The native endpoint took a json_schema from this family although the documentation does not list it."""
    cumulative: bool = False
    """Whether compatible streams repeat all text so far (two of the translation models)."""
    compatible: bool = True
    """Whether the OpenAI-compatible protocol serves it."""


@dataclass(frozen=True)
class EmbeddingFacts:
    """Limits of one embedding model."""

    dimensions: tuple[int, ...]
    default: int
    rows: int
    compatible: bool = True


@dataclass(frozen=True)
class ImageFacts:
    """Limits of one family of image models."""

    images: tuple[int, int]
    """Fewest and most images in a request."""
    most: int = 4
    """Most images of one request."""
    series: int = 0
    """Most images of a series; 0: there are none."""
    default_size: tuple[int, int] = (1024, 1024)
    sizes: tuple[str, ...] = ()
    area: tuple[int, int] | None = None
    ratio: int | None = None
    named_sizes: tuple[str, ...] = ()
    direct: bool = True
    """Whether one request on the multimodal endpoint is enough."""
    task: str | None = None
    """Its service for tasks: ``image-generation``, ``text2image`` or ``image2image``."""
    usage: Literal["output", "count", "tokens"] = "count"
    """Form of the usage."""
    source: str | None = None
    """Key of ``input`` that has the images, on ``image2image``."""


_CLASSIC = ChatFacts(
    json_while_thinking=False,
    json_schema=False,
    endpoint="text",
    text_only=True,
    max_output=32_768,
    max_thinking=81_920,
)
_NEWER = ChatFacts(
    thinking="default",
    json_while_thinking=False,
    json_schema=False,
    endpoint="multimodal",
    max_output=65_536,
    max_thinking=81_920,
)
_QWEN37 = replace(_NEWER, json_while_thinking=True, json_schema=True, max_output=131_072, max_thinking=262_144)
# Thinking needs the message format and these think by default, so the format is taken to be their default too.
_QWEN37_MAX = replace(_QWEN37, endpoint="text", text_only=True, message_by_default=True)
_QWEN38 = replace(_QWEN37, effort=True)
_NEVER = replace(_CLASSIC, thinking="never")
_VISION = replace(
    _CLASSIC, endpoint="multimodal", text_only=False, message_by_default=True, incremental_by_default=True
)
_OMNI = replace(_VISION, stream_only=True)
_TRANSLATION = replace(_NEVER, json_object=False, tools=False, max_output=8_192, message_by_default=True)
_OPEN_QWEN3 = replace(
    _CLASSIC,
    thinking="default",
    stream_to_think=True,
    max_output=8_192,
    max_thinking=38_912,
    message_by_default=True,
    incremental_by_default=True,
)

_NO_THINKING = replace(ChatFacts(), thinking="never")
_OTHER_MAKERS = replace(ChatFacts(), endpoint="text", message_by_default=True)

_CHAT: tuple[tuple[str, ChatFacts], ...] = (
    # The first pattern that matches the beginning of a name decides.
    (r"farui|tongyi-(intent|xiaomi)|qwen-deep-research|gui-plus|vanchin/deepseek-ocr", _NO_THINKING),
    (r"qwen-plus-(2025-01-25|0125|2025-01-12|0112|2024-12-20|1220)", replace(_NEVER, max_output=8_192)),
    (r"qwen3-max-2025-09-23", replace(_NEVER, max_output=65_536, message_by_default=True)),
    (r"(deepseek-v3|moonshot-kimi-k2-instruct)$", replace(_OTHER_MAKERS, thinking="never")),
    (r"glm-5\.3|kimi-k2(-thinking|\.7-code)|minimax-m2\.[15]", replace(_OTHER_MAKERS, thinking="only")),
    (r"zhipu/glm-5\.3", replace(ChatFacts(), thinking="only")),
    (r"qwen3\.8-omni-flash", replace(_QWEN38, json_schema=False)),
    (r"qwen3\.8-2\.4t", replace(_QWEN38, thinking="only", json_schema=False, text_only=True)),
    (r"qwen3\.8-27b", replace(_QWEN38, json_schema=False)),
    (r"qwen3\.8-", _QWEN38),
    (r"qwen3\.7-max-2026-06-08", _QWEN37),
    (r"qwen3\.7-max-(preview|2026-05-17)", replace(_QWEN37_MAX, thinking="only")),
    (r"qwen3\.7-max", _QWEN37_MAX),
    (r"qwen3\.7-(plus|flash)", _QWEN37),
    (r"qwen3\.6-max-preview", replace(_NEWER, endpoint="text", text_only=True, message_by_default=True)),
    (r"qwen3\.5-omni", replace(_OMNI, thinking="never", json_object=True)),
    (r"qwen3\.5-ocr", replace(_VISION, thinking="never", json_object=False, tools=False, search=False)),
    (r"qwen3\.[56]-", _NEWER),
    (r"qwen3-omni-30b-a3b-captioner", replace(_VISION, thinking="never")),
    (r"qwen3-omni-flash", replace(_OMNI, max_output=16_384, max_thinking=32_768, search=False)),
    (r"qwen3-vl-.*-thinking", replace(_VISION, thinking="only")),
    (r"qwen3-vl-.*-instruct", replace(_VISION, thinking="never")),
    (r"qwen3-vl-", replace(_VISION, search=False)),
    (r"qwen3-coder", replace(_NEVER, json_object=False, max_output=65_536, search=False)),
    (r"qwen3-.*-thinking", replace(_OPEN_QWEN3, thinking="only", stream_only=True)),
    (r"qwen3-.*-instruct", replace(_OPEN_QWEN3, thinking="never", max_output=32_768)),
    (r"qwen3-max", replace(_CLASSIC, max_output=65_536, message_by_default=True, incremental_by_default=True)),
    (r"qwen3-\d", _OPEN_QWEN3),
    (
        r"qwq",
        replace(
            _CLASSIC,
            thinking="only",
            stream_only=True,
            json_object=False,
            max_output=8_192,
            message_by_default=True,
            incremental_by_default=True,
        ),
    ),
    (
        r"qvq",
        replace(_VISION, thinking="only", stream_only=True, json_object=False, tools=False, max_output=8_192),
    ),
    (r"qwen(2\.5)?-omni", replace(_OMNI, thinking="never", json_object=False, tools=False, max_output=2_048)),
    (
        r"qwen-vl-ocr",
        replace(
            _VISION,
            thinking="never",
            json_object=False,
            tools=False,
            search=False,
            max_output=8_192,
            incremental_by_default=False,
        ),
    ),
    (
        r"qwen(2|2\.5)?-vl",
        replace(_VISION, thinking="never", tools=False, max_output=8_192, incremental_by_default=False),
    ),
    (r"qwen2?-audio", replace(_VISION, thinking="never", json_object=False, tools=False, compatible=False)),
    (r"qwen-max", replace(_NEVER, max_output=8_192)),
    (r"qwen-long", replace(_NEVER, tools=False, json_object=False, max_output=8_192, message_by_default=True)),
    (r"qwen-mt-(plus|turbo)", replace(_TRANSLATION, cumulative=True)),
    (r"qwen-mt", _TRANSLATION),
    (r"qwen-(coder|math|doc)", replace(_NEVER, json_object=False, tools=False, max_output=8_192)),
    (r"qwen-(plus|flash)-us", replace(_CLASSIC, tools=False, search=False)),
    (r"qwen-(plus|flash)-character", replace(_NEVER, max_output=4_096, tools=False)),
    (r"qwen-(plus|flash|turbo)", _CLASSIC),
    (r"deepseek-r1", replace(_CLASSIC, thinking="only", json_object=False, message_by_default=True)),
    (r"(deepseek|glm|kimi|minimax)", _OTHER_MAKERS),
)
_CHAT_PATTERNS = tuple((re.compile(pattern, re.IGNORECASE), facts) for pattern, facts in _CHAT)

_EMBEDDINGS: tuple[tuple[str, EmbeddingFacts], ...] = (
    (r"text-embedding-v4", EmbeddingFacts((2048, 1536, 1024, 768, 512, 256, 128, 64), 1024, 10)),
    (r"text-embedding-v3", EmbeddingFacts((1024, 768, 512, 256, 128, 64), 1024, 10)),
    (r"text-embedding-(async-)?v[12]", EmbeddingFacts((1536,), 1536, 25)),
    (r"qwen3\.7-text-embedding", EmbeddingFacts((2560, 2048, 1536, 1024, 768, 512, 256), 1024, 20)),
    (
        r"(multimodal-embedding|qwen3-vl-embedding|qwen2\.5-vl-embedding|tongyi-embedding-vision)",
        EmbeddingFacts((2560, 2048, 1536, 1152, 1024, 768, 512, 256, 64), 1024, 20, compatible=False),
    ),
)
_EMBEDDING_PATTERNS = tuple((re.compile(pattern, re.IGNORECASE), facts) for pattern, facts in _EMBEDDINGS)
_ANY_EMBEDDING = EmbeddingFacts(tuple(range(1, 4097)), 1024, 25)

_AREA = (512 * 512, 2048 * 2048)
_FIXED = ("1664*928", "1472*1104", "1328*1328", "1104*1472", "928*1664")
_TEXT_ONLY = ImageFacts((0, 0), direct=False, task="text2image")
_EDIT = ImageFacts((1, 3), most=6)
_WAN27 = ImageFacts(
    (0, 9), series=12, default_size=(2048, 2048), area=(768 * 768, 2048 * 2048), named_sizes=("1K", "2K"),
    task="image-generation", usage="tokens",
)  # fmt: skip
_IMAGES: tuple[tuple[str, ImageFacts], ...] = (
    (r"qwen-image-3\.0", ImageFacts((0, 3), 6, area=_AREA, ratio=8, task="image-generation", usage="output")),
    (r"qwen-image-2\.1", ImageFacts((0, 10), 6, area=_AREA, ratio=8, task="image-generation", usage="output")),
    (r"qwen-image-2\.0", ImageFacts((0, 3), 6, default_size=(2048, 2048), area=_AREA, ratio=8)),
    (r"qwen-image-edit-(max|plus)", _EDIT),
    (r"qwen-image-edit", replace(_EDIT, most=1)),
    (
        r"qwen-image(-max|-plus|$|-20)",
        ImageFacts((0, 0), 1, default_size=(1664, 928), sizes=_FIXED, task="text2image"),
    ),
    (r"wan2\.7-image-pro", replace(_WAN27, area=(768 * 768, 4096 * 4096), named_sizes=("1K", "2K", "4K"))),
    (r"wan2\.7-image", _WAN27),
    (r"wan2\.6-t2i", ImageFacts((0, 0), task="image-generation")),
    (r"wan2\.[25]-t2i|wanx2\.[01]-t2i|wanx-v1", _TEXT_ONLY),
    (r"wan2\.5-i2i", ImageFacts((1, 9), direct=False, task="image2image", source="images")),
    (r"wanx2\.1-imageedit", ImageFacts((1, 1), direct=False, task="image2image", source="base_image_url")),
    (r"qwen-mt-image", ImageFacts((1, 1), direct=False, task="image2image", source="image_url")),
)
_IMAGE_PATTERNS = tuple((re.compile(pattern, re.IGNORECASE), facts) for pattern, facts in _IMAGES)

_UNKNOWN = re.compile(r"unknown-|qwen-nonexistent|nonexistent|qwen-foo$", re.IGNORECASE)

LISTED = (
    "qwen3.8-max",
    "qwen3.8-flash",
    "qwen3.7-max",
    "qwen3.7-plus",
    "qwen3.7-flash",
    "qwen3.6-plus",
    "qwen3.6-flash",
    "qwen3.5-plus",
    "qwen3.5-flash",
    "qwen-max",
    "qwen-plus",
    "qwen-flash",
    "qwen-long",
    "qwen3-vl-plus",
    "qwen3-coder-flash",
    "qwen3.5-omni-plus",
    "qwen-mt-flash",
    "text-embedding-v3",
    "text-embedding-v4",
    "qwen3.7-text-embedding",
    "qwen3-rerank",
    "gte-rerank-v2",
)
"""Models that the model lists show."""

TEST_MODEL = "batch-test-model"
BATCH_MODELS = frozenset(
    {
        "qwen3.8-max",
        "qwen3.7-max",
        "qwen3-max",
        "qwen-max",
        "qwen-max-latest",
        "qwen3.7-plus",
        "qwen3.6-plus",
        "qwen3.5-plus",
        "qwen-plus",
        "qwen-plus-latest",
        "qwen3.8-flash",
        "qwen3.7-flash",
        "qwen3.6-flash",
        "qwen3.5-flash",
        "qwen-flash",
        "qwen-turbo",
        "qwen-long",
        "qwen-long-latest",
        "qwq-plus",
        "qwen3-vl-plus",
        "qwen3-vl-flash",
        "qwen-vl-max",
        "qwen-vl-plus",
        "qwen-vl-ocr",
        "qwen-vl-ocr-latest",
        "qwen3.5-omni-plus",
        "text-embedding-v3",
        "text-embedding-v4",
        "qwen3.7-text-embedding",
    }
)
"""Models that the Batch page lists for Beijing, without those of other makers."""


RECORDED: dict[tuple[str, bool], frozenset[str]] = {
    ("assistant_last", False): frozenset({"qwen-turbo"}),
    ("required_tool_choice", False): frozenset({"qwen-plus"}),
    ("search_tool_name", False): frozenset({"qwen-plus"}),
    ("list_parameters", True): frozenset({"qwen-max"}),
}
"""What recordings of 2026-02 and 2026-03 show as accepted although the documents refuse it, by (what, whether over
the native protocol)."""


def chat_facts(model: str) -> ChatFacts:
    """Return the facts of a chat model; permissive ones if the name is unknown."""
    for pattern, facts in _CHAT_PATTERNS:
        if pattern.match(model):
            return facts
    return ChatFacts()


def embedding_facts(model: str) -> EmbeddingFacts:
    """Return the limits of an embedding model; wide ones if the name is unknown."""
    for pattern, facts in _EMBEDDING_PATTERNS:
        if pattern.match(model):
            return facts
    return _ANY_EMBEDDING


def image_facts(model: str) -> ImageFacts | None:
    """Return the limits of an image model; None for any other."""
    return next((facts for pattern, facts in _IMAGE_PATTERNS if pattern.match(model)), None)


def exists(model: str) -> bool:
    """Return False for the few names that stand for a model that does not exist; any other name is accepted."""
    return not _UNKNOWN.match(model)
