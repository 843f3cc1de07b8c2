"""Which transport serves a connection: one pool for each configuration, and for async one for each event loop.

Async pools are closed when their loop shuts down, so that many ``asyncio.run`` in a row leave nothing open.
"""

import asyncio
import os
import threading
from collections import OrderedDict
from collections.abc import AsyncGenerator
from weakref import WeakKeyDictionary

from qwen_core.settings import Connection
from qwen_core.transports.base import AsyncTransport, Transport

MAX_POOLS = 64
"""Configurations whose connections are kept; the one not used for longest makes room."""


def make_transport(connection: Connection) -> Transport:
    """A new transport. Imports the SDK that carries this wire."""
    from qwen_core.transports.openai_sdk import OpenAITransport

    return OpenAITransport(connection)


def make_async_transport(connection: Connection) -> AsyncTransport:
    """A new transport for the running loop."""
    from qwen_core.transports.openai_sdk import AsyncOpenAITransport

    return AsyncOpenAITransport(connection)


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
        self._closing: AsyncGenerator[None, None] | None = None

    async def get(self, connection: Connection) -> AsyncTransport:
        """The transport for this connection, made when first asked for."""
        if self._closing is None:
            self._closing = self._close_with_loop()
            await self._closing.__anext__()
        transport = self._transports.get(connection)
        if transport is None:
            transport = self._transports[connection] = make_async_transport(connection)
            if len(self._transports) > MAX_POOLS:
                self._transports.popitem(last=False)
        else:
            self._transports.move_to_end(connection)
        return transport

    async def _close_with_loop(self) -> AsyncGenerator[None, None]:
        # A loop closes its open async generators when it shuts down; this one takes the pools along.
        try:
            yield
        finally:
            for connection, transport in self._transports.items():
                if connection.http_client is None:
                    await transport.close()
            self._transports.clear()


class AsyncTransportPool:
    """The transports of all event loops of this process."""

    def __init__(self) -> None:
        self._loops: WeakKeyDictionary[asyncio.AbstractEventLoop, LoopTransports] = WeakKeyDictionary()
        self._lock = threading.Lock()

    async def get(self, connection: Connection) -> AsyncTransport:
        """The transport for this connection in the running loop."""
        loop = asyncio.get_running_loop()
        with self._lock:
            transports = self._loops.get(loop)
            if transports is None:
                # A loop that was closed without shutting down its generators is still referred to by its sockets.
                for closed in [other for other in self._loops if other.is_closed()]:
                    del self._loops[closed]
                transports = self._loops[loop] = LoopTransports()
        return await transports.get(connection)


POOL = TransportPool()
ASYNC_POOL = AsyncTransportPool()


def _forget_after_fork() -> None:
    # A child must not speak on its parent's sockets.
    POOL.__init__()  # type: ignore[misc]
    ASYNC_POOL.__init__()  # type: ignore[misc]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)
