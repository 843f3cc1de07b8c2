"""Requests to models, independent of the protocol. One field for each parameter.

``None`` means that the parameter is not sent, so that the model's own default applies.
"""

from typing import Any, Literal

import msgspec

from qwen_core.types.messages import Message, Part, Tool
from qwen_core.types.options import SearchOptions, TranslationOptions

ToolChoice = str
"""``"auto"``, ``"none"``, ``"required"``, or the name of the one function that must be called."""
TOOL_CHOICE_MODES = ("auto", "none", "required")
"""The choices that are not the name of a function."""

TextType = Literal["query", "document"]
OutputType = Literal["dense", "sparse", "dense&sparse"]

SparseVector = dict[int, float]
"""Weights by token id."""


class ChatRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request to a chat model. ``types.parameters`` says what each field means.

    ``tool_call_parser`` and ``reasoning_parser`` are not sent: they parse the response. ``allow_local_files`` says
    which local files media may be read from, ``show_progress`` whether their upload shows a progress bar,
    ``allow_private_media_urls`` whether a self-hosted server may fetch media from its own network.
    ``repair_history`` says whether a conversation that the service would refuse is completed.
    ``extra_body`` is merged into the body unchanged. ``extra_headers`` are sent with this call only.
    """

    model: str
    messages: tuple[Message, ...]

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    stop: tuple[str | int | list[int], ...] | None = None
    seed: int | None = None
    n: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    repetition_penalty: float | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    logit_bias: dict[str, float] | None = None

    enable_thinking: bool | None = None
    thinking_budget: int | None = None
    reasoning_effort: str | None = None
    preserve_thinking: bool | None = None

    enable_search: bool | None = None
    search_options: SearchOptions | None = None
    enable_text_image_mixed: bool | None = None
    enable_code_interpreter: bool | None = None

    tools: tuple[Tool, ...] = ()
    server_tools: tuple[dict[str, Any], ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    response_format: dict[str, Any] | None = None

    modalities: tuple[str, ...] | None = None
    audio: dict[str, Any] | None = None
    vl_high_resolution_images: bool | None = None
    ocr_options: dict[str, Any] | None = None
    asr_options: dict[str, Any] | None = None
    translation_options: TranslationOptions | None = None

    tool_call_parser: str | None = None
    reasoning_parser: str | None = None

    allow_local_files: bool | tuple[str, ...] = False
    allow_private_media_urls: bool = False
    show_progress: bool = False

    previous_response_id: str | None = None
    repair_history: bool = True
    extra_body: dict[str, Any] | None = None
    extra_headers: dict[str, str] | None = None

    @property
    def needs_responses_api(self) -> bool:
        """Whether only the Responses API has what this asks for: built-in tools, or a stored response."""
        return bool(self.server_tools) or self.previous_response_id is not None


class EmbeddingRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Texts to embed.

    ``role`` says what the texts are; a protocol that has a parameter for it tells the service. ``text_type`` and
    ``instruct`` are set by the caller: without them any protocol will do. ``dimensions`` is the length of each
    dense vector.
    """

    model: str
    texts: tuple[str, ...]
    dimensions: int | None = None
    role: TextType = "document"
    text_type: TextType | None = None
    instruct: str | None = None
    output_type: OutputType | None = None
    extra_body: dict[str, Any] | None = None


class MultimodalEmbeddingRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Contents to embed into one vector space. The parts of one content are embedded together."""

    model: str
    contents: tuple[tuple[Part, ...], ...]
    dimensions: int | None = None
    instruct: str | None = None
    extra_body: dict[str, Any] | None = None


AnyEmbeddingRequest = EmbeddingRequest | MultimodalEmbeddingRequest


class EmbeddingResponse(msgspec.Struct, frozen=True, kw_only=True):
    """One vector for each text, in the order of the texts; ``total_tokens`` as the service counted.

    ``vectors`` and ``sparse_vectors`` are as long as the texts if they were requested, else empty.
    """

    vectors: list[list[float]] = msgspec.field(default_factory=list)
    sparse_vectors: list[SparseVector] = msgspec.field(default_factory=list)
    model: str | None = None
    total_tokens: int | None = None
    request_id: str | None = None


class RerankRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Documents to rank by their relevance to a query: texts, images or videos.

    ``positions`` are the documents' positions in a longer list that this one is part of.
    """

    model: str
    query: Part
    documents: tuple[Part, ...]
    top_n: int | None = None
    instruct: str | None = None
    extra_body: dict[str, Any] | None = None
    positions: tuple[int, ...] = ()


class Ranked(msgspec.Struct, frozen=True):
    """A document's index in the list that was sent, and its relevance between 0 and 1."""

    index: int
    score: float


class RerankResponse(msgspec.Struct, frozen=True, kw_only=True):
    """The best documents, most relevant first."""

    results: list[Ranked]
    total_tokens: int | None = None
    request_id: str | None = None
