"""Probe features of each integration on the emulator, for the table in docs/comparison.md.

``python -m tests.migration.features`` prints the rows of those that are installed; the main environment holds
LangChain's, that of ``make lowest`` LlamaIndex's.
"""

import pickle
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from qwen_emulator import Emulator, Failure, RecordedRequest, Reply, SearchResult, ToolCall, faults
from tests.migration.guide import installed

KEY = "sk-of-the-features"
PICTURE = "https://example.com/cat.png"
SEEING = "qwen3-vl-plus"
STORY = Reply(("Once ", "upon ", "a ", "time"))
TWO_CALLS = Reply(
    tool_calls=[ToolCall("get_weather", {"city": "Paris"}), ToolCall("get_weather", {"city": "Rome"})]
)
FOUND = Reply("It is sunny.", search_results=[SearchResult("Weather", "https://example.com/weather")])


def get_weather(city: str) -> str:
    """Return the weather in a city."""
    return f"It is sunny in {city}."


@dataclass(frozen=True)
class Peer:
    """An integration: a model factory, and its options for thinking and search."""

    package: str
    make: Callable[..., Any]
    thinking: dict[str, Any]
    searching: dict[str, Any]
    streaming: dict[str, Any] = field(default_factory=dict)


def fields_of(name: str, url: str, options: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that all constructors have in common."""
    return {"model": "qwen-plus", "api_key": KEY, name: url, **options}


def chat_qwen(emulator: Emulator, **options: Any) -> Any:
    from langchain_qwen import ChatQwen

    return ChatQwen(**fields_of("base_url", emulator.base_url, options))


def chat_openai(emulator: Emulator, **options: Any) -> Any:
    from langchain_openai import ChatOpenAI

    return ChatOpenAI(**fields_of("base_url", emulator.compatible_url, options))


def langchain_qwq(emulator: Emulator, **options: Any) -> Any:
    from langchain_qwq import ChatQwen

    return ChatQwen(**fields_of("base_url", emulator.compatible_url, options))


def chat_tongyi(emulator: Emulator, **options: Any) -> Any:
    import dashscope
    from langchain_community.chat_models import ChatTongyi

    dashscope.base_http_api_url = emulator.native_url
    return ChatTongyi(**{"model": "qwen-plus", "api_key": KEY, **options})


def qwen(emulator: Emulator, **options: Any) -> Any:
    from llama_index_qwen import Qwen

    return Qwen(**fields_of("base_url", emulator.base_url, options))


def openai_like(emulator: Emulator, **options: Any) -> Any:
    from llama_index.llms.openai_like import OpenAILike

    known = {"is_chat_model": True, "is_function_calling_model": True}
    return OpenAILike(**fields_of("api_base", emulator.compatible_url, {**known, **options}))


def dashscope_of_llama_index(emulator: Emulator, **options: Any) -> Any:
    import dashscope
    from llama_index.llms.dashscope import DashScope

    dashscope.base_http_api_url = emulator.native_url
    if "model" in options:
        options["model_name"] = options.pop("model")
    return DashScope(**{"model_name": "qwen-plus", "api_key": KEY, **options})


THINK = {"enable_thinking": True}
SEARCH = {"enable_search": True, "search_options": {"enable_source": True}}

LANGCHAIN: dict[str, Peer] = {
    "ChatQwen": Peer("langchain_qwen", chat_qwen, THINK, SEARCH),
    "ChatOpenAI": Peer("langchain_openai", chat_openai, {"extra_body": THINK}, {"extra_body": SEARCH}),
    "langchain-qwq": Peer("langchain_qwq", langchain_qwq, THINK, {"extra_body": SEARCH}),
    "ChatTongyi": Peer(
        "langchain_community", chat_tongyi, {"model_kwargs": THINK}, {"model_kwargs": SEARCH}, {"streaming": True}
    ),
}
LLAMA_INDEX: dict[str, Peer] = {
    "Qwen": Peer("llama_index_qwen", qwen, THINK, SEARCH),
    "OpenAILike": Peer(
        "llama_index.llms.openai_like",
        openai_like,
        {"additional_kwargs": {"extra_body": THINK}},
        {"additional_kwargs": {"extra_body": SEARCH}},
    ),
    "DashScope": Peer("llama_index.llms.dashscope", dashscope_of_llama_index, THINK, SEARCH),
}

Probe = Callable[[Peer, Emulator], bool]


def added(pieces: Any) -> Any:
    """Sum a LangChain stream into one message."""
    whole = None
    for piece in pieces:
        whole = piece if whole is None else whole + piece
    return whole


def last_of(pieces: Any) -> Any:
    """Return the last chunk of a LlamaIndex stream."""
    *_, last = pieces
    return last


def asked(emulator: Emulator) -> RecordedRequest:
    """Return the last request."""
    return emulator.last_request


def was_forced(emulator: Emulator) -> bool:
    """Return whether tool_choice forced a tool and the service accepted it."""
    request = asked(emulator)
    return request.status == 200 and request.parameters.get("tool_choice") not in (None, "auto")


def lc_reasoning(peer: Peer, emulator: Emulator) -> bool:
    options = {**peer.thinking, **peer.streaming}
    return bool(added(peer.make(emulator, **options).stream("Hello")).additional_kwargs.get("reasoning_content"))


def lc_usage(peer: Peer, emulator: Emulator) -> bool:
    return added(peer.make(emulator, **peer.streaming).stream("Hello")).usage_metadata is not None


def lc_calls(peer: Peer, emulator: Emulator) -> bool:
    emulator.reply(TWO_CALLS)
    model = peer.make(emulator, **peer.streaming).bind_tools([get_weather])
    return len(added(model.stream("How is the weather in Paris and Rome?")).tool_calls) == 2


def lc_forced(peer: Peer, emulator: Emulator) -> bool:
    peer.make(emulator).bind_tools([get_weather], tool_choice="any").invoke("How is the weather in Paris?")
    return was_forced(emulator)


def lc_schema(peer: Peer, emulator: Emulator) -> bool:
    from pydantic import BaseModel

    class City(BaseModel):
        """A city."""

        name: str

    model = peer.make(emulator, model="qwen3.7-flash")
    return bool(
        model.with_structured_output(City, method="json_schema").invoke("Paris").name == "Paris"
        and asked(emulator).parameters["response_format"]["type"] == "json_schema"
    )


def lc_sources(peer: Peer, emulator: Emulator) -> bool:
    emulator.reply(FOUND)
    answer = peer.make(emulator, **peer.searching).invoke("How is the weather?")
    return "https://example.com/weather" in repr(answer)


def lc_images(peer: Peer, emulator: Emulator) -> bool:
    from langchain_core.messages import HumanMessage

    content: list[Any] = [{"type": "text", "text": "What is it?"}, {"type": "image", "url": PICTURE}]
    peer.make(emulator, model=SEEING).invoke([HumanMessage(content)])
    return asked(emulator).status == 200 and PICTURE in asked(emulator).raw.decode()


def lc_truncated(peer: Peer, emulator: Emulator) -> bool:
    emulator.reply(faults.cut_after(STORY, 2, "close"))
    try:
        added(peer.make(emulator, **peer.streaming).stream("Tell a story."))
    except Exception:
        return True
    return False


def lc_retried(peer: Peer, emulator: Emulator) -> bool:
    emulator.reply(Failure.named("rate_limit"), STORY)
    return bool(added(peer.make(emulator, **peer.streaming).stream("Tell a story.")).text == "Once upon a time")


def lc_profile(peer: Peer, emulator: Emulator) -> bool:
    return bool((peer.make(emulator).profile or {}).get("max_input_tokens"))


def pickles(peer: Peer, emulator: Emulator) -> bool:
    return bool(pickle.dumps(peer.make(emulator)))


def li_messages(text: str = "Hello") -> list[Any]:
    from llama_index.core.llms import ChatMessage

    return [ChatMessage(text)]


def li_reasoning(peer: Peer, emulator: Emulator) -> bool:
    last = last_of(peer.make(emulator, **peer.thinking).stream_chat(li_messages()))
    return any(block.block_type == "thinking" for block in last.message.blocks)


def li_usage(peer: Peer, emulator: Emulator) -> bool:
    return "total_tokens" in last_of(peer.make(emulator).stream_chat(li_messages())).additional_kwargs


def li_tools(peer: Peer, emulator: Emulator, **options: Any) -> Any:
    from llama_index.core.tools import FunctionTool

    llm = peer.make(emulator)
    last = last_of(llm.stream_chat_with_tools([FunctionTool.from_defaults(get_weather)], "Go", **options))
    return llm.get_tool_calls_from_response(last, error_on_no_tool_call=False)


def li_calls(peer: Peer, emulator: Emulator) -> bool:
    emulator.reply(TWO_CALLS)
    return len(li_tools(peer, emulator, allow_parallel_tool_calls=True)) == 2


def li_forced(peer: Peer, emulator: Emulator) -> bool:
    li_tools(peer, emulator, tool_required=True)
    return was_forced(emulator)


def li_sources(peer: Peer, emulator: Emulator) -> bool:
    emulator.reply(FOUND)
    answer = peer.make(emulator, **peer.searching).chat(li_messages())
    return "https://example.com/weather" in repr(answer.message)


def li_images(peer: Peer, emulator: Emulator) -> bool:
    from llama_index.core.llms import ChatMessage, ImageBlock, TextBlock

    llm = peer.make(emulator, model=SEEING)
    llm.chat([ChatMessage(role="user", blocks=[TextBlock(text="What is it?"), ImageBlock(url=PICTURE)])])
    return asked(emulator).status == 200 and PICTURE in asked(emulator).raw.decode()


def li_truncated(peer: Peer, emulator: Emulator) -> bool:
    emulator.reply(faults.cut_after(STORY, 2, "close"))
    try:
        last_of(peer.make(emulator).stream_chat(li_messages()))
    except Exception:
        return True
    return False


def li_retried(peer: Peer, emulator: Emulator) -> bool:
    emulator.reply(Failure.named("rate_limit"), STORY)
    last = last_of(peer.make(emulator).stream_chat(li_messages()))
    return bool(last.message.content == "Once upon a time")


def li_window(peer: Peer, emulator: Emulator) -> bool:
    return bool(peer.make(emulator).metadata.context_window > 500_000)


FEATURES: dict[str, tuple[Probe | None, Probe | None]] = {
    "reasoning in streams": (lc_reasoning, li_reasoning),
    "token usage in streams by default": (lc_usage, li_usage),
    "two tool calls in a stream": (lc_calls, li_calls),
    '`tool_choice="required"` is honoured': (lc_forced, li_forced),
    "native JSON-schema output": (lc_schema, None),
    "sources of a web search": (lc_sources, li_sources),
    "the framework's own image blocks": (lc_images, li_images),
    "a stream that was cut off is an error": (lc_truncated, li_truncated),
    "a throttled stream is retried": (lc_retried, li_retried),
    "knows the model's context window": (lc_profile, li_window),
    "can be pickled": (pickles, pickles),
}


def here(peer: Peer) -> bool:
    """Return whether the integration is installed."""
    return installed(peer.package)


def measured(peer: Peer, probe: Probe | None, emulator: Emulator) -> str:
    """Run a probe and return the text of its table cell."""
    if probe is None:
        return ""
    emulator.reset()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return "yes" if probe(peer, emulator) else "no"
        except Exception:
            return "no"


def main() -> None:
    """Print a column for each installed integration."""
    peers = {**LANGCHAIN, **LLAMA_INDEX}
    with Emulator() as emulator:
        for feature, probes in FEATURES.items():
            cells = [
                f"{name}: {measured(peer, probes[name in LLAMA_INDEX], emulator)}"
                for name, peer in peers.items()
                if here(peer)
            ]
            print(feature, *cells, sep=" | ")


if __name__ == "__main__":
    main()
