"""The service that all clients are measured against: ready bytes over a bare protocol, in a process of its own.

It reads of a request only where it ends, its path, and whether it carries the result of a tool. Run as a module it
prints its port and serves until its standard input is closed.
"""

import asyncio
import sys
from typing import cast

from benchmarks.answers import Wire, parse_scenario, writes

TOOL_RESULTS = (b'"role":"tool"', b'"role": "tool"')
LENGTH = b"content-length:"


class Answering(asyncio.Protocol):
    """One connection, kept open between requests."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport
        self._received = bytearray()
        self._needed = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        while len(self._received) >= self._needed:
            end = self._received.find(b"\r\n\r\n")
            if end < 0:
                return
            body = end + 4
            self._needed = body + body_length(bytes(self._received[:end]))
            if len(self._received) < self._needed:
                return
            request = bytes(self._received[: self._needed])
            del self._received[: self._needed]
            self._needed = 0
            self._answer(request, body)

    def _answer(self, request: bytes, body: int) -> None:
        path = request[: request.index(b"\r\n")].split(b" ")[1].decode()
        _, name, rest = path.split("/", 2)
        wire: Wire = "compatible" if rest.endswith("chat/completions") else "native"
        after_tool = any(request.find(mark, body) >= 0 for mark in TOOL_RESULTS)
        for piece in writes(parse_scenario(name), wire, after_tool):
            self._transport.write(piece)


def body_length(head: bytes) -> int:
    """The length of the body that this head announces."""
    lower = head.lower()
    start = lower.find(LENGTH)
    if start < 0:
        return 0
    return int(lower[start + len(LENGTH) :].split(b"\r\n", 1)[0])


async def serve() -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Answering, "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve())
