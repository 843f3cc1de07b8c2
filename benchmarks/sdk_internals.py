"""Measure what each feature of ``qwen_core.transports.sdk_internals`` gains, one process for each setting.

python -m benchmarks.sdk_internals

The server is a bare socket that sends one response after another, so that the client's own work stands out.
"""

import os
import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable

FEATURES = ("lean-requests", "lean-options", "lean-headers", "connection-reuse", "error-body-limit")
ROUNDS, CALLS = 60, 20
REQUEST = b'{"model": "m", "messages": []}'
BODY = b'{"id": "1", "choices": []}'
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
EVENTS = b"data: {}\n\ndata: [DONE]\n\n"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
STREAM = HEAD + b"%x\r\n%s\r\n" % (len(EVENTS), EVENTS)
STREAM_END = b"0\r\n\r\n"
ERROR_BODY = 200 * 1024 * 1024


class Server:
    """Answers every request with the same bytes, and counts connections."""

    def __init__(self, reply: Callable[[socket.socket], None]) -> None:
        self._reply = reply
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.connections = 0
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            received = b""
            while block := connection.recv(65536):
                received += block
                if received.endswith(REQUEST):
                    received = b""
                    self._reply(connection)
        except OSError:
            pass
        finally:
            connection.close()


def reply_with_error(connection: socket.socket) -> None:
    """Send an error whose body is 200 MiB."""
    connection.sendall(b"HTTP/1.1 500 Error\r\nContent-Length: %d\r\n\r\n" % ERROR_BODY)
    block = bytes(1 << 20)
    for _ in range(ERROR_BODY >> 20):
        connection.sendall(block)


def reply_with_stream(connection: socket.socket) -> None:
    """Send a stream whose end is a TCP segment of its own, as servers send it."""
    connection.sendall(STREAM)
    time.sleep(0.0005)
    connection.sendall(STREAM_END)


def least_us(call: Callable[[], object], calls: int = CALLS) -> float:
    """Return the least of all rounds of the microseconds of CPU time of one call, in this thread."""
    rounds = []
    for _ in range(ROUNDS):
        start = time.thread_time()
        for _ in range(calls):
            call()
        rounds.append((time.thread_time() - start) / calls * 1e6)
    return min(rounds)


def measure(feature: str) -> str:
    """Return what calls cost in this process, whose environment says if the feature is on."""
    import httpx

    from qwen_core.config.settings import Connection
    from qwen_core.protocols.base import EncodedRequest
    from qwen_core.transports.base import HTTPStatusError
    from qwen_core.transports.sync.openai_sdk import OpenAITransport

    request = EncodedRequest(path="/chat/completions", body=REQUEST)
    if feature == "error-body-limit":
        server = Server(reply_with_error)
        client = httpx.Client(timeout=60)
        transport = OpenAITransport(
            Connection(protocol="openai", base_url=server.url, api_key="k", http_client=client)
        )
        before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
        try:
            transport.send(request)
        except HTTPStatusError as error:
            size = len(error.response.body)
        seconds = time.perf_counter() - start
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        return f"{seconds * 1000:.0f} ms, {grown:.0f} MiB more memory, {size >> 20} MiB of body kept"
    if feature == "connection-reuse":
        server = Server(reply_with_stream)
        transport = OpenAITransport(Connection(protocol="openai", base_url=server.url, api_key="k"))

        def stream() -> None:
            source = transport.open_stream(request)
            segments = iter(source)
            next(segments)
            source.drain(segments)
            source.close()

        cost = least_us(stream, 5)
        return f"{cost:.0f} µs of CPU time a stream, {server.connections} connections for {ROUNDS * 5} streams"
    server = Server(lambda connection: connection.sendall(RESPONSE))
    transport = OpenAITransport(Connection(protocol="openai", base_url=server.url, api_key="k"))
    transport.send(request)
    return f"{least_us(lambda: transport.send(request)):.0f} µs of CPU time a call"


def main() -> None:
    """Print each feature, on and off, in new processes."""
    if len(sys.argv) > 1:
        print(measure(sys.argv[1]))
        return
    for feature in FEATURES:
        for disabled in ("", feature):
            environment = {**os.environ, "QWEN_DISABLE_SDK_INTERNALS": disabled}
            command = [sys.executable, "-m", "benchmarks.sdk_internals", feature]
            found = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
            print(f"{feature:18} {'off' if disabled else 'on ':3} {found.strip()}", flush=True)


if __name__ == "__main__":
    main()
