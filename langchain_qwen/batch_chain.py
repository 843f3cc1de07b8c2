"""Split a chain at its only model, and run that model with responses from elsewhere."""

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
from langchain_qwen.errors import to_langchain
from langchain_qwen.output import to_result
from qwen_core.errors import QwenError, UnsupportedFeatureError
from qwen_core.types.responses import ChatResponse

Step = Runnable[Any, Any]


class ChainParts(NamedTuple):
    """The steps before the model, the model with its bound arguments and config, and the steps after it."""

    before: tuple[Step, ...]
    model: ChatQwen
    options: dict[str, Any]
    config: RunnableConfig
    after: tuple[Step, ...]


def split_chain(chain: Step) -> ChainParts:
    """Return the parts of a chain.

    Raises UnsupportedFeatureError unless it has one ChatQwen that is called once.
    """
    parts = parts_of(chain)
    if parts is None:
        raise UnsupportedFeatureError(
            f"There is no ChatQwen in {type(chain).__name__} that a batch could call.",
            hint="Give a ChatQwen, a binding of one, or a sequence of steps with one. with_retry and "
            "with_fallbacks are not available in a batch.",
        )
    return parts


def parts_of(step: Step) -> ChainParts | None:
    """Return the parts of a step; None if it has no model."""
    if isinstance(step, ChatQwen):
        return ChainParts((), step, {}, {}, ())
    if isinstance(step, RunnableBinding):
        inner = parts_of(step.bound)
        if inner is not None and step.kwargs and (inner.before or inner.after):
            raise more_than_one_call("arguments bound to a whole sequence")
        return inner and inner._replace(
            options={**inner.options, **step.kwargs}, config=merge_configs(inner.config, step.config)
        )
    if isinstance(step, RunnableSequence):
        index, inner = sole_model([parts_of(each) for each in step.steps])
        return inner and inner._replace(
            before=(*step.steps[:index], *inner.before), after=(*inner.after, *step.steps[index + 1 :])
        )
    if isinstance(step, RunnableParallel):
        names = list(step.steps__)
        index, inner = sole_model([parts_of(each) for each in step.steps__.values()])
        if inner is not None and len(names) > 1:
            raise more_than_one_call("a model beside other branches")
        return inner and inner._replace(after=(*inner.after, RunnableLambda(pick_key(names[index]))))
    return None


def sole_model(steps: Sequence[ChainParts | None]) -> tuple[int, ChainParts | None]:
    """Return the index and the parts of the only step with a model."""
    models = [(index, parts) for index, parts in enumerate(steps) if parts is not None]
    if len(models) > 1:
        raise more_than_one_call(f"{len(models)} models")
    return models[0] if models else (0, None)


def more_than_one_call(what: str) -> UnsupportedFeatureError:
    """Return the error for a chain that makes more than one call per input."""
    return UnsupportedFeatureError(f"A batch makes one call for each input; this chain has {what}.")


def pick_key(name: str) -> Callable[[Any], dict[str, Any]]:
    """Return a function that puts a value under a key, as a parallel step of one branch does."""

    def with_key(value: Any) -> dict[str, Any]:
        return {name: value}

    return with_key


def as_sequence(steps: Sequence[Step]) -> Step:
    """Return the steps as one."""
    if not steps:
        return RunnablePassthrough()
    return RunnableSequence(*steps) if len(steps) > 1 else steps[0]


_OUTCOME: ContextVar[ChatResponse | QwenError] = ContextVar("qwen_batch_outcome")


class BatchedChatQwen(ChatQwen):
    """A model whose response is there already: callbacks, traces and output versions are LangChain's own."""

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return current_result()

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return current_result()


def current_result() -> ChatResult:
    """Return the response that was set for this call, or raise its error."""
    outcome = _OUTCOME.get()
    if isinstance(outcome, QwenError):
        raise to_langchain(outcome) from outcome.__cause__
    return to_result(outcome)


def batched_model(model: ChatQwen) -> BatchedChatQwen:
    """Return the model that returns the responses. It makes no calls and therefore neither waits nor caches."""
    fields = {name: getattr(model, name) for name in type(model).model_fields if name in ChatQwen.model_fields}
    own = {"rate_limiter": None, "cache": False, "disable_streaming": True, "name": model.name or "ChatQwen"}
    return BatchedChatQwen.model_construct(set(model.model_fields_set), **{**fields, **own})


def set_outcome(outcome: ChatResponse | QwenError) -> None:
    """Set the outcome of the next call of a ``BatchedChatQwen`` in this context."""
    _OUTCOME.set(outcome)
