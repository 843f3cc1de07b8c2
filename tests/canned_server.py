"""A server of exact bytes, beside the emulator: a belief that client and emulator share shows here."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from qwen_core import ClientSettings

KEY = "sk-canned-0123456789"


class Canned(NamedTuple):
    """A response as it is written. ``{server}`` in its body becomes the base URL."""

    body: bytes | str | dict[str, Any] = b""
    status: int = 200
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


class Received(NamedTuple):
    """A request."""

    method: str
    path: str
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        """Return the JSON body."""
        return json.loads(self.raw)


def event_stream(*payloads: dict[str, Any] | str) -> Canned:
    """Return frames as the native protocol writes them."""
    frames = [
        f"id:{number}\nevent:result\n:HTTP_STATUS/200\ndata:{p if isinstance(p, str) else json.dumps(p)}\n\n"
        for number, p in enumerate(payloads, 1)
    ]
    return Canned("".join(frames), content_type="text/event-stream;charset=UTF-8")


class QuietServer(ThreadingHTTPServer):
    """Says nothing of clients that disconnect."""

    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        pass


class CannedServer:
    """Answers each path with its list of responses in order, and repeats the last one."""

    def __init__(self) -> None:
        self.responses: dict[str, list[Canned]] = {}
        self.requests: list[Received] = []
        self._lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                received = Received(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, raw)
                canned = server.take(received)
                body = json.dumps(canned.body) if isinstance(canned.body, dict) else canned.body
                content = body.encode() if isinstance(body, str) else body
                content = content.replace(b"{server}", server.url.encode())
                self.send_response(canned.status)
                self.send_header("Content-Type", canned.content_type)
                self.send_header("Content-Length", str(len(content)))
                for name, value in canned.headers:
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = answer

            def log_message(self, *_: object) -> None:
                pass

        self._http = QuietServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def on(self, path: str, *responses: Canned | dict[str, Any]) -> None:
        """Set the responses of a path."""
        self.responses[path] = [r if isinstance(r, Canned) else Canned(r) for r in responses]

    def take(self, received: Received) -> Canned:
        """Record a request, and return its response."""
        with self._lock:
            self.requests.append(received)
            queue = self.responses.get(received.path.partition("?")[0])
            if not queue:
                return Canned({"code": "NotFound", "message": f"No canned response for {received.path}"}, 404)
            return queue.pop(0) if len(queue) > 1 else queue[0]

    def settings(self, **fields: Any) -> ClientSettings:
        """Return settings that point here."""
        return ClientSettings(**{"api_key": KEY, "base_url": self.url, "max_retries": 0, **fields})

    def paths(self, method: str) -> list[str]:
        """Return the paths of all requests with this method, without queries."""
        return [request.path.partition("?")[0] for request in self.requests if request.method == method]

    def serve(self) -> None:
        """Serve until closed."""
        self._http.serve_forever(poll_interval=0.05)

    def close(self) -> None:
        """Stop."""
        self._http.shutdown()
        self._http.server_close()


@contextmanager
def canned_server() -> Iterator[CannedServer]:
    """Run a server."""
    server = CannedServer()
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.close()
        thread.join(5)
