"""What is compared, how, and how much it may be. The bounds are ours.

A row has figures, each of one subject, and checks: a figure may be at most so many times another, or at most a
fixed amount. A figure ``above`` another is what is left when that one is taken away: the cost of a chunk without
its call.
"""

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from benchmarks.answers import Delivery, Scenario
from benchmarks.environments import Environment
from benchmarks.measure import Subject

Unit = Literal["µs", "ms", "MB", ""]
SCALES: dict[Unit, float] = {"µs": 1e6, "ms": 1e3, "MB": 1e-6, "": 1}


class Figure(NamedTuple):
    """One figure: the median of a subject's samples, divided by how many things a sample did."""

    name: str
    subject: Subject
    metric: str = "cpu"
    divided_by: int = 1
    above: str = ""


class Check(NamedTuple):
    """``figure`` may be at most ``bound`` times ``against``, or at most ``bound`` alone."""

    figure: str
    against: str
    bound: float


class Row(NamedTuple):
    """One kind of work."""

    title: str
    unit: Unit
    figures: tuple[Figure, ...]
    checks: tuple[Check, ...]
    rounds: int = 15


PIECES = 2_000
NATIVE = "dashscope protocol"


def subject(environment: Environment, function: str, model: str, scenario: Scenario, **arguments: Any) -> Subject:
    """A model in its environment."""
    repeat = arguments.pop("repeat", 1)
    fresh = arguments.pop("fresh", False)
    module = "langchain_models" if environment == "langchain" else "llama_index_models"
    given = (("model", model), *arguments.items())
    return Subject(environment, module, function, given, str(scenario), repeat, fresh)


def text(pieces: int = PIECES, delivery: Delivery = "burst") -> Scenario:
    """A streamed text."""
    return Scenario("text", pieces, delivery)


METRICS = ("cpu", "wall")
WHOLE = Scenario("whole", 1, "burst")


def stream_row(
    title: str,
    function: str,
    environment: Environment,
    models: dict[str, Environment | None],
    checks: tuple[Check, ...],
    delivery: Delivery = "burst",
) -> Row:
    """A row of cost per chunk, for these models; those with an environment of their own run there."""
    figures = tuple(
        Figure(
            model,
            subject(own or environment, function, model, text(delivery=delivery), pieces=PIECES),
            divided_by=PIECES,
        )
        for model, own in models.items()
    )
    return Row(title, "µs", figures, checks)


def everywhere(*models: str) -> dict[str, Environment | None]:
    """These models, in the row's environment."""
    return dict.fromkeys(models)


def langchain_streams() -> Iterator[Row]:
    """Cost per chunk under LangChain."""
    peers = everywhere("ChatQwen", "ChatOpenAI", "langchain-qwq", "openai SDK", "floor")
    yield stream_row(
        "ChatQwen.stream, per chunk",
        "stream",
        "langchain",
        peers,
        (
            Check("ChatQwen", "ChatOpenAI", 0.17),
            Check("ChatQwen", "openai SDK", 0.25),
            Check("ChatQwen", "floor", 1.6),
        ),
    )
    yield stream_row(
        "ChatQwen.stream, each chunk written alone, per chunk (no bound)",
        "stream",
        "langchain",
        peers,
        (),
        "single",
    )
    yield stream_row(
        "ChatQwen.astream, per chunk",
        "astream",
        "langchain",
        everywhere("ChatQwen", "ChatOpenAI", "floor"),
        (Check("ChatQwen", "ChatOpenAI", 0.17),),
    )
    yield stream_row(
        "ChatQwen.astream, each chunk written alone, per chunk (no bound)",
        "astream",
        "langchain",
        everywhere("ChatQwen", "ChatOpenAI", "floor"),
        (),
        "single",
    )
    for function, bound in (("stream", 0.45), ("astream", 0.25)):
        yield stream_row(
            f"ChatQwen.{function}, {NATIVE}, per chunk",
            function,
            "langchain",
            everywhere("ChatQwen native", "ChatTongyi"),
            (Check("ChatQwen native", "ChatTongyi", bound),),
        )


def llama_index_streams() -> Iterator[Row]:
    """Cost per chunk under LlamaIndex."""
    yield stream_row(
        f"Qwen.stream_chat, {NATIVE}, per chunk",
        "stream_chat",
        "llama-index",
        {"Qwen native": None, "DashScope": "llama-index-dashscope"},
        (Check("Qwen native", "DashScope", 0.55),),
    )
    yield stream_row(
        "Qwen.stream_chat, per chunk",
        "stream_chat",
        "llama-index",
        everywhere("Qwen", "OpenAILike", "floor"),
        (Check("Qwen", "OpenAILike", 0.22), Check("Qwen", "floor", 1.7)),
    )


def large_events() -> Iterator[Row]:
    """One event of 4 MB beside one of 256 KB: 16 times as much, within 1.5."""
    for model, wire in (("ChatQwen", "openai protocol"), ("ChatQwen native", NATIVE)):
        figures = tuple(
            Figure(
                f"{kilobytes} KB",
                subject(
                    "langchain", "stream", model, Scenario("event", kilobytes, "burst"), pieces=1, repeat=repeat
                ),
            )
            for kilobytes, repeat in ((256, 16), (4096, 2))
        )
        yield Row(f"one event of audio, {wire}", "ms", figures, (Check("4096 KB", "256 KB", 16 * 1.5),))


def calls() -> Iterator[Row]:
    """Whole answers."""
    models = ("ChatQwen", "ChatOpenAI", "langchain-qwq")
    yield Row(
        "ChatQwen.invoke, short",
        "µs",
        tuple(Figure(model, subject("langchain", "invoke", model, WHOLE, repeat=300)) for model in models),
        (Check("ChatQwen", "ChatOpenAI", 0.55),),
    )
    yield Row(
        "ChatQwen.invoke, 400 messages and 20 tools",
        "µs",
        tuple(
            Figure(model, subject("langchain", "invoke", model, WHOLE, messages=400, tools=20, repeat=5))
            for model in models
        ),
        (Check("ChatQwen", "ChatOpenAI", 0.06),),
    )
    concurrent = {model: subject("langchain", "ainvoke", model, WHOLE, count=500) for model in models[:2]}
    yield Row(
        "500 concurrent ainvoke, per call",
        "µs",
        tuple(
            Figure(f"{model} {metric}", measured, metric, 500)
            for metric in METRICS
            for model, measured in concurrent.items()
        ),
        tuple(Check(f"ChatQwen {metric}", f"ChatOpenAI {metric}", 0.4) for metric in METRICS),
        rounds=7,
    )


def starts() -> Iterator[Row]:
    """Importing and constructing."""
    for environment, ours, theirs, bound in (
        (
            "langchain",
            "from langchain_qwen import ChatQwen",
            "import langchain_core.language_models.chat_models",
            1.08,
        ),
        ("llama-index", "from llama_index_qwen import Qwen", "import llama_index.core.llms", 1.05),
    ):
        home: Environment = "langchain" if environment == "langchain" else "llama-index"
        figures = tuple(Figure(line, Subject(home, statement=line)) for line in (ours, theirs))
        yield Row(ours, "ms", figures, (Check(ours, theirs, bound),), rounds=30)
    constructing = {
        model: subject("langchain", "construct", model, WHOLE, fresh=True)
        for model in ("ChatQwen", "ChatOpenAI", "langchain-qwq")
    }
    yield Row(
        "ChatQwen()",
        "ms",
        (
            Figure("ChatQwen, the first", constructing["ChatQwen"], "first"),
            *(Figure(model, measured, "median") for model, measured in constructing.items()),
        ),
        (Check("ChatQwen", "", 1), Check("ChatQwen, the first", "", 1)),
        rounds=5,
    )
    yield Row(
        "ChatQwen(): connections and SDKs imported",
        "",
        (
            Figure("connections", constructing["ChatQwen"], "connections"),
            Figure("SDKs", constructing["ChatQwen"], "sdks"),
        ),
        (Check("connections", "", 0), Check("SDKs", "", 0)),
        rounds=1,
    )


def growth() -> Iterator[Row]:
    """What must stay flat: the cost of one more chunk, and of one more message."""
    yield Row(
        "one more chunk of 200, 2,000, 20,000",
        "µs",
        (
            *flat("stream", "langchain", "ChatQwen"),
            *flat("stream_chat", "llama-index", "Qwen"),
            *flat("stream", "langchain", "QwenClient"),
            *flat("stream", "langchain", "floor"),
        ),
        tuple(
            Check(f"{model} {more}", f"{model} {fewer}", 1.3)
            for model in ("ChatQwen", "Qwen", "QwenClient")
            for fewer, more in ((200, 2_000), (200, 20_000))
        ),
        rounds=9,
    )
    one, fifty, many = (
        subject("langchain", "invoke", "ChatQwen", WHOLE, messages=count, repeat=repeat)
        for count, repeat in ((1, 100), (50, 40), (400, 10))
    )
    yield Row(
        "ChatQwen.invoke, one more message of 1 to 50, of 50 to 400",
        "µs",
        (
            Figure("1", one),
            Figure("to 50", fifty, divided_by=49, above="1"),
            Figure("50", fifty),
            Figure("to 400", many, divided_by=350, above="50"),
        ),
        (Check("to 400", "to 50", 1.3),),
    )


def flat(function: str, environment: Environment, model: str) -> Iterator[Figure]:
    """The cost of a chunk in streams of three lengths, without the cost of a call."""
    call = f"{model} 1"
    yield Figure(call, subject(environment, function, model, text(1), pieces=1, repeat=20))
    for pieces, repeat in ((200, 10), (2_000, 1), (20_000, 1)):
        measured = subject(environment, function, model, text(pieces), pieces=pieces, repeat=repeat)
        yield Figure(f"{model} {pieces}", measured, divided_by=pieces - 1, above=call)


def agents_and_memory() -> Iterator[Row]:
    """A tool call under an agent, and streams that are open."""
    call = Scenario("tool", 8_000, "burst")
    yield Row(
        "FunctionAgent, one streamed tool call with 8,000 characters of arguments",
        "ms",
        tuple(
            Figure(model, subject("llama-index", "function_agent", model, call, characters=8_000))
            for model in ("Qwen", "OpenAILike")
        ),
        (Check("Qwen", "OpenAILike", 0.15),),
        rounds=9,
    )
    held = Scenario("held", 0, "burst")
    yield Row(
        "memory of 200 open streams",
        "MB",
        tuple(
            Figure(model, subject("langchain", "hold", model, held, count=200, fresh=True), "memory")
            for model in ("ChatQwen", "ChatOpenAI")
        ),
        (Check("ChatQwen", "ChatOpenAI", 0.6),),
        rounds=7,
    )


def all_rows() -> list[Row]:
    """Every row, in the order of the table."""
    return [
        *langchain_streams(),
        *llama_index_streams(),
        *large_events(),
        *calls(),
        *starts(),
        *agents_and_memory(),
        *growth(),
    ]
