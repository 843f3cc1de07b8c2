"""The emulator's public class: start and stop it, script its replies, read what it received."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from aiohttp import web

from qwen_emulator.batches import BatchPlan, Ending
from qwen_emulator.knowledge import KnowledgeStore
from qwen_emulator.protocols.self_hosted import DIALECTS
from qwen_emulator.requests import RecordedRequest
from qwen_emulator.routes import ROUTES
from qwen_emulator.script import Responder, Scripted
from qwen_emulator.server import Connections, Server
from qwen_emulator.service import Service, Settings
from qwen_emulator.tasks import Ending as TaskEnding
from qwen_emulator.tasks import TaskPlan

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_PATIENCE = 5.0
"""Seconds to wait for the server thread, which starts within milliseconds."""


class Emulator:
    """A DashScope on this machine, over HTTP, in its own thread.

        with Emulator() as emulator:
            client = openai.OpenAI(base_url=emulator.compatible_url, api_key="anything")

    Requests get a default reply unless one is scripted. Invalid requests are refused as the service refuses them.
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
        """Create an emulator; nothing listens before ``start``.

        Args:
            port: 0 takes a free one.
            chunk_size: Characters of each streamed delta.
            delay: Seconds between two streamed chunks.
            api_key: The only key accepted; None accepts any that is not empty.
            host: Loopback addresses only.
            validate: False accepts even requests that the service would refuse.
        """
        if host not in _LOOPBACK:
            raise ValueError(
                f"host must be a loopback address (got {host!r}): the emulator serves this machine only. "
                f"Use one of {', '.join(_LOOPBACK)}."
            )
        if chunk_size < 1:
            raise ValueError(f"chunk_size must be at least 1 (got {chunk_size}).")
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
        """Listen, and return as soon as requests are accepted. Does nothing if it was started before."""
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
        """Close the port and every connection, stalled ones too. Does nothing if it was stopped before."""
        if self._thread is None or self._loop is None or self._ending is None:
            return
        self._loop.call_soon_threadsafe(self._ending.set)
        self._thread.join(_PATIENCE)
        self._thread = None
        self.port = self._wanted_port

    @property
    def base_url(self) -> str:
        """Return scheme, host and port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def compatible_url(self) -> str:
        """Return the base URL for an OpenAI SDK."""
        return f"{self.base_url}/compatible-mode/v1"

    @property
    def native_url(self) -> str:
        """Return the base address for the dashscope SDK."""
        return f"{self.base_url}/api/v1"

    def self_hosted_url(self, server: str = "vllm") -> str:
        """Return the base URL of a self-hosted server: ``vllm``, ``sglang``, ``llama.cpp`` or ``ollama``."""
        if server not in DIALECTS:
            raise ValueError(f"Unknown self-hosted server {server!r}. Use one of {', '.join(DIALECTS)}.")
        return f"{self.base_url}/{server}/v1"

    def reply(self, *replies: Scripted | Responder) -> None:
        """Script replies: each value is used once, in order; a function of the request stays.

        A text or a ``Reply`` waits for a chat; a ``Failure`` or a ``RawReply`` meets the next request of any kind.
        Invalid requests are refused without using the script.
        """
        self._service.script.add(*replies)

    def plan_batches(
        self, seconds: float = 0.0, ends: Ending = "completed", answered: int | None = None, *, tell: bool = True
    ) -> None:
        """Set how batch jobs proceed from now on, including those that run.

        Args:
            seconds: From creation to the end; with infinity, jobs wait for the next plan.
            ends: The final state.
            answered: Maximum number of lines of each job that are executed; None means all.
            tell: Whether the error file has the lines that were not reached.
        """
        self._service.batches.plan = BatchPlan(seconds, ends, answered, tell)

    def plan_tasks(
        self,
        polls: int = 1,
        ends: TaskEnding = "SUCCEEDED",
        *,
        code: str = "InternalError.Timeout",
        message: str = "The task timed out.",
        failed_results: Sequence[int] = (),
    ) -> None:
        """Set how tasks proceed from now on, including those that run.

        Args:
            polls: Number of polls that see a task running before it ends.
            ends: The final state.
            code: Code of a task, or of single results, that failed.
            message: Message beside the code.
            failed_results: Positions of the results that failed, in a task that succeeded.
        """
        self._service.tasks.plan = TaskPlan(polls, ends, code, message, tuple(failed_results))

    def expire_links(self, expired: bool = True) -> None:
        """Let the links to all result files expire, or be valid again."""
        self._service.results.expired = expired

    @property
    def knowledge(self) -> KnowledgeStore:
        """Return the knowledge bases, search services and applications, to add to them."""
        return self._service.knowledge

    @property
    def replies_left(self) -> int:
        """Return the number of scripted values that have not been used."""
        return self._service.script.left

    @property
    def requests(self) -> list[RecordedRequest]:
        """Return the requests since the last reset, oldest first."""
        return list(self._requests)

    @property
    def last_request(self) -> RecordedRequest:
        """Return the last request."""
        if not self._requests:
            raise LookupError("The emulator has not received a request since the last reset.")
        return self._requests[-1]

    @property
    def aborted_requests(self) -> list[RecordedRequest]:
        """Return the requests whose client disconnected before the response was complete."""
        return [request for request in self._requests if request.aborted]

    @property
    def open_connections(self) -> int:
        """Return the number of open connections."""
        return self._connections.open

    @property
    def connections_opened(self) -> int:
        """Return the number of connections opened since the start."""
        return self._connections.opened

    def reset(self) -> None:
        """Clear scripts, requests, caches, files, jobs and tasks, and restart the ids. Connections stay open."""
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
