"""What is measured under LlamaIndex: our class, its peers and LlamaIndex's own floor.

Each function at the end prepares one operation and returns it; a worker times it. All models get the same prompts.
Imported in the two LlamaIndex environments.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseGen,
    CompletionResponse,
    CompletionResponseGen,
    LLMMetadata,
    MessageRole,
)
from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback
from llama_index.core.llms.custom import CustomLLM

from benchmarks.answers import PIECE, TOOL_NAME

Operation = Callable[[], dict[str, float] | None]

MODEL = "qwen-plus"
KEY = "sk-benchmark"


class Floor(CustomLLM):
    """The least that an LLM can do: what LlamaIndex itself costs. Each chunk holds all so far."""

    pieces: int = 1

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata()

    @llm_completion_callback()
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        return CompletionResponse(text=PIECE)

    @llm_completion_callback()
    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseGen:
        raise NotImplementedError

    @llm_chat_callback()
    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        def chunks() -> ChatResponseGen:
            text = ""
            for _ in range(self.pieces):
                text += PIECE
                yield ChatResponse(message=ChatMessage(role=MessageRole.ASSISTANT, content=text), delta=PIECE)

        return chunks()


def make_model(model: str, url: str, pieces: int = 1) -> Any:
    """The model of that name, for that base URL."""
    match model:
        case "Qwen" | "Qwen native":
            from llama_index_qwen import Qwen

            protocol: Any = "dashscope" if model.endswith("native") else "openai"
            return Qwen(model=MODEL, api_key=KEY, base_url=url, protocol=protocol, server="dashscope")
        case "OpenAILike":
            from llama_index.llms.openai_like import OpenAILike

            return OpenAILike(
                model=MODEL, api_key=KEY, api_base=url, is_chat_model=True, is_function_calling_model=True
            )
        case "DashScope":
            import dashscope
            from llama_index.llms.dashscope import DashScope

            dashscope.base_http_api_url = url
            return DashScope(model_name=MODEL, api_key=KEY)
        case "floor":
            return Floor(pieces=pieces)
    raise ValueError(f"no model {model!r}")


def stream_chat(model: str, url: str, pieces: int) -> Operation:
    """One streamed answer, read to its end."""
    made = make_model(model, url, pieces)
    prompt = [ChatMessage(role=MessageRole.USER, content="Which is the longest river?")]

    def operate() -> None:
        received = sum(1 for _ in made.stream_chat(prompt))
        if received < pieces:
            raise RuntimeError(f"{model} gave {received} chunks of {pieces}")

    return operate


def function_agent(model: str, url: str, characters: int) -> Operation:
    """One run of an agent whose model calls a tool with that many characters of arguments."""
    from llama_index.core.agent.workflow import FunctionAgent
    from llama_index.core.tools import FunctionTool

    taken: list[int] = []

    def write_report(text: str) -> str:
        """Write the report."""
        taken.append(len(text))
        return "written"

    tool = FunctionTool.from_defaults(fn=write_report, name=TOOL_NAME)
    agent = FunctionAgent(tools=[tool], llm=make_model(model, url))
    loop = asyncio.new_event_loop()

    async def run() -> None:
        taken.clear()
        await agent.run("Write the report.")
        if len(taken) != 1 or taken[0] < characters - 100:
            raise RuntimeError(f"{model} called the tool with {taken} characters")

    return lambda: loop.run_until_complete(run())
