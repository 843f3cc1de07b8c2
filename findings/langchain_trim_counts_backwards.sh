#!/usr/bin/env bash
# langchain-core: trim_messages gives its token counter the messages in reverse order.
#
# Expected: a token_counter is called with a conversation, in the order in which it would be sent.
# Happens: strategy "last" reverses the list and cuts from the end, so the counter gets tool results before the calls
#   that they answer and the newest message first. A counter that renders a chat template or asks a tokenizer service
#   counts something that is never sent; templates that demand a user message or an order raise or give another number.
# Matters to: anyone who passes a model, or an exact counter, to trim_messages.
# Versions: langchain-core 1.7.2, Python 3.11. Seen on 2026-11-28: see below.
set -euo pipefail
unset PYTHONPATH
tmp="$(mktemp -d)"
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install --quiet langchain-core==1.7.2

cat >probe.py <<'PYTHON'
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage, trim_messages

history = [
    HumanMessage("weather?"),
    AIMessage("", tool_calls=[{"name": "weather", "args": {}, "id": "1"}]),
    ToolMessage("rain", tool_call_id="1"),
    AIMessage("It rains."),
]


def counter(messages):
    print("counts", [message.type for message in messages])
    return 10 * len(messages)


for strategy in ("first", "last"):
    print(strategy)
    kept = trim_messages(history, max_tokens=30, token_counter=counter, strategy=strategy)
    print("keeps", [message.type for message in kept])
PYTHON
cat >expected <<'TEXT'
first
counts ['human', 'ai', 'tool', 'ai']
counts ['human', 'ai']
counts ['human', 'ai', 'tool']
counts ['human', 'ai', 'tool', 'ai']
keeps ['human', 'ai', 'tool']
last
counts ['ai', 'tool', 'ai', 'human']
counts ['ai', 'tool']
counts ['ai', 'tool', 'ai']
counts ['ai', 'tool', 'ai', 'human']
keeps ['ai', 'tool', 'ai']
TEXT
venv/bin/python probe.py | tee seen
diff -u expected seen || {
    echo "trim_messages calls its counter with another order now." >&2
    exit 1
}
