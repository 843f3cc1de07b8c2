#!/usr/bin/env bash
# llama-index-core: a ReAct agent runs a tool with {} when the model writes True instead of true.
#
# Expected: "Action Input" that cannot be parsed is an error that the agent reports to the model.
# Happens: the text goes to dirtyjson, made for JavaScript-like JSON. It does not know Python's True and None; on that
#   error a pattern for pairs of quoted strings takes over, finds none and gives {}, without a word. And as in old
#   JavaScript a number with a leading zero is octal: a zip code 01234 becomes 668.
# Matters to: users of ReActAgent with models without native tool calls; small models write Python literals often.
# Versions: llama-index-core 0.14.25, dirtyjson 1.0.8, Python 3.11. Seen on 2026-11-28: see below.
set -euo pipefail
unset PYTHONPATH
tmp="$(mktemp -d)"
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install --quiet llama-index-core==0.14.25 dirtyjson==1.0.8

cat >probe.py <<'PYTHON'
from llama_index.core.agent.react.output_parser import ReActOutputParser


def action_input(text):
    return ReActOutputParser().parse(f"Thought: I need a tool.\nAction: search\nAction Input: {text}").action_input


for text in ('{"exact": true, "limit": 5}', '{"exact": True, "limit": 5}', '{"limit": 5, "after": None}', '{"zip": 01234}'):
    print(text, "->", action_input(text))
PYTHON
cat >expected <<'TEXT'
{"exact": true, "limit": 5} -> {'exact': True, 'limit': 5}
{"exact": True, "limit": 5} -> {}
{"limit": 5, "after": None} -> {}
{"zip": 01234} -> {'zip': 668}
TEXT
venv/bin/python probe.py | tee seen
diff -u expected seen || {
    echo "The ReAct parser reads these inputs in another way now." >&2
    exit 1
}
