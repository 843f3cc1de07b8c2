"""What is known of one model, as one immutable value.

Only the vocabulary lives here: ``ModelProfile``, the ``Price`` of a model in a region, and the two questions
that every reader would otherwise answer for itself (``thinks``, ``must_stream``). Which model has which facts is
data, in ``catalogue.toml``; how the facts are put together is in ``catalogue.py``.

A profile advises and never forbids: it fills defaults, routes, translates and warns. ``None`` means that the
fact is not known, which is not the same as "no".
"""

from typing import Literal

import msgspec

from qwen_core.config.self_hosted import ReasoningKey
from qwen_core.types.decodable import decodable

Kind = Literal["chat", "translation", "ocr", "omni", "embedding", "multimodal_embedding", "rerank", "other"]
Modality = Literal["text", "image", "video", "audio", "pdf"]
Thinking = Literal["none", "optional", "always"]
Documents = Literal["file_id", "doc_url"]
NativeEndpoint = Literal["text-generation", "multimodal-generation"]
Fusion = Literal["enable_fusion", "always"]
Capability = Literal["tool_calling", "json_object", "search", "implicit_cache", "pdf"]
Certainty = Literal["documented", "console", "third-party", "inherited", "id-only"]


class Price(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """List price of a model in one region for one range of input lengths. All figures are per million tokens.

    Where a page prices several input lengths, there is one ``Price`` for each. The length of the whole request
    chooses the tier, and all of its tokens are charged at it.

    region                region id, e.g. ``cn-beijing``
    scope                 where the region serves the model from, when the price list tells scopes apart
                          (``global``, ``us``, ``eu``, ``jp``); None where it does not
    currency              ISO code; the price lists of all regions are in CNY
    above_input_tokens    the tier begins above this input length
    up_to_input_tokens    the tier includes this input length; None: no upper limit
    input                 text input; images and audio too where nothing else is given for them
    input_image           image and video input, where it differs
    input_audio           audio input, where it differs
    output                text output. None: no output is charged (embedding, rerank)
    output_with_media     text output of a request whose input was not text alone, where it differs
    output_thinking       all text output of a request in thinking mode, where it differs
    output_audio          speech output; the text that goes with it is free
    cached_input          input read from the implicit cache. None: not on the price list
    cache_creation        input written to the explicit cache. None: not on the price list
    cache_hit_explicit    input read from the explicit cache. None: not on the price list
    batch                 the price list offers the batch API here, at half the price of input and output
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


class RegionalLimit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A capability that the model pages list for some regions only, although the model is served in more."""

    capability: Capability
    regions: tuple[str, ...]


@decodable
class ModelProfile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The facts about one model. Every default is the permissive one, so an unknown model works.

    Behind each fact stands who reads it. One that has no reader here is there for whoever asks for the profile.

    Identity
      name                       the name that was asked for. No default. Everyone
      catalogue_id               the catalogue entry its facts come from; None: none, only families or
                                 defaults. The overflow check, the table command
      family                     the last family that matched; None: unknown. Reports
      kind                       what is done with it; default ``chat``. Adaptation, ``models.pricing``, reports
      released_on                ISO date; None: unknown. LangChain profile
      retired_on                 ISO date of the announced end; None: none announced. The client warns once
      successor                  the id that Alibaba names instead; None: none named. The same warning
      source, as_of, certainty   where the most specific facts come from, as of which ISO date, how sure.
                                 The overflow check

    Limits, in tokens; None: unknown
      context_window             input and output together; default 131072. LangChain profile, LlamaIndex
                                 metadata
      max_input_tokens           longest input. The overflow check, trimming
      max_input_tokens_thinking  longest input while thinking, where it differs. The same readers
      max_output_tokens          longest answer. LangChain profile, LlamaIndex metadata
      max_output_tokens_thinking longest answer while thinking, where it differs. The same readers
      max_thinking_tokens        longest reasoning, which is also its default length. Adaptation

    Modalities
      input_modalities           what a request may contain; default text. LangChain profile, LlamaIndex's
                                 reranker, the table command
      output_modalities          what an answer may contain; default text. LangChain profile, the table command
      documents                  how it reads documents: by the id of an uploaded file, or in the native
                                 ``doc_url``; None: inside of the message, if at all. The client
      image_patch                pixels along the side of the square that one image token stands for; default
                                 32. ``qwen_core.models.tokens``
      video_frame_tokens         most tokens of one pair of video frames; default 768. ``qwen_core.models.tokens``
      video_tokens               most tokens of one video; default 65,536. ``qwen_core.models.tokens``
      audio_tokens_per_second    of audio input; None: unknown. ``qwen_core.models.tokens``
      vocabulary                 the name by which the tokenizer package knows the vocabulary of the open
                                 models of its generation; None: unknown. ``qwen_core.models.tokens``

    Thinking
      thinking                   never, on request, or always; None: unknown. Adaptation, LangChain profile
      thinking_default           whether it thinks when not told; None: unknown. Adaptation
      reasoning_efforts          the accepted values of ``reasoning_effort``; empty: takes none. Adaptation
      default_reasoning_effort   the one in force when none is sent; None: unknown. LangChain
                                 profile
      effort_excludes_budget     ``reasoning_effort`` and ``thinking_budget`` together are an error; default
                                 False. Adaptation
      preserve_thinking          takes ``preserve_thinking``; None: unknown. Adaptation warns
      preserve_thinking_default  reads the reasoning of earlier turns when not told; default False. The
                                 encoders
      max_tokens_counts_thinking ``max_tokens`` limits reasoning and answer together; default False, the
                                 answer alone. No reader here

    What a call must look like
      stream_only                every call has to stream; also set where the documents are silent and
                                 streaming is the safe choice; default False. The client
      stream_only_thinking       a call has to stream while the model thinks; default False. The client
      system_message             takes a system message; default True. No reader here
      list_content               takes content as a list of text parts on the text endpoint; default False:
                                 such a list is joined to a string. Content that carries a cache mark is a
                                 list in any case. No reader here
      max_completion_tokens      takes ``max_completion_tokens``; default False. Adaptation warns
      refused_parameters         parameters that the service refuses for it; default none. LangChain profile
      reasoning_keys             where the reasoning of earlier answers is put; default ``reasoning_content``.
                                 The compatible encoder
      done_ends_answer           an answer that says ``[DONE]`` is finished, even without a finish reason;
                                 default False. The compatible decoder
      cumulative_stream          streamed text on the compatible protocol repeats all that came before;
                                 default False. The compatible decoder

    Tools and structure
      tool_calling               None: unknown. LangChain profile, LlamaIndex metadata
      forced_tool_choice         a named function may be forced, outside of thinking; default True.
                                 Adaptation, LangChain profile
      parallel_tool_calls        several calls in one answer; None: unknown. No reader here
      json_object                JSON mode; None: unknown. Structured output
      json_object_thinking       JSON mode while thinking; None: unknown. Structured output
      json_schema                answers to a schema; None: unknown. Structured output

    Service features
      search                     web search by the service; None: unknown. The table command
      search_strategies          strategies known to work, when it searches; empty: unknown. No reader here
      explicit_cache             takes cache marks; None: unknown. Adaptation warns, ``qwen_core.models.pricing``
      implicit_cache             caches prefixes by itself; None: unknown. ``qwen_core.models.pricing``
      listed_only_in             capabilities that the model pages list for some regions only. No reader here

    Protocols
      native_endpoint            its native endpoint; None: unknown. The native encoder
      native_only                not on the OpenAI-compatible API; default False. The client
      compatible_only            documented for the OpenAI-compatible API alone; default False. The client

    Embedding and rerank; None or empty: unknown, or another kind of model
      embedding_batch            rows in one call. The embedders
      embedding_dimensions       the dimensions to choose from. No reader here
      embedding_default_dimensions the dimension when none is chosen. No reader here
      embedding_max_tokens       tokens in one row. No reader here
      sparse_embedding           gives sparse vectors too, natively; default False. No reader here
      embedding_fusion           how several parts are asked to become one vector: by a parameter, or without
                                 being asked; None: unknown. The native encoder
      rerank_max_documents       documents in one call. The rerankers
      rerank_max_images          images in one call. The rerankers
      rerank_max_videos          videos in one call. The rerankers
      rerank_max_tokens_item     tokens in one document, or in the query. The rerankers
      rerank_max_tokens_request  tokens in one call. The rerankers

    Where and for how much
      regions                    regions that list it; empty: unknown. The table command
      prices                     one ``Price`` per region and tier; empty: unknown. ``qwen_core.models.pricing``
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
    effort_excludes_budget: bool = False
    preserve_thinking: bool | None = None
    preserve_thinking_default: bool = False
    max_tokens_counts_thinking: bool = False

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

    def thinks(self, requested: bool | None = None) -> bool:
        """Whether a call thinks, given what the caller asked for (None: nothing)."""
        if self.thinking == "always":
            return True
        if self.thinking == "none":
            return False
        return bool(self.thinking_default) if requested is None else requested

    def must_stream(self, thinking: bool) -> bool:
        """Whether a call has to be streamed, given whether it thinks."""
        return self.stream_only or (thinking and self.stream_only_thinking)
