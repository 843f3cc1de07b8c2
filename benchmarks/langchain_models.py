"""What is measured under LangChain: our class, its peers, LangChain's own floor and the bare SDK.

Each function at the end prepares one operation and returns it; a worker times it. All models get the same prompts
and the same settings. Imported in the environment ``langchain`` alone.
"""

import asyncio
import gc
import resource
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from importlib import import_module
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from benchmarks.answers import PIECE

Operation = Callable[[], dict[str, float] | None]

MODEL = "qwen-plus"
KEY = "sk-benchmark"
WORDS = "The Nile flows north through eleven countries and was long held to be the longest river of all. " * 2
SDK_MODULES = ("openai", "dashscope")


class Floor(BaseChatModel):
    """The least that a chat model can do: what LangChain itself costs."""

    pieces: int = 1

    @property
    def _llm_type(self) -> str:
        return "floor"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessage(content=PIECE))])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        for _ in range(self.pieces):
            yield ChatGenerationChunk(message=AIMessageChunk(content=PIECE))

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        for _ in range(self.pieces):
            yield ChatGenerationChunk(message=AIMessageChunk(content=PIECE))


class BareSDK:
    """The openai SDK alone, with its own documented calls."""

    def __init__(self, url: str) -> None:
        import openai

        self._client = openai.OpenAI(api_key=KEY, base_url=url)

    def stream(self, messages: list[BaseMessage]) -> Iterator[object]:
        yield from self._client.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": str(messages[0].content)}],
            stream=True,
            stream_options={"include_usage": True},
        )


class BareClient:
    """Our own core alone, without a framework."""

    def __init__(self, url: str) -> None:
        from qwen_core.config.settings import ClientSettings
        from qwen_core.resources.sync.client import QwenClient

        settings = ClientSettings(api_key=KEY, base_url=url, protocol="openai", server="dashscope")
        self._client = QwenClient(settings)

    def stream(self, messages: list[BaseMessage]) -> Iterator[object]:
        from qwen_core.types.messages import Message, TextPart
        from qwen_core.types.requests import ChatRequest

        prompt = Message("user", (TextPart(str(messages[0].content)),))
        return self._client.stream(ChatRequest(model=MODEL, messages=(prompt,)))


def make_model(model: str, url: str, pieces: int = 1) -> Any:
    """The model of that name, for that base URL."""
    match model:
        case "ChatQwen" | "ChatQwen native":
            from langchain_qwen import ChatQwen

            protocol: Any = "dashscope" if model.endswith("native") else "openai"
            return ChatQwen(model=MODEL, api_key=KEY, base_url=url, protocol=protocol, server="dashscope")
        case "ChatOpenAI":
            from langchain_openai import ChatOpenAI

            return ChatOpenAI(model=MODEL, api_key=KEY, base_url=url, stream_usage=True)
        case "langchain-qwq":
            from langchain_qwq import ChatQwen as OtherChatQwen

            return OtherChatQwen(model=MODEL, api_key=KEY, base_url=url, stream_usage=True)
        case "ChatTongyi":
            import dashscope
            from langchain_community.chat_models import ChatTongyi

            dashscope.base_http_api_url = url
            return ChatTongyi(model=MODEL, api_key=KEY, streaming=True)
        case "openai SDK":
            return BareSDK(url)
        case "QwenClient":
            return BareClient(url)
        case "floor":
            return Floor(pieces=pieces)
    raise ValueError(f"no model {model!r}")


def history(messages: int) -> list[BaseMessage]:
    """A conversation of that many messages as an agent has it, one call with its result in each four."""
    if messages == 1:
        return [HumanMessage("Which is the longest river?")]
    found: list[BaseMessage] = []
    for turn in range((messages + 3) // 4):
        call = {"name": "look_up", "args": {"topic": "rivers", "page": turn}, "id": f"call_{turn}"}
        found += [
            HumanMessage(f"{turn}. {WORDS}"),
            AIMessage("", tool_calls=[call]),
            ToolMessage(WORDS, tool_call_id=f"call_{turn}"),
            AIMessage(WORDS),
        ]
    return [*found[: messages - 1], HumanMessage("And the second?")]


def tool_definitions(count: int) -> list[dict[str, Any]]:
    """That many tools in OpenAI's form."""
    properties = {
        name: {"type": "string", "description": f"The {name} to look for, as the register writes it."}
        for name in ("topic", "country", "period", "language")
    }
    parameters = {"type": "object", "properties": properties, "required": ["topic"]}
    function = {"description": "Looks a fact up in the register of rivers.", "parameters": parameters}
    return [{"type": "function", "function": {"name": f"look_up_{i}", **function}} for i in range(count)]


def stream(model: str, url: str, pieces: int) -> Operation:
    """One streamed answer, read to its end."""
    made, prompt = make_model(model, url, pieces), history(1)

    def operate() -> None:
        received = sum(1 for _ in made.stream(prompt))
        if received < pieces:
            raise RuntimeError(f"{model} gave {received} chunks of {pieces}")

    return operate


def astream(model: str, url: str, pieces: int) -> Operation:
    """The same, asynchronously, always in one event loop."""
    made, prompt, loop = make_model(model, url, pieces), history(1), asyncio.new_event_loop()

    async def read() -> None:
        received = 0
        async for _ in made.astream(prompt):
            received += 1
        if received < pieces:
            raise RuntimeError(f"{model} gave {received} chunks of {pieces}")

    return lambda: loop.run_until_complete(read())


def invoke(model: str, url: str, messages: int = 1, tools: int = 0) -> Operation:
    """One whole answer."""
    made, prompt = make_model(model, url), history(messages)
    bound = made.bind_tools(tool_definitions(tools)) if tools else made

    def operate() -> None:
        bound.invoke(prompt)

    return operate


def ainvoke(model: str, url: str, count: int) -> Operation:
    """That many whole answers at once."""
    made, prompt, loop = make_model(model, url), history(1), asyncio.new_event_loop()

    async def ask() -> None:
        await asyncio.gather(*(made.ainvoke(prompt) for _ in range(count)))

    return lambda: loop.run_until_complete(ask())


def hold(model: str, url: str, count: int) -> Operation:
    """The memory that many streams take which have begun and not ended."""
    made, prompt = make_model(model, url), history(1)

    async def begin() -> AsyncIterator[object]:
        answer: AsyncIterator[object] = made.astream(prompt)
        await anext(answer)
        return answer

    async def measure() -> float:
        first = await begin()
        await anext(first)
        gc.collect()
        before = resident_bytes()
        others = await asyncio.gather(*(begin() for _ in range(count)))
        gc.collect()
        taken = resident_bytes() - before
        for answer in (first, *others):
            await answer.aclose()  # type: ignore[attr-defined]
        return taken

    return lambda: {"memory": asyncio.run(measure())}


def construct(model: str, url: str) -> Operation:
    """A model made 200 times: the first, and the median; whether that reached for the network or for an SDK."""
    connections: list[object] = []
    sys.addaudithook(lambda event, arguments: connections.append(arguments) if event == "socket.connect" else None)
    packages = {"ChatQwen": "langchain_qwen", "ChatOpenAI": "langchain_openai", "langchain-qwq": "langchain_qwq"}
    make = getattr(import_module(packages[model]), "ChatOpenAI" if model == "ChatOpenAI" else "ChatQwen")

    def operate() -> dict[str, float]:
        times: list[float] = []
        for _ in range(200):
            start = time.process_time()
            make()
            times.append(time.process_time() - start)
        return {
            "first": times[0],
            "median": sorted(times)[len(times) // 2],
            "connections": len(connections),
            "sdks": sum(name in sys.modules for name in SDK_MODULES),
        }

    return operate


def resident_bytes() -> int:
    """The memory that this process has in use."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()
