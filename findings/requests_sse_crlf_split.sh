#!/usr/bin/env bash
# requests-sse: one event becomes two when its CR and LF arrive in different reads.
#
# Expected: a CRLF line end is one line end, wherever the bytes are cut; an event keeps its type and all its data lines.
# Happens: the library reads lines through requests' iter_lines, in blocks of 512 bytes. If a block ends between CR and
#   LF, an empty line appears, which ends the event: its later data lines become a second event of type "message". The
#   position decides, so it looks like rare, random loss of JSON.
# Matters to: clients of servers that write CRLF (allowed by the SSE specification, and usual in some frameworks).
# Versions: requests-sse 0.5.3, requests 2.34.2, Python 3.11 (server: http.server). Seen on 2026-11-28:
#   the same event with its CR at byte 506 or 513 is one, at byte 512 it is two.
set -euo pipefail
unset PYTHONPATH
tmp="$(mktemp -d)"
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install --quiet requests-sse==0.5.3 requests==2.34.2

cat >probe.py <<'PYTHON'
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from requests_sse import EventSource


def events(padding):
    body = b"event: delta\r\ndata: " + b"x" * padding + b"\r\ndata: end\r\n\r\n"

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.handle_request).start()
    seen = []
    with EventSource(f"http://127.0.0.1:{server.server_port}/", timeout=5) as source:
        for event in source:
            seen.append((event.type, event.data.count("x"), event.data.endswith("end")))
            if event.data.endswith("end"):
                break  # At the end of the response the source would connect again.
    server.server_close()
    return seen


for padding in (485, 491, 492):
    print(f"CR is byte {len('event: delta') + 2 + len('data: ') + padding + 1}: {events(padding)}")
PYTHON
cat >expected <<'TEXT'
CR is byte 506: [('delta', 485, True)]
CR is byte 512: [('delta', 491, False), ('message', 0, True)]
CR is byte 513: [('delta', 492, True)]
TEXT
venv/bin/python probe.py | tee seen
diff -u expected seen || {
    echo "requests-sse cuts events in another way now." >&2
    exit 1
}
