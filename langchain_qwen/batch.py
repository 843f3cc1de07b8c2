"""``QwenBatch``: a model or a chain whose ``batch`` uses the service's Batch API, at half the price."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import get_config_list, merge_configs

from langchain_qwen.batch_chain import Step, as_sequence, batched_model, set_outcome, split_chain
from langchain_qwen.errors import langchain_errors
from qwen_core.adapters.batches import BatchJobPair, FailedInputs
from qwen_core.resources.batches import BatchJob
from qwen_core.resources.batches.results import merged
from qwen_core.types.requests import ChatRequest

Config = RunnableConfig | list[RunnableConfig] | None


class ModelInput(NamedTuple):
    """One input of the model, and its request."""

    messages: list[BaseMessage]
    request: ChatRequest


class QwenBatch(Runnable[Any, Any]):
    """Runs a model over many inputs as batch jobs. Responses take minutes to days and cost half.

    Args:
        llm: A ChatQwen, a binding of one, or a sequence of steps with one. The steps before and after it run in
            this process.
        options: The fields of ``qwen_core.BatchOptions``. With ``journal="folder"``, a process that was killed and
            is restarted on the same inputs does not upload or submit anything twice.

    Examples:
        >>> from langchain_qwen import ChatQwen
        >>> batch = QwenBatch(ChatQwen(enable_thinking=False), journal="journal")
        >>> answers = batch.batch(["One?", "Two?"], return_exceptions=True)  # doctest: +SKIP
    """

    def __init__(self, llm: Step, **options: Any) -> None:
        with langchain_errors:
            parts = split_chain(llm)
        self._llm, self._batch_options = llm, options
        self._before, self._after = as_sequence(parts.before), as_sequence(parts.after)
        self._model, self._options, self._config = parts.model, parts.options, parts.config
        self._batched_model = batched_model(parts.model)
        self._jobs = BatchJobPair(parts.model.client_settings(), options)

    def __reduce__(self) -> tuple[Any, ...]:
        # Rebuilt from its model, which pickles without its API key.
        return partial(type(self), **self._batch_options), (self._llm,)

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Return the output of one input, as a job of its own."""
        return self.batch([input], config, **kwargs)[0]

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Return the output of one input, as a job of its own, without blocking."""
        return (await self.abatch([input], config, **kwargs))[0]

    def batch(
        self,
        inputs: list[Any],
        config: Config = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[Any]:
        """Return the outputs in the order of the inputs, when all jobs are done.

        Args:
            inputs: the inputs of the chain: messages, texts, prompts, or the variables of a prompt.
            config: callbacks and the like; each response is a run of the model for them, with usage and cost.
            return_exceptions: return errors among the outputs. Otherwise the first one is raised; if an input is
                invalid, before anything is sent. No response is lost, see ``QwenBatchJobs.run``.
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
        """Return the outputs in the order of the inputs, without blocking; arguments as for ``batch``."""
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
        """Run those inputs once more whose output is an error, as jobs of their own, and return all outputs."""
        failed = FailedInputs(inputs, outputs)
        return failed.merge(self._batch(failed.inputs, config, return_exceptions, kwargs, failed.origin))

    async def aretry_failed(
        self,
        inputs: list[Any],
        outputs: Sequence[Any],
        config: RunnableConfig | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[Any]:
        """Run those inputs once more whose output is an error, without blocking, and return all outputs."""
        failed = FailedInputs(inputs, outputs)
        return failed.merge(await self._abatch(failed.inputs, config, return_exceptions, kwargs, failed.origin))

    def submit(self, inputs: list[Any], **kwargs: Any) -> list[BatchJob]:
        """Upload and submit without waiting; ``batch`` with the same inputs waits and returns the outputs."""
        with langchain_errors:
            return self._jobs.sync.submit(self._requests(inputs, kwargs, tolerant=False))

    async def asubmit(self, inputs: list[Any], **kwargs: Any) -> list[BatchJob]:
        """Upload and submit without waiting; ``abatch`` with the same inputs waits and returns the outputs."""
        with langchain_errors:
            requests = await asyncio.to_thread(self._requests, inputs, kwargs, tolerant=False)
            return await self._jobs.asynchronous.submit(requests)

    def cancel(self, inputs: list[Any], **kwargs: Any) -> list[BatchJob]:
        """Cancel the jobs of these inputs.

        Responses finished by then are charged, and ``batch`` still returns them.
        """
        with langchain_errors:
            return self._jobs.sync.cancel(self._requests(inputs, kwargs))

    async def acancel(self, inputs: list[Any], **kwargs: Any) -> list[BatchJob]:
        """Cancel the jobs of these inputs without blocking. Responses finished by then are charged."""
        with langchain_errors:
            return await self._jobs.asynchronous.cancel(await asyncio.to_thread(self._requests, inputs, kwargs))

    def clean_up(self, inputs: list[Any] | None = None, **kwargs: Any) -> int:
        """Delete the service's files of these inputs and their results, and the record of the run.

        Returns the number of deleted files.

        Args:
            inputs: the inputs; None: those of all runs of the journal, including retries.
            kwargs: arguments of the model's call.
        """
        with langchain_errors:
            return self._jobs.sync.clean_up(None if inputs is None else self._requests(inputs, kwargs))

    async def aclean_up(self, inputs: list[Any] | None = None, **kwargs: Any) -> int:
        """Delete the service's files of these inputs and their results without blocking; return their number."""
        with langchain_errors:
            requests = None if inputs is None else await asyncio.to_thread(self._requests, inputs, kwargs)
            return await self._jobs.asynchronous.clean_up(requests)

    def _requests(self, inputs: list[Any], kwargs: dict[str, Any], *, tolerant: bool = True) -> list[ChatRequest]:
        prompts = self._before.batch(inputs, return_exceptions=tolerant)
        return requests_of(self._model_inputs(prompts, kwargs, tolerant))

    def _batch(
        self, inputs: list[Any], config: Config, tolerant: bool, kwargs: dict[str, Any], origin: Sequence[str] = ()
    ) -> list[Any]:
        configs = get_config_list(config, len(inputs))
        prompts = self._before.batch(inputs, configs, return_exceptions=tolerant)
        model_inputs = self._model_inputs(prompts, kwargs, tolerant)
        with langchain_errors:
            outcomes = iter(
                self._jobs.sync.run(requests_of(model_inputs), return_exceptions=tolerant, origin=origin)
            )
        messages: list[Any] = []
        for model_input, run_config in zip(model_inputs, configs, strict=True):
            if isinstance(model_input, ModelInput):
                set_outcome(next(outcomes))
                try:
                    messages.append(
                        self._batched_model.invoke(
                            *self._call(model_input, run_config), **self._call_options(kwargs)
                        )
                    )
                except Exception as error:
                    messages.append(returned(error, tolerant))
            else:
                messages.append(model_input)
        indexes = valid_indexes(messages)
        values, of_values = [messages[index] for index in indexes], [configs[index] for index in indexes]
        outputs = self._after.batch(values, of_values, return_exceptions=tolerant)
        return merged(messages, indexes, with_batch_id(outputs, values))

    async def _abatch(
        self, inputs: list[Any], config: Config, tolerant: bool, kwargs: dict[str, Any], origin: Sequence[str] = ()
    ) -> list[Any]:
        configs = get_config_list(config, len(inputs))
        prompts = await self._before.abatch(inputs, configs, return_exceptions=tolerant)
        model_inputs = await asyncio.to_thread(self._model_inputs, prompts, kwargs, tolerant)
        with langchain_errors:
            requests = requests_of(model_inputs)
            outcomes = iter(await self._jobs.asynchronous.run(requests, return_exceptions=tolerant, origin=origin))
        messages: list[Any] = []
        for model_input, run_config in zip(model_inputs, configs, strict=True):
            if isinstance(model_input, ModelInput):
                set_outcome(next(outcomes))
                try:
                    call = self._batched_model.ainvoke(
                        *self._call(model_input, run_config), **self._call_options(kwargs)
                    )
                    messages.append(await call)
                except Exception as error:
                    messages.append(returned(error, tolerant))
            else:
                messages.append(model_input)
        indexes = valid_indexes(messages)
        values, of_values = [messages[index] for index in indexes], [configs[index] for index in indexes]
        outputs = await self._after.abatch(values, of_values, return_exceptions=tolerant)
        return merged(messages, indexes, with_batch_id(outputs, values))

    def _model_inputs(
        self, prompts: list[Any], kwargs: dict[str, Any], tolerant: bool
    ) -> list[ModelInput | Exception]:
        model_inputs: list[ModelInput | Exception] = []
        options = self._call_options(kwargs)
        stop = options.pop("stop", None)
        for prompt in prompts:
            if isinstance(prompt, Exception):
                model_inputs.append(prompt)
                continue
            try:
                with langchain_errors:
                    messages = self._model._convert_input(prompt).to_messages()
                    model_inputs.append(ModelInput(messages, self._model._build_request(messages, stop, options)))
            except Exception as error:
                model_inputs.append(returned(error, tolerant))
        return model_inputs

    def _call_options(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        return {**self._options, **kwargs}

    def _call(self, model_input: ModelInput, config: RunnableConfig) -> tuple[list[BaseMessage], RunnableConfig]:
        return model_input.messages, merge_configs(self._config, config)


def requests_of(model_inputs: list[ModelInput | Exception]) -> list[ChatRequest]:
    """Return the requests of those inputs that are valid."""
    return [one.request for one in model_inputs if isinstance(one, ModelInput)]


def returned(error: Exception, tolerant: bool) -> Exception:
    """Return the error as an output if errors are tolerated, else raise it."""
    if not tolerant:
        raise error
    return error


def valid_indexes(values: Sequence[Any]) -> list[int]:
    """Return the indexes of the values that are not errors."""
    return [index for index, value in enumerate(values) if not isinstance(value, Exception)]


def with_batch_id(outputs: Sequence[Any], messages: Sequence[Any]) -> Sequence[Any]:
    """Return the outputs; errors of steps after the model get the batch id, as the model's own have."""
    for output, message in zip(outputs, messages, strict=True):
        if isinstance(output, Exception):
            vars(output).setdefault("batch_id", message.response_metadata.get("batch_id"))
    return outputs
