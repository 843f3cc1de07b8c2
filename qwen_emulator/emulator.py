"""The emulator as its users hold it: started and stopped, told what to answer, asked what it saw."""

from __future__ import annotations

import asyncio
import threading
from types import TracebackType
from typing import Self

from aiohttp import web

from qwen_emulator.batches import BatchPlan, Ending
from qwen_emulator.protocols.self_hosted import DIALECTS
from qwen_emulator.requests import RecordedRequest
from qwen_emulator.routes import ROUTES
from qwen_emulator.script import Responder, Scripted
from qwen_emulator.server import Connections, Server
from qwen_emulator.service import Service, Settings

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_PATIENCE = 5.0
"""Seconds to wait for the server's thread; it takes milliseconds."""


class Emulator:
    """A DashScope on this machine, over HTTP, in a thread of its own.

        with Emulator() as emulator:
            client = openai.OpenAI(base_url=emulator.compatible_url, api_key="anything")

    Unscripted requests get useful default answers, and wrong ones are refused as the service refuses them.
    """

    def __init__(
        self,
        port: int = 0,
        chunk_size: int = 4,
        delay: float = 0.0,
        api_key: str | None = None,
        host: str = "127.0.0.1",
        validate: bool = True,
    ) -> None:
        """
        Args:
            port: 0 takes a free one.
            chunk_size: Characters of each streamed delta.
            delay: Seconds between two streamed chunks.
            api_key: The only key accepted; None accepts any that is not empty.
            host: Loopback addresses only.
            validate: False answers even requests that the service would refuse.
        """
        if host not in _LOOPBACK:
            raise ValueError(f"the emulator serves this machine only, not {host!r}")
        if chunk_size < 1:
            raise ValueError("chunk_size must be at least 1")
        self.host = host
        self.port = port
        self.settings = Settings(chunk_size, delay, api_key, validate)
        self._service = Service(self.settings, ROUTES)
        self._connections = Connections()
        self._requests: list[RecordedRequest] = []
        self._wanted_port = port
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending: asyncio.Event | None = None
        self._failed: BaseException | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Listens; returns when the first request can come. Starting twice is harmless."""
        if self._thread is not None:
            return
        ready = threading.Event()
        self._failed = None
        self._thread = threading.Thread(target=self._run, args=(ready,), name="qwen-emulator", daemon=True)
        self._thread.start()
        ready.wait(_PATIENCE)
        if self._failed is not None:
            self._thread.join(_PATIENCE)
            self._thread = None
            raise self._failed

    def stop(self) -> None:
        """Closes the port and every connection, also those that stall. Stopping twice is harmless."""
        if self._thread is None or self._loop is None or self._ending is None:
            return
        self._loop.call_soon_threadsafe(self._ending.set)
        self._thread.join(_PATIENCE)
        self._thread = None
        self.port = self._wanted_port

    @property
    def base_url(self) -> str:
        """The bare host."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def compatible_url(self) -> str:
        """What an OpenAI SDK calls its base URL."""
        return f"{self.base_url}/compatible-mode/v1"

    @property
    def native_url(self) -> str:
        """What the dashscope SDK calls its base address."""
        return f"{self.base_url}/api/v1"

    def self_hosted_url(self, server: str = "vllm") -> str:
        """The base URL of a server of open models: ``vllm``, ``sglang``, ``llama.cpp`` or ``ollama``."""
        if server not in DIALECTS:
            raise ValueError(f"no server is called {server!r}; there are {', '.join(DIALECTS)}")
        return f"{self.base_url}/{server}/v1"

    def reply(self, *replies: Scripted | Responder) -> None:
        """Scripts answers: values are used once each, in order; a function of the request stays.

        A text or a ``Reply`` waits for a chat; a ``Failure`` or a ``RawReply`` meets the next request of any kind.
        Wrong requests are refused before the script is asked.
        """
        self._service.script.add(*replies)

    def plan_batches(
        self, seconds: float = 0.0, ends: Ending = "completed", answered: int | None = None, *, tell: bool = True
    ) -> None:
        """Says how batch jobs go from now on, those that run included.

        Args:
            seconds: From their creation to their end; infinite holds them back until the next plan.
            ends: The state they end in.
            answered: How many lines of each are answered at most; None: all.
            tell: Whether the lines that were not reached stand in the error file.
        """
        self._service.batches.plan = BatchPlan(seconds, ends, answered, tell)

    @property
    def replies_left(self) -> int:
        """How many scripted values have not been used."""
        return self._service.script.left

    @property
    def requests(self) -> list[RecordedRequest]:
        """What came in since the last reset, oldest first."""
        return list(self._requests)

    @property
    def last_request(self) -> RecordedRequest:
        """The latest request."""
        if not self._requests:
            raise LookupError("the emulator has seen no request")
        return self._requests[-1]

    @property
    def aborted_requests(self) -> list[RecordedRequest]:
        """Requests whose client went away before the answer was complete."""
        return [request for request in self._requests if request.aborted]

    @property
    def open_connections(self) -> int:
        """Connections open at this moment."""
        return self._connections.open

    @property
    def connections_opened(self) -> int:
        """Connections ever opened since the start."""
        return self._connections.opened

    def reset(self) -> None:
        """Forgets scripts, requests, caches, files and batches; ids begin anew. Connections stay as they are."""
        self._service.reset()
        self._requests.clear()

    def _run(self, ready: threading.Event) -> None:
        try:
            asyncio.run(self._listen(ready))
        except BaseException as problem:
            self._failed = problem
        finally:
            ready.set()

    async def _listen(self, ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._ending = asyncio.Event()
        server = Server(self._service.respond, self._requests.append, self._connections)
        runner = web.ServerRunner(server, shutdown_timeout=0.01)
        await runner.setup()
        try:
            site = web.TCPSite(runner, self.host, self._wanted_port, reuse_address=True)
            await site.start()
            self.port = runner.addresses[0][1]
            ready.set()
            await self._ending.wait()
        finally:
            await runner.cleanup()
