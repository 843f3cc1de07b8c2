"""``QwenBatch``: a model or a chain whose ``batch`` goes through the service's Batch API, at half the price."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import get_config_list, merge_configs

from langchain_qwen.batch_chain import Step, answered, give_out, in_a_row, take_apart
from langchain_qwen.chat_calls import chat_request
from langchain_qwen.exceptions import langchain_errors
from qwen_core.resources.batches import AsyncQwenBatchJobs, BatchJob, QwenBatchJobs
from qwen_core.resources.batches.journal import as_journal
from qwen_core.resources.batches.results import failures, merged
from qwen_core.types.requests import ChatRequest

Config = RunnableConfig | list[RunnableConfig] | None


class Asked(NamedTuple):
    """One input as what the model is asked."""

    messages: list[BaseMessage]
    request: ChatRequest


class QwenBatch(Runnable[Any, Any]):
    """Runs a model over many inputs as batch jobs. Answers take minutes to days and cost half.

    Args:
        llm: a ChatQwen, with whatever is bound to it, or a sequence of steps with one in it. The steps before and
            after it run here.
        options: the fields of ``qwen_core.BatchOptions``. With ``journal="folder"`` a process that was
            killed and is started again on the same inputs uploads and submits nothing twice.

    Example:
        >>> from langchain_qwen import ChatQwen
        >>> batch = QwenBatch(ChatQwen(enable_thinking=False), journal="journal")
        >>> answers = batch.batch(["One?", "Two?"], return_exceptions=True)  # doctest: +SKIP
    """

    def __init__(self, llm: Step, **options: Any) -> None:
        with langchain_errors:
            parts = take_apart(llm)
        self._llm, self._given = llm, options
        self._before, self._after = in_a_row(parts.before), in_a_row(parts.after)
        self._model, self._options, self._config = parts.model, parts.options, parts.config
        self._answered = answered(parts.model)
        settings = parts.model.client_settings()
        shared = {**options, "journal": as_journal(options.get("journal"))}
        self._jobs = QwenBatchJobs(settings, **shared)
        self._async_jobs = AsyncQwenBatchJobs(settings, **shared)

    def __reduce__(self) -> tuple[Any, ...]:
        # Made anew of its model, which knows how to leave out the key.
        return partial(type(self), **self._given), (self._llm,)

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """The answer to one input, as a job of its own."""
        return self.batch([input], config, **kwargs)[0]

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """The answer to one input, as a job of its own, without blocking."""
        return (await self.abatch([input], config, **kwargs))[0]

    def batch(
        self,
        inputs: list[Any],
        config: Config = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[Any]:
        """The outputs in the order of the inputs, once all jobs are done.

        Args:
            inputs: what the chain takes: messages, texts, prompts, or the variables of a prompt.
            config: callbacks and the like; each answer is a run of the model for them, with usage and cost.
            return_exceptions: put errors in the place of outputs. Otherwise the first one is raised, before
                anything is sent where an input cannot be; no answer is lost, see ``QwenBatchJobs.run``.
            kwargs: arguments of the model's call.
        """
        return self._batch(inputs, config, return_exceptions, kwargs)

    async def abatch(
        self,
        inputs: list[Any],
        config: Config = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[Any]:
        """The same without blocking."""
        return await self._abatch(inputs, config, return_exceptions, kwargs)

    def retry_failed(
        self,
        inputs: list[Any],
        outputs: Sequence[Any],
        config: RunnableConfig | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[Any]:
        """The outputs with those inputs run once more whose output is an error, as jobs of their own."""
        places, origin = failures(inputs, outputs)
        again = self._batch([inputs[place] for place in places], config, return_exceptions, kwargs, origin)
        return merged(outputs, places, again)

    async def aretry_failed(
        self,
        inputs: list[Any],
        outputs: Sequence[Any],
        config: RunnableConfig | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[Any]:
        """The same without blocking."""
        places, origin = failures(inputs, outputs)
        again = await self._abatch([inputs[place] for place in places], config, return_exceptions, kwargs, origin)
        return merged(outputs, places, again)

    def submit(self, inputs: list[Any], **kwargs: Any) -> list[BatchJob]:
        """Upload and submit without waiting; ``batch`` with the same inputs waits and gives the outputs."""
        with langchain_errors:
            return self._jobs.submit(self._requests(inputs, kwargs, tolerant=False))

    async def asubmit(self, inputs: list[Any], **kwargs: Any) -> list[BatchJob]:
        """The same without blocking."""
        with langchain_errors:
            requests = await asyncio.to_thread(self._requests, inputs, kwargs, tolerant=False)
            return await self._async_jobs.submit(requests)

    def cancel(self, inputs: list[Any], **kwargs: Any) -> list[BatchJob]:
        """Cancel the jobs of these inputs. What is answered by then is charged, and ``batch`` still gives it."""
        with langchain_errors:
            return self._jobs.cancel(self._requests(inputs, kwargs))

    async def acancel(self, inputs: list[Any], **kwargs: Any) -> list[BatchJob]:
        """The same without blocking."""
        with langchain_errors:
            return await self._async_jobs.cancel(await asyncio.to_thread(self._requests, inputs, kwargs))

    def clean_up(self, inputs: list[Any] | None = None, **kwargs: Any) -> int:
        """Delete the files of these inputs and of their results at the service, and the record of the run.

        None: of all runs of the journal, retries included. Gives the number of files.
        """
        with langchain_errors:
            return self._jobs.clean_up(None if inputs is None else self._requests(inputs, kwargs))

    async def aclean_up(self, inputs: list[Any] | None = None, **kwargs: Any) -> int:
        """The same without blocking."""
        with langchain_errors:
            requests = None if inputs is None else await asyncio.to_thread(self._requests, inputs, kwargs)
            return await self._async_jobs.clean_up(requests)

    def _requests(self, inputs: list[Any], kwargs: dict[str, Any], *, tolerant: bool = True) -> list[ChatRequest]:
        prompts = self._before.batch(inputs, return_exceptions=tolerant)
        return requests_of(self._asked(prompts, kwargs, tolerant))

    def _batch(
        self, inputs: list[Any], config: Config, tolerant: bool, kwargs: dict[str, Any], origin: Sequence[str] = ()
    ) -> list[Any]:
        configs = get_config_list(config, len(inputs))
        prompts = self._before.batch(inputs, configs, return_exceptions=tolerant)
        asked = self._asked(prompts, kwargs, tolerant)
        with langchain_errors:
            outcomes = iter(self._jobs.run(requests_of(asked), return_exceptions=tolerant, origin=origin))
        answers: list[Any] = []
        for one, run_config in zip(asked, configs, strict=True):
            if isinstance(one, Asked):
                give_out(next(outcomes))
                try:
                    answers.append(self._answered.invoke(*self._call(one, run_config), **self._with(kwargs)))
                except Exception as error:
                    answers.append(kept(error, tolerant))
            else:
                answers.append(one)
        places = good(answers)
        values, of_values = [answers[place] for place in places], [configs[place] for place in places]
        outputs = self._after.batch(values, of_values, return_exceptions=tolerant)
        return merged(answers, places, with_batch(outputs, values))

    async def _abatch(
        self, inputs: list[Any], config: Config, tolerant: bool, kwargs: dict[str, Any], origin: Sequence[str] = ()
    ) -> list[Any]:
        configs = get_config_list(config, len(inputs))
        prompts = await self._before.abatch(inputs, configs, return_exceptions=tolerant)
        asked = await asyncio.to_thread(self._asked, prompts, kwargs, tolerant)
        with langchain_errors:
            requests = requests_of(asked)
            outcomes = iter(await self._async_jobs.run(requests, return_exceptions=tolerant, origin=origin))
        answers: list[Any] = []
        for one, run_config in zip(asked, configs, strict=True):
            if isinstance(one, Asked):
                give_out(next(outcomes))
                try:
                    call = self._answered.ainvoke(*self._call(one, run_config), **self._with(kwargs))
                    answers.append(await call)
                except Exception as error:
                    answers.append(kept(error, tolerant))
            else:
                answers.append(one)
        places = good(answers)
        values, of_values = [answers[place] for place in places], [configs[place] for place in places]
        outputs = await self._after.abatch(values, of_values, return_exceptions=tolerant)
        return merged(answers, places, with_batch(outputs, values))

    def _asked(self, prompts: list[Any], kwargs: dict[str, Any], tolerant: bool) -> list[Asked | Exception]:
        asked: list[Asked | Exception] = []
        options = self._with(kwargs)
        stop = options.pop("stop", None)
        for prompt in prompts:
            if isinstance(prompt, Exception):
                asked.append(prompt)
                continue
            try:
                with langchain_errors:
                    messages = self._model._convert_input(prompt).to_messages()
                    asked.append(Asked(messages, chat_request(self._model, messages, stop, options)))
            except Exception as error:
                asked.append(kept(error, tolerant))
        return asked

    def _with(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        return {**self._options, **kwargs}

    def _call(self, asked: Asked, config: RunnableConfig) -> tuple[list[BaseMessage], RunnableConfig]:
        return asked.messages, merge_configs(self._config, config)


def requests_of(asked: list[Asked | Exception]) -> list[ChatRequest]:
    """What is asked of the model."""
    return [one.request for one in asked if isinstance(one, Asked)]


def kept(error: Exception, tolerant: bool) -> Exception:
    """The error as an output, where errors are put there."""
    if not tolerant:
        raise error
    return error


def good(values: Sequence[Any]) -> list[int]:
    """Where no errors stand."""
    return [place for place, value in enumerate(values) if not isinstance(value, Exception)]


def with_batch(outputs: Sequence[Any], messages: Sequence[Any]) -> Sequence[Any]:
    """The outputs; errors of steps behind the model say which job the answer is from, as the model's own do."""
    for output, message in zip(outputs, messages, strict=True):
        if isinstance(output, Exception):
            vars(output).setdefault("batch_id", message.response_metadata.get("batch_id"))
    return outputs
