#!/usr/bin/env bash
# langchain-core: a tool call that was cut by the token limit is an ordinary, valid tool call.
#
# Expected: arguments that are not complete JSON make an invalid_tool_call, as they do in a response that is not streamed.
# Happens: chunks are merged and parsed as partial JSON, also when the stream is over and finish_reason is "length". The
#   missing brackets and quotes are added: an amount of 1250 that was cut after 12 is 12, half a text is the text.
#   tool_calls holds the call, invalid_tool_calls is empty, and an agent runs it.
# Matters to: anyone who streams agents, with any provider package, and does not check finish_reason before running tools.
# Versions: langchain-core 1.7.2, Python 3.11. Seen on 2026-11-28: see below.
set -euo pipefail
unset PYTHONPATH
tmp="$(mktemp -d)"
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install --quiet langchain-core==1.7.2

cat >probe.py <<'PYTHON'
from langchain_core.messages import AIMessageChunk
from langchain_core.messages.tool import default_tool_parser

start = AIMessageChunk("", tool_call_chunks=[{"name": "pay", "args": '{"to": "Ann', "id": "1", "index": 0}])
whole = default_tool_parser([{"id": "1", "function": {"name": "pay", "arguments": '{"to": "Ann'}}])
print("not streamed: valid", whole[0], "invalid", [call["args"] for call in whole[1]])
more = AIMessageChunk("", tool_call_chunks=[{"name": None, "args": '", "amount": 12', "id": None, "index": 0}])
end = AIMessageChunk("", response_metadata={"finish_reason": "length"}, chunk_position="last")
for label, message in (("cut in a text", start + end), ("cut in a number", start + more + end)):
    print(f"{label}: {message.tool_calls[0]['args']}, invalid {message.invalid_tool_calls}, {message.response_metadata}")
PYTHON
cat >expected <<'TEXT'
not streamed: valid [] invalid ['{"to": "Ann']
cut in a text: {'to': 'Ann'}, invalid [], {'finish_reason': 'length'}
cut in a number: {'to': 'Ann', 'amount': 12}, invalid [], {'finish_reason': 'length'}
TEXT
venv/bin/python probe.py | tee seen
diff -u expected seen || {
    echo "langchain-core treats tool calls that were cut in another way now." >&2
    exit 1
}
