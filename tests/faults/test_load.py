"""Concurrency: threads, event loops, processes, and a server that throttles one request in ten."""

import asyncio
import multiprocessing
import os
import pickle
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import msgspec

from langchain_qwen import ChatQwen
from llama_index_qwen import Qwen
from qwen_core import AsyncQwenClient, ChatRequest, ClientSettings, QwenClient
from qwen_core.config.timeouts import Timeout
from qwen_core.types.messages import Message, TextPart
from qwen_emulator import Emulator, Failure, RecordedRequest
from tests.faults.conftest import KEY
from tests.faults.soak import run


def echo(request: RecordedRequest) -> str:
    content = request.messages[-1]["content"]
    return str(content if isinstance(content, str) else content[0]["text"])


def asking(text: str) -> ChatRequest:
    return ChatRequest(model="qwen-plus", messages=(Message("user", (TextPart(text),)),))


def test_one_client_is_shared_by_64_threads(settings: ClientSettings, qwen_emulator: Emulator) -> None:
    qwen_emulator.reply(echo)
    common: dict[str, Any] = {"api_key": KEY, "base_url": settings.base_url, "protocol": settings.protocol}
    model, llm, client = ChatQwen(**common), Qwen(**common), QwenClient(settings)
    barrier = threading.Barrier(64)

    def ask(number: int) -> bool:
        barrier.wait()
        text = f"thread {number}"
        answers = [str(model.invoke(text).text), llm.complete(text).text, client.generate(asking(text)).text]
        return answers == [text] * 3

    with ThreadPoolExecutor(64) as threads:
        assert all(threads.map(ask, range(64)))


def test_one_client_is_shared_by_concurrent_event_loops(settings: ClientSettings, qwen_emulator: Emulator) -> None:
    qwen_emulator.reply(echo)
    client = AsyncQwenClient(settings)

    async def ask(number: int) -> bool:
        answers = await asyncio.gather(*(client.generate(asking(f"{number}/{place}")) for place in range(4)))
        return [answer.text for answer in answers] == [f"{number}/{place}" for place in range(4)]

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(lambda number: asyncio.run(ask(number)), range(24)))


def test_thousand_concurrent_requests_with_rate_limit_retries_succeed(
    settings: ClientSettings, qwen_emulator: Emulator
) -> None:
    throttled: set[str] = set()

    def answer(request: RecordedRequest) -> Any:
        text = echo(request)
        if text.endswith("7") and text not in throttled:
            throttled.add(text)
            return Failure.named("rate_limit")
        return text

    qwen_emulator.reply(answer)
    # This machine serves both sides of a thousand connections, perhaps beside other tests.
    client = AsyncQwenClient(msgspec.structs.replace(settings, timeout=Timeout(connect=60)))
    opened = qwen_emulator.connections_opened

    async def all_of_them() -> list[str]:
        answers = await asyncio.gather(*(client.generate(asking(str(number))) for number in range(1000)))
        return [answer.text for answer in answers]

    assert asyncio.run(all_of_them()) == [str(number) for number in range(1000)]
    assert len(throttled) == 100 and len(qwen_emulator.requests) == 1100
    assert qwen_emulator.connections_opened - opened <= 1100


def in_a_process(pickled: bytes) -> str:
    """Call a model that was pickled in another process."""
    model = pickle.loads(pickled)
    return str(model.invoke("far away").text if isinstance(model, ChatQwen) else model.complete("far away").text)


def test_pickled_models_work_in_another_process(settings: ClientSettings, qwen_emulator: Emulator) -> None:
    qwen_emulator.reply(echo)
    common: dict[str, Any] = {"api_key": KEY, "base_url": settings.base_url, "protocol": settings.protocol}
    models: list[Any] = [ChatQwen(**common), Qwen(**common)]
    models[0].invoke("warm")
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as processes:
        assert list(processes.map(in_a_process, [pickle.dumps(model) for model in models])) == ["far away"] * 2


def test_forked_child_opens_its_own_connection(settings: ClientSettings, qwen_emulator: Emulator) -> None:
    """Call before and after a fork: the child opens its own connection and the parent keeps its own."""
    code = (
        "import os, sys\n"
        "from qwen_core import ClientSettings, QwenClient\n"
        "from tests.faults.test_load import asking\n"
        f"client = QwenClient(ClientSettings(api_key='k', base_url={qwen_emulator.base_url!r}, "
        f"protocol={settings.protocol!r}))\n"
        "assert client.generate(asking('parent')).text == 'parent'\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    os._exit(0 if client.generate(asking('child')).text == 'child' else 1)\n"
        "assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0\n"
        "assert client.generate(asking('again')).text == 'again'\n"
    )
    import subprocess
    import sys

    qwen_emulator.reply(echo)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=os.getcwd(), timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert len({request.connection for request in qwen_emulator.requests}) == 2


def test_small_soak_keeps_memory_and_sockets_constant() -> None:
    soaked = run(400, 50)
    assert (soaked.whole, soaked.left, soaked.failed) == (360, 40, 0)
    assert not soaked.complaints


def test_equal_settings_have_equal_hashes() -> None:
    assert hash(msgspec.structs.replace(ClientSettings(), timeout=3.0)) == hash(ClientSettings(timeout=3.0))
