#!/usr/bin/env bash
# llama-index-llms-dashscope: a wrong key, a throttled call or a failed service is an empty message, not an exception.
#
# Expected: chat() raises when the service answers 401, 429 or 500, or retries.
# Happens: the status is never looked at. chat() returns a message without content whose role is "user", complete()
#   returns "", one request is made, and only raw["status_code"] tells. An index or a summary is filled with nothing.
# Matters to: users of LlamaIndex with DashScope's own protocol; every error handler and retry around it is idle.
# Versions: llama-index-llms-dashscope 0.7.0, dashscope 1.22.2 (the version that it asks for), llama-index-core 0.14.25,
#   Python 3.11. A server on this machine answers in the service's form. Seen on 2026-11-28: see below.
set -euo pipefail
unset PYTHONPATH
tmp="$(mktemp -d)"
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install --quiet llama-index-llms-dashscope==0.7.0 dashscope==1.22.2 llama-index-core==0.14.25

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


import dashscope
from llama_index.core.llms import ChatMessage
from llama_index.llms.dashscope import DashScope

for status, code in ((401, "InvalidApiKey"), (429, "Throttling.RateQuota"), (500, "InternalError")):
    body = json.dumps({"code": code, "message": "no", "request_id": "r"}).encode()
    dashscope.base_http_api_url = serve(status, "application/json", body)
    requests.clear()
    model = DashScope(model_name="qwen-plus", api_key="k")
    response = model.chat([ChatMessage("Summarize.")])
    print(f"{status}: chat {response.message.role.value} {response.message.content!r}, {len(requests)} request(s),", end=" ")
    print(f"raw {response.raw['status_code']}, complete {model.complete('Summarize.').text!r}")
PYTHON
cat >expected <<'TEXT'
401: chat user None, 1 request(s), raw 401, complete ''
429: chat user None, 1 request(s), raw 429, complete ''
500: chat user None, 1 request(s), raw 500, complete ''
TEXT
venv/bin/python probe.py | tee seen
diff -u expected seen || {
    echo "The package treats HTTP errors in another way now." >&2
    exit 1
}
