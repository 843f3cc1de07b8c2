"""Define the profile of a model, as one immutable value.

This module has only the types: ``ModelProfile``, the ``Price`` of a model in a region, and the two rules that
every reader would otherwise implement for itself (``thinks``, ``must_stream``). The facts are data, in
``catalogue.toml``; ``catalogue.py`` merges them.

A profile advises and never forbids: it fills defaults, routes, translates and warns. ``None`` means that the fact
is unknown, which is not the same as "no".
"""

from typing import Literal

import msgspec

from qwen_core.config.self_hosted import ReasoningKey
from qwen_core.types.decodable import decodable

Kind = Literal[
    "chat", "translation", "ocr", "omni", "embedding", "multimodal_embedding", "rerank",
    "transcription", "speech", "image", "video", "realtime", "other",
]  # fmt: skip
MediaApi = Literal[
    "chat", "multimodal-generation", "transcription-file-url", "transcription-file-urls", "speech-synthesizer",
    "text2image", "image2image", "video-synthesis", "websocket",
]  # fmt: skip
Unit = Literal["second", "character", "image"]
Modality = Literal["text", "image", "video", "audio", "pdf"]
Thinking = Literal["none", "optional", "always"]
Documents = Literal["file_id", "doc_url"]
NativeEndpoint = Literal["text-generation", "multimodal-generation"]
Fusion = Literal["enable_fusion", "always"]
Capability = Literal["tool_calling", "json_object", "search", "implicit_cache", "pdf"]
Certainty = Literal["documented", "console", "third-party", "inherited", "id-only"]


class Price(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """List price of a model in one region for one range of input lengths. All figures are per million tokens.

    If a page has prices by input length, there is one ``Price`` for each tier. The length of the whole request
    determines the tier, and all of its tokens are charged at it.

    region                region id, e.g. ``cn-beijing``
    scope                 where the region serves the model from, if the price list distinguishes scopes
                          (``global``, ``us``, ``eu``, ``jp``); else None
    currency              ISO code; the price lists of all regions are in CNY
    above_input_tokens    the tier begins above this input length
    up_to_input_tokens    the tier includes this input length; None: no upper limit
    input                 text input; images and audio too unless they have a price of their own
    input_image           image and video input, if it differs
    input_audio           audio input, if it differs
    output                text output. None: output is not charged (embedding, rerank)
    output_with_media     text output of a request whose input was not text only, if it differs
    output_thinking       all text output of a request in thinking mode, if it differs
    output_audio          audio output; its transcript is free
    cached_input          input read from the implicit cache. None: not on the price list
    cache_creation        input written to the explicit cache. None: not on the price list
    cache_hit_explicit    input read from the explicit cache. None: not on the price list
    batch                 the price list has the batch API here, at half the price of input and output
    price_date            ISO date of the price list

    Read by ``qwen_core.models.pricing``.
    """

    region: str
    scope: str | None = None
    currency: str = "CNY"
    above_input_tokens: int = 0
    up_to_input_tokens: int | None = None
    input: float
    input_image: float | None = None
    input_audio: float | None = None
    output: float | None = None
    output_with_media: float | None = None
    output_thinking: float | None = None
    output_audio: float | None = None
    cached_input: float | None = None
    cache_creation: float | None = None
    cache_hit_explicit: float | None = None
    batch: bool = False
    price_date: str


class UnitPrice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """List price of a model that is not charged by tokens, in one region: transcription, speech, images, video.

    region      region id, e.g. ``cn-beijing``
    currency    ISO code
    unit        what ``amount`` is charged for: a second of audio or video, a character of text, or an image
    amount      the price of one unit
    variant     what the price is for, if the model has several, e.g. the resolution ``720P``; else None
    price_date  ISO date of the price list

    Read by ``qwen_core.models.pricing``.
    """

    region: str
    currency: str = "CNY"
    unit: Unit
    amount: float
    variant: str | None = None
    price_date: str


class Recording(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A recorded exchange in which the service accepted what the documents say it refuses, or leave open.

    fact      what was accepted. ``assistant_last``: a conversation that ends with an assistant message.
              ``required_tool_choice``: ``tool_choice`` "required" with one tool. ``search_tool_name``: a tool that
              is named "search". ``frequency_penalty``: that parameter. ``list_parameters``: the parameters of a
              tool as a list of objects with a name
    protocol  over which protocol
    on        ISO date of the recording
    """

    fact: Literal[
        "assistant_last", "required_tool_choice", "search_tool_name", "frequency_penalty", "list_parameters"
    ]
    protocol: Literal["openai", "dashscope"]
    on: str


class ImageLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Documented limits of a model that generates images. None or empty: unknown.

    min_images, max_images      images in a request
    max_n, max_series           images that one request generates; the same of a series (``enable_sequential``)
    prompt_tokens               longest prompt in tokens
    prompt_characters           longest prompt in characters. One of the two is known
    negative_prompt_characters  longest ``negative_prompt``
    sizes                       the only sizes, or the names beside sizes in pixels
    min_pixels, max_pixels      smallest and largest area; None: only ``sizes``
    max_ratio                   longer side to shorter side
    min_side, max_side          sides of images in a request
    task_api                    its API for tasks; None: it has none
    input_field                 where a task API has the images of the request
    """

    min_images: int = 0
    max_images: int | None = None
    max_n: int | None = None
    max_series: int | None = None
    prompt_tokens: int | None = None
    prompt_characters: int | None = None
    negative_prompt_characters: int | None = None
    sizes: tuple[str, ...] = ()
    min_pixels: int | None = None
    max_pixels: int | None = None
    max_ratio: int | None = None
    min_side: int | None = None
    max_side: int | None = None
    task_api: Literal["image-generation", "text2image", "image2image"] | None = None
    input_field: Literal["images", "image_url", "base_image_url"] = "images"


class RegionalLimit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A capability that the model pages list for only some of the regions that serve the model."""

    capability: Capability
    regions: tuple[str, ...]


@decodable
class ModelProfile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The facts about one model. Every default is the permissive one, so an unknown model works.

    Each fact names its readers. One without a reader here is for users of the profile.

    Identity
      name                       the requested name. No default. Everyone
      catalogue_id               the catalogue entry its facts come from; None: only families or defaults.
                                 The overflow check, the table command
      family                     the last family that matched; None: unknown. Reports
      kind                       what the model is for; default ``chat``. ``prepare``, ``models.pricing``, reports
      released_on                ISO date; None: unknown. LangChain profile
      retired_on                 retirement date (ISO); None: none announced. The client warns once
      successor                  the id that Alibaba names as successor; None: none. The same warning
      source, as_of, certainty   source of the most specific facts, its ISO date, and its certainty.
                                 The overflow check

    Limits, in tokens; None: unknown
      context_window             input and output together; default 131072. LangChain profile, LlamaIndex
                                 metadata
      max_input_tokens           longest input. The overflow check, trimming
      max_input_tokens_thinking  longest input while thinking, if it differs. The same readers
      max_output_tokens          longest response. LangChain profile, LlamaIndex metadata
      max_output_tokens_thinking longest response while thinking, if it differs. The same readers
      max_thinking_tokens        longest reasoning, which is also its default length. ``prepare``

    Modalities
      input_modalities           what a request may contain; default text. LangChain profile, LlamaIndex's
                                 reranker, the table command
      output_modalities          what a response may contain; default text. LangChain profile, the table command
      documents                  how it reads documents: by the id of an uploaded file, or by the native
                                 ``doc_url``; None: inside the message, if at all. The client
      image_patch                side in pixels of the square that one image token covers; default 32.
                                 ``qwen_core.models.tokens``
      video_frame_tokens         maximum tokens of one pair of video frames; default 768.
                                 ``qwen_core.models.tokens``
      video_tokens               maximum tokens of one video; default 65,536. ``qwen_core.models.tokens``
      audio_tokens_per_second    tokens per second of audio input; None: unknown. ``qwen_core.models.tokens``
      vocabulary                 the tokenizer package's name of the vocabulary of the open models of its
                                 generation; None: unknown. ``qwen_core.models.tokens``

    Thinking
      thinking                   never, on request, or always; None: unknown. ``prepare``, LangChain profile
      thinking_default           whether it thinks by default; None: unknown. ``prepare``
      reasoning_efforts          the accepted values of ``reasoning_effort``; empty: not accepted. ``prepare``
      default_reasoning_effort   the effort if none is sent; None: unknown. LangChain profile
      effort_aliases             efforts that the model is documented to read as another one, with that one;
                                 default none. ``prepare``
      thinking_switch            parameter that switches thinking: ``enable_thinking``, or ``thinking`` with a
                                 ``type`` of adaptive or disabled. ``prepare``
      preserve_thinking_switch   parameter for the reasoning of earlier turns: ``preserve_thinking``, or its
                                 opposite ``clear_thinking``. ``prepare``
      effort_excludes_budget     ``reasoning_effort`` and ``thinking_budget`` together are an error; default
                                 False. ``prepare``
      preserve_thinking          accepts ``preserve_thinking``; None: unknown. ``prepare`` warns
      preserve_thinking_default  reads the reasoning of earlier turns by default; default False. The
                                 encoders
      max_tokens_counts_thinking ``max_tokens`` limits reasoning and response together on the chat APIs; default
                                 False: only the response. ``prepare`` warns
      responses_max_tokens_counts_thinking the same of ``max_output_tokens`` on the Responses API; default False.
                                 ``prepare`` warns

    Requirements on a call
      stream_only                every call must stream; also set if it is undocumented and streaming is
                                 the safe choice; default False. The client
      stream_only_thinking       a call must stream while the model thinks; default False. The client
      system_message             accepts a system message; default True. No reader here
      list_content               accepts content as a list of text parts on the text endpoint; default
                                 False: such a list is joined to a string. Content with cache_control is a
                                 list in any case. No reader here
      max_completion_tokens      accepts ``max_completion_tokens``; default False. ``prepare`` warns
      refused_parameters         parameters that the service refuses for it; default none. LangChain profile
      reasoning_keys             fields for the reasoning of earlier messages; default ``reasoning_content``.
                                 The compatible encoder
      done_ends_answer           a stream with ``[DONE]`` is complete, even without a finish reason;
                                 default False. The compatible decoder
      cumulative_stream          each chunk on the compatible protocol repeats the text so far;
                                 default False. The compatible decoder

    Tools and structured output
      tool_calling               None: unknown. LangChain profile, LlamaIndex metadata
      forced_tool_choice         a named function can be forced while not thinking; default True.
                                 ``prepare``, LangChain profile
      parallel_tool_calls        several calls in one response; None: unknown. No reader here
      json_object                JSON mode; None: unknown. Structured output
      json_object_thinking       JSON mode while thinking; None: unknown. Structured output
      json_schema                JSON schema output; None: unknown. Structured output

    Service features
      search                     web search by the service; None: unknown. The table command
      search_strategies          search strategies known to work; empty: unknown. No reader here
      explicit_cache             accepts prompt cache breakpoints; None: unknown. ``prepare`` warns,
                                 ``qwen_core.models.pricing``
      implicit_cache             caches prefixes automatically; None: unknown. ``qwen_core.models.pricing``
      listed_only_in             capabilities that the model pages list for only some regions. No reader here

    Protocols
      native_endpoint            its native endpoint; None: unknown. The native encoder
      native_only                not available on the OpenAI-compatible API; default False. The client
      compatible_only            documented for the OpenAI-compatible API only; default False. The client
      media_api                  the API of a model of kind ``transcription``, ``speech``, ``image``, ``video`` or
                                 ``realtime``: ``chat`` (a chat request with one audio item),
                                 ``multimodal-generation`` (its own body on that endpoint), a task endpoint, or a
                                 websocket. None: unknown, or another kind. The speech and image resources

      recorded                   what recorded exchanges show the service to accept; default nothing. ``prepare``,
                                 the native encoder

    Images
      image_limits               limits of a request for images; None: unknown, or another kind of model. The image
                                 resource

    Embedding and rerank; None or empty: unknown, or another kind of model
      embedding_batch            texts in one call. The embedders
      embedding_dimensions       the dimensions to choose from. No reader here
      embedding_default_dimensions the default dimension. No reader here
      embedding_max_tokens       tokens in one text. No reader here
      sparse_embedding           returns sparse vectors too, on the native protocol; default False. No reader here
      embedding_fusion           how several parts become one vector: by a parameter, or always; None:
                                 unknown. The native encoder
      rerank_max_documents       documents in one call. The rerankers
      rerank_max_images          images in one call. The rerankers
      rerank_max_videos          videos in one call. The rerankers
      rerank_max_tokens_item     tokens in one document, or in the query. The rerankers
      rerank_max_tokens_request  tokens in one call. The rerankers

    Regions and prices
      regions                    regions that list it; empty: unknown. The table command
      prices                     one ``Price`` per region and tier; empty: unknown. ``qwen_core.models.pricing``
      unit_prices                one ``UnitPrice`` per region and variant, for models that are not charged by
                                 tokens; empty: unknown, or charged by tokens. ``qwen_core.models.pricing``
    """

    name: str
    catalogue_id: str | None = None
    family: str | None = None
    kind: Kind = "chat"
    released_on: str | None = None
    retired_on: str | None = None
    successor: str | None = None
    source: str | None = None
    as_of: str | None = None
    certainty: Certainty | None = None

    context_window: int | None = 131_072
    max_input_tokens: int | None = None
    max_input_tokens_thinking: int | None = None
    max_output_tokens: int | None = None
    max_output_tokens_thinking: int | None = None
    max_thinking_tokens: int | None = None

    input_modalities: tuple[Modality, ...] = ("text",)
    output_modalities: tuple[Modality, ...] = ("text",)
    documents: Documents | None = None
    image_patch: int = 32
    video_frame_tokens: int = 768
    video_tokens: int = 65_536
    audio_tokens_per_second: float | None = None
    vocabulary: str | None = None

    thinking: Thinking | None = None
    thinking_default: bool | None = None
    reasoning_efforts: tuple[str, ...] = ()
    default_reasoning_effort: str | None = None
    effort_aliases: tuple[tuple[str, str], ...] = ()
    thinking_switch: Literal["enable_thinking", "thinking"] = "enable_thinking"
    preserve_thinking_switch: Literal["preserve_thinking", "clear_thinking"] = "preserve_thinking"
    effort_excludes_budget: bool = False
    preserve_thinking: bool | None = None
    preserve_thinking_default: bool = False
    max_tokens_counts_thinking: bool = False
    responses_max_tokens_counts_thinking: bool = False

    stream_only: bool = False
    stream_only_thinking: bool = False
    system_message: bool = True
    list_content: bool = False
    max_completion_tokens: bool = False
    refused_parameters: tuple[str, ...] = ()
    cumulative_stream: bool = False
    reasoning_keys: tuple[ReasoningKey, ...] = ("reasoning_content",)
    done_ends_answer: bool = False

    tool_calling: bool | None = None
    forced_tool_choice: bool = True
    parallel_tool_calls: bool | None = None
    json_object: bool | None = None
    json_object_thinking: bool | None = None
    json_schema: bool | None = None

    search: bool | None = None
    search_strategies: tuple[str, ...] = ()
    explicit_cache: bool | None = None
    implicit_cache: bool | None = None
    listed_only_in: tuple[RegionalLimit, ...] = ()

    native_endpoint: NativeEndpoint | None = None
    native_only: bool = False
    compatible_only: bool = False
    media_api: MediaApi | None = None
    recorded: tuple[Recording, ...] = ()

    image_limits: ImageLimits | None = None

    embedding_batch: int | None = None
    embedding_dimensions: tuple[int, ...] = ()
    embedding_default_dimensions: int | None = None
    embedding_max_tokens: int | None = None
    sparse_embedding: bool = False
    embedding_fusion: Fusion | None = None
    rerank_max_documents: int | None = None
    rerank_max_images: int | None = None
    rerank_max_videos: int | None = None
    rerank_max_tokens_item: int | None = None
    rerank_max_tokens_request: int | None = None

    regions: tuple[str, ...] = ()
    prices: tuple[Price, ...] = ()
    unit_prices: tuple[UnitPrice, ...] = ()

    def thinks(self, requested: bool | None = None) -> bool:
        """Return whether a call thinks, given the caller's setting (None: unset)."""
        if self.thinking == "always":
            return True
        if self.thinking == "none":
            return False
        return bool(self.thinking_default) if requested is None else requested

    def accepts(self, fact: str, protocol: str | None = None) -> bool:
        """Return whether a recorded exchange, over this protocol or any, shows that this is accepted."""
        return any(
            recording.fact == fact and protocol in (None, recording.protocol) for recording in self.recorded
        )

    def must_stream(self, thinking: bool) -> bool:
        """Return whether a call must be streamed, given whether it thinks."""
        return self.stream_only or (thinking and self.stream_only_thinking)
