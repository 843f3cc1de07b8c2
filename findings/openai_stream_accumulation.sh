#!/usr/bin/env bash
# openai: the stream helper concatenates and adds up whatever a compatible server repeats.
#
# Expected: chat.completions.stream() joins content and arguments, and leaves alone what has one value: role, id, name.
# Happens: every string of a delta except type and index is concatenated and every number added. Servers that write
#   "role": "assistant" into each chunk give the role "assistantassistant"; those that repeat the call's id and name
#   give "ffff"; a counter that a server adds to its deltas is summed. No error is raised; the
#   role no longer fits a request, the name fits no tool.
# Matters to: users of the helper with OpenAI-compatible servers; OpenAI's own service sends these fields once.
# Versions: openai 3.57.0, httpx2 2.16.2, Python 3.11. Seen on 2026-11-28: see below.
set -euo pipefail
unset PYTHONPATH
tmp="$(mktemp -d)"
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install --quiet openai==3.57.0 httpx2==2.16.2

cat >probe.py <<'PYTHON'
import json

import httpx2
import openai

TOOLS = [{"type": "function", "function": {"name": "ff", "parameters": {"type": "object", "properties": {}}}}]


def final(*deltas):
    choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": "stop"})
    frame = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    lines = [json.dumps(frame | {"choices": [choice]}) for choice in choices] + ["[DONE]"]
    body = "".join(f"data: {line}\n\n" for line in lines).encode()
    reply = httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=body)
    http_client = httpx2.Client(transport=httpx2.MockTransport(lambda request: reply))
    client = openai.OpenAI(api_key="k", base_url="http://test/v1", http_client=http_client)
    with client.chat.completions.stream(model="m", messages=[{"role": "user", "content": "?"}], tools=TOOLS) as stream:
        return stream.get_final_completion().choices[0].message


def call(arguments):
    return {"tool_calls": [{"index": 0, "id": "c1", "type": "function", "function": {"name": "ff", "arguments": arguments}}]}


message = final({"role": "assistant", "content": "a", "step": 1}, {"role": "assistant", "content": "b", "step": 2})
print("role", message.role, "| content", message.content, "| step", message.step)
made = final(call('{"x":'), call(" 1}")).tool_calls[0]
print("id", made.id, "| name", made.function.name, "| arguments", made.function.arguments)
PYTHON
cat >expected <<'TEXT'
role assistantassistant | content ab | step 3
id c1c1 | name ffff | arguments {"x": 1}
TEXT
venv/bin/python probe.py | tee seen
diff -u expected seen || {
    echo "The stream helper of openai joins deltas in another way now." >&2
    exit 1
}
