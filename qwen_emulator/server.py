"""The HTTP server: reads requests, sends the service's bytes unchanged, and counts connections."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import socket
import struct
from collections.abc import Callable
from typing import Any

from aiohttp import web
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import StreamReader

from qwen_emulator.replies import RawReply
from qwen_emulator.requests import Protocol, RecordedRequest

MAX_BODY = 64 * 1024 * 1024
MAX_UPLOAD = 512 * 1024 * 1024
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER with a timeout of 0: closing the socket sends a reset."""


MISDIRECTED = 421
NOT_LOOPBACK = "The Host header must be localhost or a loopback address: the emulator serves this machine only."


def is_loopback(host: str) -> bool:
    """Return whether a Host header names this machine. A missing one is of a client without a browser."""
    name = host.strip().lower()
    name = name[1:].partition("]")[0] if name.startswith("[") else name.partition(":")[0]
    if not name or name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


class Connections:
    """Counts TCP connections."""

    def __init__(self) -> None:
        self.opened = 0
        self.open = 0
        self._numbers: dict[Any, int] = {}

    def made(self, handler: Any) -> None:
        """Count a new connection."""
        self.opened += 1
        self.open += 1
        self._numbers[handler] = self.opened

    def lost(self, handler: Any) -> None:
        """Record that a connection ended, from either side."""
        if self._numbers.pop(handler, None) is not None:
            self.open -= 1

    def number(self, handler: Any) -> int:
        """Return the number of a connection, counted from 1."""
        return self._numbers.get(handler, 0)


class Server(web.Server):
    """An aiohttp server that serves one function and counts its connections."""

    def __init__(
        self,
        respond: Callable[[RecordedRequest], RawReply],
        record: Callable[[RecordedRequest], None],
        connections: Connections,
    ) -> None:
        super().__init__(
            self._serve, request_factory=self._make_request, handler_cancellation=True, access_log=None
        )
        self._respond = respond
        self._record = record
        self._counter = connections

    def connection_made(self, handler: Any, transport: asyncio.Transport) -> None:
        """Handle a callback of aiohttp."""
        super().connection_made(handler, transport)
        self._counter.made(handler)

    def connection_lost(self, handler: Any, exc: BaseException | None = None) -> None:
        """Handle a callback of aiohttp."""
        super().connection_lost(handler, exc)
        self._counter.lost(handler)

    def _make_request(
        self, message: RawRequestMessage, payload: StreamReader, protocol: Any, writer: Any, task: Any
    ) -> web.BaseRequest:
        largest = MAX_UPLOAD if message.path.endswith("/files") else MAX_BODY
        return web.BaseRequest(
            message, payload, protocol, writer, task, asyncio.get_running_loop(), client_max_size=largest
        )

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        if not is_loopback(request.headers.get("host", "")):
            # A page in a browser reaches this server under a name of its own (DNS rebinding).
            return web.json_response({"error": {"message": NOT_LOOPBACK}}, status=MISDIRECTED)
        raw = await request.read()
        recorded = RecordedRequest(
            method=request.method,
            path=request.path,
            query=request.query_string,
            headers=request.headers,
            body=_parse(raw, request.content_type),
            raw=raw,
            protocol=_protocol(request.path),
            connection=self._counter.number(request.protocol),
        )
        self._record(recorded)
        try:
            return await _send(request, recorded, self._respond(recorded))
        except asyncio.CancelledError:
            recorded.aborted = True
            raise
        except ConnectionError:
            recorded.aborted = True
            # The client is gone. An exception here would be logged as an error of the server.
            return web.Response()


async def _send(request: web.BaseRequest, recorded: RecordedRequest, reply: RawReply) -> web.StreamResponse:
    await asyncio.sleep(reply.wait)
    response = web.StreamResponse(status=reply.status, headers=dict(reply.headers))
    if reply.send_head:
        recorded.status = reply.status
        if reply.end == "close" and len(reply.segments) <= 1 and response.content_length is None:
            response.content_length = sum(map(len, reply.segments))
        await response.prepare(request)
        for number, segment in enumerate(reply.segments):
            await asyncio.sleep(reply.pause if number else 0)
            if segment:
                await response.write(segment)
            recorded.chunks_sent += 1
    if reply.end == "stall":
        await response.write(b"") if reply.send_head else None
        await asyncio.Event().wait()
    elif reply.end == "close":
        await response.write_eof()
    else:
        await _break_off(request, hard=reply.end == "reset")
    return response


async def _break_off(request: web.BaseRequest, *, hard: bool) -> None:
    transport = request.transport
    if transport is None:
        return
    transport.set_write_buffer_limits(0)  # so that draining waits for the last byte
    await request.writer.drain()
    if hard:
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.abort()


def _parse(raw: bytes, content_type: str) -> Any:
    if not raw or content_type.startswith("multipart/"):
        return None
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None


def _protocol(path: str) -> Protocol:
    return "dashscope" if path.startswith("/api/") else "openai"
