"""Which transport serves a connection: one pool for each configuration, and for async one for each event loop.

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
from qwen_core.transports.base import AsyncTransport, Transport
from qwen_core.types.errors import UnsupportedFeatureError

MAX_POOLS = 64
"""Configurations whose connections are kept; the one not used for longest makes room."""
GRACE = 600.0
"""Seconds that answers may still take on a pool which made room; the SDK's own timeout."""

MODULES: dict[ProtocolName, str] = {
    "openai": "qwen_core.transports.openai_sdk",
    "dashscope": "qwen_core.transports.dashscope_sdk",
}


def transports_of(protocol: ProtocolName) -> Any:
    """The module on the SDK that carries this protocol. Imports the SDK, where that was not done yet."""
    try:
        return import_module(MODULES[protocol])
    except ImportError as error:
        if (error.name or "").partition(".")[0] != "dashscope":
            raise
        raise UnsupportedFeatureError(
            "The native protocol needs the dashscope SDK, 2.0 or later, which is not installed.",
            hint=f'Run: {NATIVE_EXTRA}, or use protocol="openai".',
        ) from error


def make_transport(connection: Connection) -> Transport:
    """A new transport."""
    module = transports_of(connection.protocol)
    make = module.DashScopeTransport if connection.protocol == "dashscope" else module.OpenAITransport
    transport: Transport = make(connection)
    return transport


def make_async_transport(connection: Connection) -> AsyncTransport:
    """A new transport for the running loop."""
    module = transports_of(connection.protocol)
    make = module.AsyncDashScopeTransport if connection.protocol == "dashscope" else module.AsyncOpenAITransport
    transport: AsyncTransport = make(connection)
    return transport


class TransportPool:
    """The transports of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._transports: OrderedDict[Connection, Transport] = OrderedDict()

    def get(self, connection: Connection) -> Transport:
        """The transport for this connection, made when first asked for."""
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
    """The transports of one event loop. Touched by that loop alone."""

    def __init__(self) -> None:
        self._transports: OrderedDict[Connection, AsyncTransport] = OrderedDict()
        self._making: dict[Connection, asyncio.Future[AsyncTransport]] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._closing: AsyncGenerator[None, None] | None = None

    async def get(self, connection: Connection) -> AsyncTransport:
        """The transport for this connection, made when first asked for."""
        if self._closing is None:
            self._closing = self._close_with_loop()
            await self._closing.__anext__()
        transport = self._transports.get(connection)
        if transport is None:
            return await self._made(connection)
        self._transports.move_to_end(connection)
        return transport

    async def _made(self, connection: Connection) -> AsyncTransport:
        # Half a second where the SDK is still to be imported, and files are read: for all who wait, in a thread.
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
                self._let_go(*self._transports.popitem(last=False))
        return transport

    def _let_go(self, connection: Connection, transport: AsyncTransport) -> None:
        if connection.http_client is None:
            task = asyncio.get_running_loop().create_task(close_later(transport))
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)

    async def _close_with_loop(self) -> AsyncGenerator[None, None]:
        # A loop closes its open async generators when it shuts down; this one takes the pools along.
        try:
            yield
        finally:
            for transport in self._take_own():
                await transport.close()

    async def close_after_loop(self) -> None:
        """Close what a loop left open that was closed without its generators: else its HTTP library complains."""
        for transport in self._take_own():
            # What a transport has to tell its own loop comes too late; the sockets go with the garbage.
            with suppress(Exception):
                await transport.close()

    def _take_own(self) -> list[AsyncTransport]:
        """All transports that are not a user's, which are then no longer here."""
        own = [transport for connection, transport in self._transports.items() if connection.http_client is None]
        self._transports.clear()
        return own


async def close_later(transport: AsyncTransport) -> None:
    """Close what no new call uses, when its answers have ended, or with the loop, which cancels its tasks."""
    try:
        await asyncio.sleep(GRACE)
    finally:
        await transport.close()


class AsyncTransportPool:
    """The transports of all event loops of this process."""

    def __init__(self) -> None:
        self._loops: WeakKeyDictionary[asyncio.AbstractEventLoop, LoopTransports] = WeakKeyDictionary()
        self._lock = threading.Lock()

    async def get(self, connection: Connection) -> AsyncTransport:
        """The transport for this connection in the running loop."""
        loop = asyncio.get_running_loop()
        left: list[LoopTransports] = []
        with self._lock:
            transports = self._loops.get(loop)
            if transports is None:
                # A loop that was closed without shutting down its generators is still referred to by its sockets.
                left = [self._loops.pop(other) for other in list(self._loops) if other.is_closed()]
                transports = self._loops[loop] = LoopTransports()
        for other in left:
            await other.close_after_loop()
        return await transports.get(connection)


POOL = TransportPool()
ASYNC_POOL = AsyncTransportPool()


def _forget_after_fork() -> None:
    # A child must not speak on its parent's sockets.
    POOL.__init__()  # type: ignore[misc]
    ASYNC_POOL.__init__()  # type: ignore[misc]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)
