#!/usr/bin/env bash
# llama-index-llms-openai-like: of two tool calls that begin in one stream chunk the second is lost.
#
# Expected: the fragments of streamed tool calls are joined by their index, as OpenAI's protocol defines it.
# Happens: only the first entry of a chunk's list is looked at. Two whole calls in one chunk (usual for servers that
#   parse the calls themselves and send them at the end) give one call. Fragments of two calls that alternate give
#   nameless calls with the arguments. No error in either case.
# Matters to: users of OpenAILike (and OpenAI) of LlamaIndex with self-hosted servers and parallel tool calls.
# Versions: llama-index-llms-openai-like 0.8.1, llama-index-llms-openai 0.8.3, llama-index-core 0.14.25, openai 2.54.0,
#   Python 3.11. Seen on 2026-11-28: see below.
set -euo pipefail
unset PYTHONPATH
tmp="$(mktemp -d)"
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install --quiet llama-index-llms-openai-like==0.8.1 llama-index-llms-openai==0.8.3 llama-index-core==0.14.25 openai==2.54.0

cat >probe.py <<'PYTHON'
import json

import httpx
from llama_index.core.llms import ChatMessage
from llama_index.llms.openai_like import OpenAILike


def chunk(*fragments, finish_reason=None):
    delta = {"role": "assistant", "tool_calls": list(fragments)} if fragments else {}
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}


def fragment(index, arguments, name=None):
    identity = {"id": f"call_{name}", "type": "function"} if name else {}
    return {"index": index, **identity, "function": {"arguments": arguments} | ({"name": name} if name else {})}


def calls(*chunks):
    lines = [json.dumps(item) for item in (*chunks, chunk(finish_reason="tool_calls"))] + ["[DONE]"]
    body = "".join(f"data: {line}\n\n" for line in lines).encode()
    reply = httpx.Response(200, headers={"content-type": "text/event-stream"}, content=body)
    with httpx.Client(transport=httpx.MockTransport(lambda request: reply)) as client:
        model = OpenAILike(
            model="m", api_base="http://test/v1", api_key="k", is_chat_model=True, is_function_calling_model=True, http_client=client
        )
        last = list(model.stream_chat([ChatMessage("?")]))[-1]
    found = model.get_tool_calls_from_response(last, error_on_no_tool_call=False)
    return [(call.tool_name, call.tool_kwargs) for call in found]


print("one after the other:", calls(chunk(fragment(0, '{"x": 1}', "f")), chunk(fragment(1, '{"y": 2}', "g"))))
print("both in one chunk:", calls(chunk(fragment(0, '{"x": 1}', "f"), fragment(1, '{"y": 2}', "g"))))
names = chunk(fragment(0, "", "f")), chunk(fragment(1, "", "g"))
print("alternating:", calls(*names, chunk(fragment(0, '{"x": 1}')), chunk(fragment(1, '{"y": 2}'))))
PYTHON
cat >expected <<'TEXT'
one after the other: [('f', {'x': 1}), ('g', {'y': 2})]
both in one chunk: [('f', {'x': 1})]
alternating: [('f', {}), ('g', {}), ('', {'x': 1}), ('', {'y': 2})]
TEXT
venv/bin/python probe.py | tee seen
diff -u expected seen || {
    echo "LlamaIndex joins streamed tool calls in another way now." >&2
    exit 1
}
