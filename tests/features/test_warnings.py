"""Warnings point at the user's line, whatever lies between it and our code."""

import asyncio
import warnings
from collections.abc import Callable

import pytest
from langchain_core.runnables import RunnableLambda

from langchain_qwen import ChatQwen
from llama_index_qwen import Qwen
from qwen_core.errors import QwenWarning
from qwen_emulator import Emulator

NOTICE = "always thinks"


def chat(emulator: Emulator) -> ChatQwen:
    """Return a model whose fields cause a warning."""
    return ChatQwen(model="qwq-plus", enable_thinking=False, api_key="any", base_url=emulator.base_url)


def complete(emulator: Emulator) -> object:
    llm = Qwen(model="qwq-plus", enable_thinking=False, api_key="any", base_url=emulator.base_url)
    return llm.complete("Hi")


CALLS: dict[str, Callable[[Emulator], object]] = {
    "invoke": lambda emulator: chat(emulator).invoke("Hi"),
    "ainvoke": lambda emulator: asyncio.run(chat(emulator).ainvoke("Hi")),
    "stream": lambda emulator: list(chat(emulator).stream("Hi")),
    "chain": lambda emulator: (RunnableLambda(str) | chat(emulator)).invoke("Hi"),
    "complete": complete,
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_warning_points_at_the_users_line(call: Callable[[Emulator], object], qwen_emulator: Emulator) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", QwenWarning)
        call(qwen_emulator)
    (place,) = [warning.filename for warning in caught if NOTICE in str(warning.message)]
    assert place == __file__


def test_warning_in_a_pool_thread_is_emitted(qwen_emulator: Emulator) -> None:
    with pytest.warns(QwenWarning, match=NOTICE) as caught:
        chat(qwen_emulator).batch(["Hi", "Ho"])
    assert len([warning for warning in caught if NOTICE in str(warning.message)]) == 2
