"""A chain taken apart around the one model in it, and that model's answers put in from elsewhere."""

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any, NamedTuple

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatResult
from langchain_core.runnables import (
    Runnable,
    RunnableBinding,
    RunnableConfig,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
    RunnableSequence,
)
from langchain_core.runnables.config import merge_configs

from langchain_qwen.chat_models import ChatQwen
from langchain_qwen.chunks import to_result
from langchain_qwen.exceptions import to_langchain
from qwen_core.errors import QwenError, UnsupportedFeatureError
from qwen_core.types.responses import ChatResponse

Step = Runnable[Any, Any]


class Parts(NamedTuple):
    """What runs before the model, the model with what is bound to it, and what runs after it."""

    before: tuple[Step, ...]
    model: ChatQwen
    options: dict[str, Any]
    config: RunnableConfig
    after: tuple[Step, ...]


def take_apart(chain: Step) -> Parts:
    """The parts of a chain. Raises UnsupportedFeatureError unless it holds one ChatQwen that is called once."""
    found = parts_of(chain)
    if found is None:
        raise UnsupportedFeatureError(
            f"There is no ChatQwen in {type(chain).__name__} that a batch could ask.",
            hint="Give a ChatQwen, with what is bound to it, or a sequence of steps with one; with_retry and "
            "with_fallbacks have no place in a batch.",
        )
    return found


def parts_of(step: Step) -> Parts | None:
    """The parts of a step, None where no model is in it."""
    if isinstance(step, ChatQwen):
        return Parts((), step, {}, {}, ())
    if isinstance(step, RunnableBinding):
        inner = parts_of(step.bound)
        if inner is not None and step.kwargs and (inner.before or inner.after):
            raise too_much("arguments bound to a whole sequence")
        return inner and inner._replace(
            options={**inner.options, **step.kwargs}, config=merge_configs(inner.config, step.config)
        )
    if isinstance(step, RunnableSequence):
        place, inner = only_one([parts_of(each) for each in step.steps])
        return inner and inner._replace(
            before=(*step.steps[:place], *inner.before), after=(*inner.after, *step.steps[place + 1 :])
        )
    if isinstance(step, RunnableParallel):
        names = list(step.steps__)
        place, inner = only_one([parts_of(each) for each in step.steps__.values()])
        if inner is not None and len(names) > 1:
            raise too_much("a model beside other branches")
        return inner and inner._replace(after=(*inner.after, RunnableLambda(under(names[place]))))
    return None


def only_one(steps: Sequence[Parts | None]) -> tuple[int, Parts | None]:
    """The one step with a model and its place."""
    found = [(place, parts) for place, parts in enumerate(steps) if parts is not None]
    if len(found) > 1:
        raise too_much(f"{len(found)} models")
    return found[0] if found else (0, None)


def too_much(what: str) -> UnsupportedFeatureError:
    """The error for a chain that is more than one call."""
    return UnsupportedFeatureError(f"A batch makes one call for each input; this chain has {what}.")


def under(name: str) -> Callable[[Any], dict[str, Any]]:
    """What puts a value under a name, as a parallel step of one branch does."""

    def put(value: Any) -> dict[str, Any]:
        return {name: value}

    return put


def in_a_row(steps: Sequence[Step]) -> Step:
    """The steps as one."""
    if not steps:
        return RunnablePassthrough()
    return RunnableSequence(*steps) if len(steps) > 1 else steps[0]


_OUTCOME: ContextVar[ChatResponse | QwenError] = ContextVar("qwen_batch_outcome")


class AnsweredChatQwen(ChatQwen):
    """A model whose answer is there already: callbacks, traces and output versions are LangChain's own."""

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return result()

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return result()


def result() -> ChatResult:
    """The outcome that is being given out, raised where it is an error."""
    outcome = _OUTCOME.get()
    if isinstance(outcome, QwenError):
        raise to_langchain(outcome) from outcome.__cause__
    return to_result(outcome)


def answered(model: ChatQwen) -> AnsweredChatQwen:
    """The model to give answers out with. It asks nobody, so that it neither waits nor caches."""
    fields = {name: getattr(model, name) for name in type(model).model_fields if name in ChatQwen.model_fields}
    own = {"rate_limiter": None, "cache": False, "disable_streaming": True, "name": model.name or "ChatQwen"}
    return AnsweredChatQwen.model_construct(set(model.model_fields_set), **{**fields, **own})


def give_out(outcome: ChatResponse | QwenError) -> None:
    """Say which outcome the next call of an answered model in this context has."""
    _OUTCOME.set(outcome)
