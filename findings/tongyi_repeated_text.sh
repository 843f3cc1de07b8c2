#!/usr/bin/env bash
# langchain-community, ChatTongyi: with tools bound, streamed text loses what it repeats.
#
# Expected: a stream with tools has the same text as one without.
# Happens: with tools the service is asked for cumulative frames (all text so far in each), and the class makes deltas
#   by replacing the previous text with nothing, wherever it occurs, not only at the front. So the second of two
#   equal pieces at the start vanishes: "11212." arrives as "1212.". Numbers, Chinese reduplication and laughter are
#   affected; nothing fails.
# Matters to: users of ChatTongyi's streams with agents.
# Versions: langchain-community 0.4.2, dashscope 2.0.2, Python 3.11. A server on this machine answers in the service's
#   form. Seen on 2026-11-28: see below.
set -euo pipefail
unset PYTHONPATH
tmp="$(mktemp -d)"
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install --quiet langchain-community==0.4.2 dashscope==2.0.2

cat >probe.py <<'PYTHON'
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

requests = []


def serve(status, content_type, body):
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            requests.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(status)
            self.send_header("content-type", content_type)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/api/v1"


def event(finish_reason, **message):
    choice = {"finish_reason": finish_reason, "message": {"role": "assistant", "content": ""} | message}
    payload = {"output": {"choices": [choice]}, "usage": {"input_tokens": 1, "output_tokens": 1}, "request_id": "r"}
    return f"id:1\nevent:result\n:HTTP_STATUS/200\ndata:{json.dumps(payload)}\n\n"


import warnings

warnings.simplefilter("ignore")
import dashscope
from langchain_community.chat_models.tongyi import ChatTongyi


def pay(amount: int) -> str:
    """Pay an amount."""


def received(*pieces):
    texts = ["".join(pieces[: end + 1]) for end in range(len(pieces))]
    body = "".join(event("stop" if text is texts[-1] else "null", content=text) for text in texts)
    dashscope.base_http_api_url = serve(200, "text/event-stream", body.encode())
    model = ChatTongyi(model="qwen-plus", api_key="k", streaming=True).bind_tools([pay])
    return "".join(chunk.content for chunk in model.stream("?"))


for pieces in (("1", "1", "2", "12", "."), ("ha", " ha", "!"), ("ha", "ha", "!"), ("好", "好", "的")):
    print("".join(pieces), "->", received(*pieces))
print("asked for increments:", requests[0]["parameters"].get("incremental_output", False))
PYTHON
cat >expected <<'TEXT'
11212. -> 1212.
ha ha! -> ha !
haha! -> ha!
好好的 -> 好的
asked for increments: False
TEXT
venv/bin/python probe.py | tee seen
diff -u expected seen || {
    echo "ChatTongyi makes deltas in another way now." >&2
    exit 1
}
