"""The fields that the public model classes share, and their conversion for the core.

With ``retrieval_fields`` the only module of the core that uses pydantic, because both frameworks' models are
pydantic models.
"""

import os
from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Self

from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StrictBool,
    field_validator,
    model_validator,
)

from qwen_core.config.endpoints import (
    API_KEY_VARIABLE,
    DEFAULT_MODEL,
    MODEL_VARIABLE,
    check_base_url,
    resolve_region,
)
from qwen_core.config.self_hosted import ServerName, self_hosted_server
from qwen_core.config.settings import DEFAULT_MAX_RETRIES, ClientSettings, ProtocolChoice
from qwen_core.config.timeouts import Timeout
from qwen_core.models.profile import ModelProfile
from qwen_core.models.self_hosted import self_hosted_profile
from qwen_core.types.errors import UnsupportedFeatureError
from qwen_core.types.messages import Message
from qwen_core.types.options import ReasoningParserName, SearchOptions, ToolCallParserName, TranslationOptions
from qwen_core.types.requests import ChatRequest

if TYPE_CHECKING:
    # Checkers without pydantic's plugin know nothing of its conversions, and would refuse a plain text.
    SecretOrText = SecretStr | str
else:
    SecretOrText = SecretStr


def default_model() -> str:
    """Return the environment's model, else ``qwen-plus``."""
    return os.environ.get(MODEL_VARIABLE) or DEFAULT_MODEL


class EnvApiKey(SecretStr):
    """The API key of the environment. It can be told from one that was passed, also in a copied model."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretStr) and self.get_secret_value() == other.get_secret_value()

    __hash__ = SecretStr.__hash__


def env_api_key() -> EnvApiKey | None:
    """Return the API key of the environment, if there is one."""
    key = os.environ.get(API_KEY_VARIABLE)
    return EnvApiKey(key) if key else None


ARGUMENT_NAMES_ELSEWHERE = {
    "dashscope_api_key": "use `api_key`",
    "dashscope_api_base": "use `base_url`",
    "openai_api_key": "use `api_key`",
    "openai_api_base": "use `base_url`",
    "request_timeout": "use `timeout`",
    "model_kwargs": "pass the parameters as fields, or in `extra_body`",
    "additional_kwargs": "pass the parameters as fields, or in `extra_body`",
    "is_chat_model": "it always is a chat model",
    "stream_usage": "streams always report usage",
    "async_http_client": "use `http_async_client`",
    "audio_config": "use `audio`",
    "reuse_client": "connections are always reused, for each event loop",
    "should_use_structured_outputs": "the method that the model supports is used, or set `pydantic_program_mode`",
}
"""Names of fields in other integrations, and what to do instead."""

CALL_ARGUMENT_NAMES_ELSEWHERE = {
    **ARGUMENT_NAMES_ELSEWHERE,
    "functions": "use `tools`",
    "function_call": "use `tool_choice`",
    "model_name": "use `model`",
    "stop_sequences": "use `stop`",
}
"""Names of the arguments of one call in other integrations, and what to do instead."""


class ConnectionFields(BaseModel):
    """How the service is reached. The same on chat models, embeddings and rerankers."""

    # No instance of this class alone exists: what pydantic builds for it would only delay the import.
    # Invalid values are not quoted: they may be keys, under another integration's name.
    model_config = ConfigDict(defer_build=True, hide_input_in_errors=True)

    api_key: SecretOrText | None = Field(default_factory=env_api_key, repr=False)
    """API key; default: ``DASHSCOPE_API_KEY``. Checked at the first call."""
    region: str | None = None
    """``cn-beijing`` (default), ``ap-southeast-1``, ``us-east-1``, ..., or ``cn intl us hk de jp``."""
    workspace: str | None = None
    """Workspace id: its own host if the region has one, else the workspace header."""
    base_url: str | None = None
    """Base URL, which overrides region; default: ``DASHSCOPE_API_BASE``. A bare host gets the protocol's path."""
    protocol: ProtocolChoice = "auto"
    """``auto``, ``openai`` or ``dashscope``."""
    server: ServerName | None = None
    """``vllm``, ``sglang``, ``llama.cpp``, ``ollama``, ``transformers`` or ``other``: a self-hosted server at
    ``base_url``. Default: ``dashscope``, but ``other`` if neither host nor path of ``base_url`` is Alibaba's."""
    base_model: str | None = None
    """Name in the model catalog of the model that ``model`` is a gateway's alias of. Default: ``model`` itself."""
    timeout: float | Timeout | None = None
    """Seconds without data from the service, or ``Timeout(connect=..., read=..., total=...)``."""
    max_retries: int = Field(default=DEFAULT_MAX_RETRIES, ge=0)
    """Maximum number of retries of a call that was refused or got no response."""
    default_headers: dict[str, str] | None = Field(default=None, exclude=True, repr=False)
    """HTTP headers of every call."""
    http_client: Any = Field(default=None, exclude=True, repr=False)
    """A client of the SDK's HTTP library, used unchanged."""
    http_async_client: Any = Field(default=None, exclude=True, repr=False)
    """An asynchronous client of the SDK's HTTP library, used unchanged. It belongs to one event loop."""

    if not TYPE_CHECKING:

        def __new__(cls, *args: Any, **fields: Any) -> Any:
            if args:  # not quoted: it may be a key
                raise TypeError(
                    f'{cls.__name__} takes keyword arguments only. Write {cls.__name__}(model="..."), for example.'
                )
            return super().__new__(cls)

    @field_validator("base_url")
    @classmethod
    def _without_secrets(cls, base_url: str | None) -> str | None:
        # The field is shown in representations, dumps and traces.
        check_base_url(base_url)
        return base_url

    @model_validator(mode="before")
    @classmethod
    def _check_names(cls, fields: Any) -> Any:
        for name in fields if isinstance(fields, dict) else ():
            if name in cls.model_fields:
                continue
            if name in ARGUMENT_NAMES_ELSEWHERE:
                raise ValueError(f"{cls.__name__} has no `{name}`: {ARGUMENT_NAMES_ELSEWHERE[name]}.")
            accepted = accepted_names(cls)
            refused = cls.model_config.get("extra") == "forbid" and name not in accepted
            if refused and (guess := closest_name(name, accepted)):
                raise ValueError(f"{cls.__name__} has no `{name}`. Did you mean `{guess}`?")
        return fields

    def client_settings(self) -> ClientSettings:
        """Return these fields as settings of the core."""
        if self.base_url is None:
            resolve_region(self.region)
        key = self.api_key
        return ClientSettings(
            api_key=key.get_secret_value() if isinstance(key, SecretStr) else key,
            region=self.region,
            workspace=self.workspace,
            base_url=self.base_url,
            protocol=self.protocol,
            server=self.server,
            base_model=self.base_model,
            api_key_from_env=isinstance(key, EnvApiKey),
            timeout=self.timeout,
            max_retries=self.max_retries,
            default_headers=tuple((self.default_headers or {}).items()),
            http_client=self.http_client,
            http_async_client=self.http_async_client,
            # Both frameworks' models have the field, for limiters of any kind; only ours take tokens afterwards.
            spend=getattr(getattr(self, "rate_limiter", None), "spend", None),
        )

    def known_profile(self) -> ModelProfile:
        """Return the profile of the model on its server. Never fails."""
        server = self_hosted_server(
            self.server,
            base_url=self.base_url,
            region=self.region,
            workspace=self.workspace,
            protocol=self.protocol,
        )
        return self_hosted_profile(getattr(self, "model", ""), server, self.base_model)

    def __getstate__(self) -> dict[Any, Any]:
        # A key from the environment stays out of pickles; the copy reads its own environment. HTTP clients belong
        # to their process. Pydantic's own method, not a framework's: LlamaIndex's takes what does not pickle away
        # from the living object, and builds the copy anew, so that the key counts as given.
        state = BaseModel.__getstate__(self)
        left_out: dict[str, Any] = {"http_client": None, "http_async_client": None}
        if isinstance(self.api_key, EnvApiKey):
            left_out["api_key"] = None
        return {**state, "__dict__": {**state["__dict__"], **left_out}}

    def __setstate__(self, state: dict[Any, Any]) -> None:
        BaseModel.__setstate__(self, state)
        if self.__dict__.get("api_key") is None:
            self.__dict__["api_key"] = env_api_key()

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        # HTTP clients cannot be copied; a copy shares them.
        memo = {} if memo is None else memo
        for client in (self.http_client, self.http_async_client):
            memo[id(client)] = client
        return super().__deepcopy__(memo)


class ChatFields(ConnectionFields):
    """The parameters of a chat model. ``None``: not sent, so that the model's own default applies."""

    model: str = Field(default_factory=default_model)
    """Model name; default: ``QWEN_MODEL``, else ``qwen-plus``. Unknown names work."""

    temperature: float | None = None
    """Sampling temperature. Higher values make the output more random. Range: [0, 2)."""
    top_p: float | None = None
    """Nucleus sampling: sample from the smallest set of tokens whose probabilities add up to top_p. Range: (0,
    1]."""
    top_k: int | None = None
    """Number of most probable tokens to sample from. Above 100 there is no such limit. Range: >= 0."""
    max_tokens: int | None = None
    """Maximum number of tokens of the answer. A longer one ends with the finish reason ``length``. Range: 1 to the
    model's maximum."""
    max_completion_tokens: int | None = None
    """Maximum number of tokens of reasoning and answer together, for the models that support it."""
    stop: list[str] | list[int] | list[list[int]] | str | None = None
    """Stop sequences: the answer ends before any of these texts. Token ids instead of texts are taken by the older
    models."""
    seed: int | None = None
    """Seed for sampling. With the same seed, the service repeats its answer as far as it can. Range: [0, 2**31 -
    1]."""
    n: int | None = None
    """Number of choices to generate. Must be 1 when streaming or when tools are given. Range: 1 to 4."""
    presence_penalty: float | None = None
    """Penalty on tokens that have appeared already. Higher values make the output less repetitive. Range: [-2,
    2]."""
    frequency_penalty: float | None = None
    """Penalty on tokens by their frequency, as in OpenAI's API. The service documents no effect of it."""
    repetition_penalty: float | None = None
    """Penalty on repetition: 1 means no penalty, and higher values reduce repetition. Range: > 0."""
    logprobs: bool | None = None
    """Whether to return the log probabilities of the output tokens."""
    top_logprobs: int | None = None
    """Number of most probable tokens to return at each position, with their log probabilities. Range: 0 to 5."""
    logit_bias: dict[str, float] | None = None
    """Bias by token id. Documented for the character models. Range: [-100, 100]."""

    enable_thinking: bool | None = None
    """Whether a hybrid model thinks before it answers."""
    thinking_budget: int | None = None
    """Maximum number of tokens of reasoning. Range: 1 to the model's maximum."""
    reasoning_effort: str | None = None
    """Depth of reasoning, for the models that support it: ``low``, ``medium``, ``xhigh`` and others. Excludes
    thinking_budget."""
    preserve_thinking: bool | None = None
    """Whether to send the reasoning of earlier turns again."""

    enable_search: bool | None = None
    """Whether the service may search the web."""
    search_options: SearchOptions | None = None
    """How the service searches, and whether the answer cites its sources."""
    enable_text_image_mixed: bool | None = None
    """Whether the answer may show images that the search found, as HTML."""
    enable_code_interpreter: bool | None = None
    """Whether the service may run code for the answer. The model then thinks, and takes no tools."""

    parallel_tool_calls: bool | None = None
    """Whether one response may contain several tool calls. The service's default is false."""

    tool_call_parser: ToolCallParserName | None = None
    """Parser for tool calls that a self-hosted server leaves in the text: ``hermes`` reads ``<tool_call>``
    blocks."""
    reasoning_parser: ReasoningParserName | None = None
    """Parser for reasoning that a self-hosted server leaves in the text: ``qwen3``, or ``qwen3-thinking`` if the
    text begins inside the reasoning, without a tag."""

    modalities: list[str] | None = None
    """Output modalities of omni models: ``text``, ``audio``."""
    audio: dict[str, Any] | None = None
    """Audio output of omni models: ``voice`` and ``format``."""
    vl_high_resolution_images: bool | None = None
    """Whether images keep more of their resolution, for more tokens."""
    ocr_options: dict[str, Any] | None = None
    """Task of an OCR model: ``task`` and ``task_config``."""
    asr_options: dict[str, Any] | None = None
    """Options of speech recognition: ``language`` and ``enable_itn``."""
    translation_options: TranslationOptions | None = None
    """Languages, terms and style for a translation model, whose messages hold the text alone."""
    allow_local_files: StrictBool | list[str] = False
    """Whether media given as paths are read from this disk: none, all, or those in these folders."""
    allow_private_media_urls: bool = False
    """Whether media URLs of a private network are sent to a self-hosted server; to Alibaba's, never."""
    show_progress: bool = False
    """Whether the upload of large files shows a progress bar."""

    previous_response_id: str | None = None
    """Id of a stored response of the Responses API to continue from, valid for 7 days. Only the messages after the
    last answer are sent."""
    repair_history: bool = True
    """Whether a conversation that the service would refuse is completed: a missing user message is added, and
    media that the model does not read are left out of tool results."""

    extra_body: dict[str, Any] | None = None
    """Fields to merge into the request's body, unchanged. They override all others."""

    def chat_request(self, messages: tuple[Message, ...], overrides: Mapping[str, Any]) -> ChatRequest:
        """Return the request for these fields and one call's own arguments, which override them.

        Raises UnsupportedFeatureError for unknown arguments: they would be lost.
        """
        unknown = overrides.keys() - REQUEST_FIELDS
        if unknown:
            raise UnsupportedFeatureError(
                f"Unknown argument(s) {', '.join(sorted(unknown))}.",
                hint=" ".join(dict.fromkeys(argument_hint(name) for name in sorted(unknown))),
            )
        fields = vars(self)
        values = {name: value for name in SHARED_FIELDS if (value := fields[name]) is not None}
        values.update(overrides)
        values["extra_body"] = {**(self.extra_body or {}), **(overrides.get("extra_body") or {})} or None
        for name in list_fields():
            value = values.get(name)
            if value is not None and not isinstance(value, bool):
                check_list(name, value)
                values[name] = ((value,) if isinstance(value, str) else tuple(value)) or None
        values["tools"] = values.get("tools") or ()
        values["server_tools"] = values.get("server_tools") or ()
        values["allow_local_files"] = values["allow_local_files"] or False
        values["model"] = values["model"] or self.model
        values["messages"] = messages
        return ChatRequest(**values)


def check_list(name: str, value: object) -> None:
    """Raise UnsupportedFeatureError if an argument that is a list, or one text, is neither."""
    if not isinstance(value, (str, list, tuple, set, frozenset)):
        raise UnsupportedFeatureError(f"{name} must be a list (got {value!r}).")


def argument_hint(name: str) -> str:
    """Return what to do with an argument that no call takes."""
    if name in CALL_ARGUMENT_NAMES_ELSEWHERE:
        return f"There is no `{name}`: {CALL_ARGUMENT_NAMES_ELSEWHERE[name]}."
    if name in ConnectionFields.model_fields:
        return f"`{name}` is a field of the model: set it in model.model_copy(update={{{name!r}: ...}})."
    if guess := closest_name(name, REQUEST_FIELDS):
        return f"Did you mean `{guess}`?"
    return "Use extra_body={...} for parameters of the service that have no name here."


def closest_name(name: str, names: Iterable[str]) -> str | None:
    """Return the name that was most likely meant, if one is close enough."""
    from difflib import get_close_matches

    return next(iter(get_close_matches(name, sorted(names), n=1, cutoff=0.75)), None)


@cache
def accepted_names(kind: type[BaseModel]) -> frozenset[str]:
    """Return the names and aliases of a model's fields."""
    names = set(kind.model_fields)
    for field in kind.model_fields.values():
        for alias in (field.alias, field.validation_alias):
            choices = alias.choices if isinstance(alias, AliasChoices) else [alias]
            names.update(choice for choice in choices if isinstance(choice, str))
    return frozenset(names)


REQUEST_FIELDS = frozenset(ChatRequest.__struct_fields__) - {"messages"}
SHARED_FIELDS = tuple(name for name in ChatRequest.__struct_fields__ if name in ChatFields.model_fields)


@cache
def list_fields() -> tuple[str, ...]:
    """Return the fields that a request holds as tuples. Reads the table at the first call, not at import."""
    from qwen_core.types.parameters import list_parameters

    return list_parameters()
