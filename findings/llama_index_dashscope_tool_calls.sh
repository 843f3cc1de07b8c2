#!/usr/bin/env bash
# llama-index-llms-dashscope: a streamed tool call is lost (sync) or loses its blanks (async), and nothing is required.
#
# Expected: stream_chat_with_tools and its async twin give the same call with the arguments that the model wrote.
# Happens: the sync stream never reads tool calls: the agent sees an empty answer. The async stream strips each fragment
#   of the arguments before joining them, and tokens begin with their blank: "New" and " York" become NewYork. In the
#   request the list of required parameters stands beside "parameters", where JSON Schema does not look for it.
# Matters to: users of LlamaIndex agents with DashScope's own protocol.
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


import asyncio

import dashscope
from llama_index.core.tools import FunctionTool
from llama_index.llms.dashscope import DashScope


def call(arguments):
    return [{"index": 0, "id": "c", "type": "function", "function": {"name": "weather", "arguments": arguments}}]


def weather(city: str, days: int = 1) -> str:
    """Tell the weather."""


def calls(response):
    found = model.get_tool_calls_from_response(response, error_on_no_tool_call=False)
    return [(item.tool_name, item.tool_kwargs) for item in found]


async def last_of_async():
    return [item async for item in await model.astream_chat_with_tools([tool], user_msg="Weather?")][-1]


body = event("null", tool_calls=call('{"city": "New')) + event("tool_calls", tool_calls=call(' York"}') )
dashscope.base_http_api_url = serve(200, "text/event-stream", body.encode())
model, tool = DashScope(model_name="qwen-plus", api_key="k"), FunctionTool.from_defaults(weather)
print("sync", calls(list(model.stream_chat_with_tools([tool], user_msg="Weather?"))[-1]))
print("async", calls(asyncio.run(last_of_async())))
function = requests[0]["parameters"]["tools"][0]["function"]
print("function has", sorted(function), "| parameters has", sorted(function["parameters"]))
PYTHON
cat >expected <<'TEXT'
sync []
async [('weather', {'city': 'NewYork'})]
function has ['description', 'name', 'parameters', 'required'] | parameters has ['properties', 'type']
TEXT
venv/bin/python probe.py | tee seen
diff -u expected seen || {
    echo "The package treats streamed tool calls in another way now." >&2
    exit 1
}
