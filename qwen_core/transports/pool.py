"""Keep the transport of each connection: one pool for each configuration, and for async one for each event loop.

Async pools are closed when their loop shuts down, so that many ``asyncio.run`` in a row leave nothing open.
"""

import asyncio
import os
import threading
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import suppress
from importlib import import_module
from typing import Any
from weakref import WeakKeyDictionary

from qwen_core.config.endpoints import ProtocolName
from qwen_core.config.settings import Connection
from qwen_core.protocols.base import NATIVE_EXTRA
from qwen_core.transports.base import AsyncTransport
from qwen_core.transports.sync.base import Transport
from qwen_core.types.errors import UnsupportedFeatureError

MAX_POOLS = 64
"""The number of configurations whose connections are kept. The least recently used one is evicted."""
EVICTION_DELAY = 600.0
"""Seconds that responses may still take on an evicted pool; the SDK's own timeout."""

TRANSPORTS: dict[ProtocolName, tuple[str, str]] = {
    "openai": ("qwen_core.transports.sync.openai_sdk", "OpenAITransport"),
    "dashscope": ("qwen_core.transports.sync.dashscope_sdk", "DashScopeTransport"),
}
ASYNC_TRANSPORTS: dict[ProtocolName, tuple[str, str]] = {
    "openai": ("qwen_core.transports.openai_sdk", "AsyncOpenAITransport"),
    "dashscope": ("qwen_core.transports.dashscope_sdk", "AsyncDashScopeTransport"),
}
"""The module and class that carry each protocol. The module imports its SDK, which takes up to half a second."""


def load_transport(module: str, name: str) -> Any:
    """Return a transport class. Raise UnsupportedFeatureError if the SDK that it needs is not installed."""
    try:
        return getattr(import_module(module), name)
    except ImportError as error:
        if (error.name or "").partition(".")[0] != "dashscope":
            raise
        raise UnsupportedFeatureError(
            "The native protocol needs the dashscope SDK, 2.0 or later, which is not installed.",
            hint=f'Run: {NATIVE_EXTRA}, or use protocol="openai".',
        ) from error


def make_transport(connection: Connection) -> Transport:
    """Return a new transport."""
    transport: Transport = load_transport(*TRANSPORTS[connection.protocol])(connection)
    return transport


def make_async_transport(connection: Connection) -> AsyncTransport:
    """Return a new transport for the running loop."""
    transport: AsyncTransport = load_transport(*ASYNC_TRANSPORTS[connection.protocol])(connection)
    return transport


class TransportPool:
    """The synchronous transports of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._transports: OrderedDict[Connection, Transport] = OrderedDict()

    def get(self, connection: Connection) -> Transport:
        """Return the transport for this connection, which is made at the first call."""
        with self._lock:
            transport = self._transports.get(connection)
            if transport is None:
                transport = self._transports[connection] = make_transport(connection)
                if len(self._transports) > MAX_POOLS:
                    self._transports.popitem(last=False)
            else:
                self._transports.move_to_end(connection)
            return transport


class LoopTransports:
    """The transports of one event loop, used by that loop alone."""

    def __init__(self) -> None:
        self._transports: OrderedDict[Connection, AsyncTransport] = OrderedDict()
        self._making: dict[Connection, asyncio.Future[AsyncTransport]] = {}
        self._evicted: set[asyncio.Task[None]] = set()
        self._closing: AsyncGenerator[None, None] | None = None

    async def get(self, connection: Connection) -> AsyncTransport:
        """Return the transport for this connection, which is made at the first call."""
        if self._closing is None:
            self._closing = self._close_with_loop()
            await self._closing.__anext__()
        transport = self._transports.get(connection)
        if transport is None:
            return await self._make(connection)
        self._transports.move_to_end(connection)
        return transport

    async def _make(self, connection: Connection) -> AsyncTransport:
        # Importing the SDK and reading files take half a second: in a thread, once for all calls that wait.
        making = self._making.get(connection)
        if making is None:
            making = asyncio.get_running_loop().run_in_executor(None, make_async_transport, connection)
            self._making[connection] = making
        try:
            transport = await asyncio.shield(making)
        finally:
            if making.done():
                self._making.pop(connection, None)
        if connection not in self._transports:
            self._transports[connection] = transport
            if len(self._transports) > MAX_POOLS:
                self._evict(*self._transports.popitem(last=False))
        return transport

    def _evict(self, connection: Connection, transport: AsyncTransport) -> None:
        if connection.http_client is None:
            task = asyncio.get_running_loop().create_task(close_later(transport))
            self._evicted.add(task)
            task.add_done_callback(self._evicted.discard)

    async def _close_with_loop(self) -> AsyncGenerator[None, None]:
        # A loop closes its open async generators when it shuts down; this one closes the pools.
        try:
            yield
        finally:
            for transport in self._pop_owned():
                await transport.close()

    async def close_after_loop(self) -> None:
        """Close what a loop left open that was closed without its generators: else the HTTP library warns."""
        for transport in self._pop_owned():
            # The loop is gone, so that a transport may fail to close; the sockets go with the garbage.
            with suppress(Exception):
                await transport.close()

    def _pop_owned(self) -> list[AsyncTransport]:
        """Remove all transports, and return those without an HTTP client of the user's."""
        owned = [transport for connection, transport in self._transports.items() if connection.http_client is None]
        self._transports.clear()
        return owned


async def close_later(transport: AsyncTransport) -> None:
    """Close an evicted transport when its responses have ended, or with the loop, which cancels its tasks."""
    try:
        await asyncio.sleep(EVICTION_DELAY)
    finally:
        await transport.close()


class AsyncTransportPool:
    """The async transports of this process, apart for each event loop."""

    def __init__(self) -> None:
        self._loops: WeakKeyDictionary[asyncio.AbstractEventLoop, LoopTransports] = WeakKeyDictionary()
        self._lock = threading.Lock()

    async def get(self, connection: Connection) -> AsyncTransport:
        """Return the transport for this connection in the running loop."""
        loop = asyncio.get_running_loop()
        closed: list[LoopTransports] = []
        with self._lock:
            transports = self._loops.get(loop)
            if transports is None:
                # The sockets of a loop that was closed without shutting down its generators still refer to it.
                closed = [self._loops.pop(other) for other in list(self._loops) if other.is_closed()]
                transports = self._loops[loop] = LoopTransports()
        for loop_transports in closed:
            await loop_transports.close_after_loop()
        return await transports.get(connection)


POOL = TransportPool()
ASYNC_POOL = AsyncTransportPool()


def _forget_after_fork() -> None:
    # A child process must not use its parent's sockets.
    POOL.__init__()  # type: ignore[misc]
    ASYNC_POOL.__init__()  # type: ignore[misc]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)
