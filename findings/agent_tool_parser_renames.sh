#!/usr/bin/env bash
# agent-tool-parser: tools and arguments come out under other names than the model wrote.
#
# Expected: a parser of tool calls returns the name and the arguments of the call.
# Happens: names are put into lower case before they are compared with allowed_tools, so an allowed getWeather is
#   refused as "no valid tool call". A table of built-in aliases renames tools (grep becomes search) and arguments of
#   every tool (query becomes pattern, file becomes path), and an argument named input or params that holds an object
#   is replaced by that object's keys. The function then fails on an unexpected argument, or runs without it.
# Matters to: anyone who adds this parser for models whose server does not parse calls (its summary names Qwen 2.5).
# Versions: agent-tool-parser 0.1.3, Python 3.11. Seen on 2026-11-28: see below.
set -euo pipefail
unset PYTHONPATH
tmp="$(mktemp -d)"
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install --quiet agent-tool-parser==0.1.3

cat >probe.py <<'PYTHON'
import json

from agent_tool_parser import ToolError, ToolParser


def parsed(name, arguments, **options):
    text = "<tool_call>\n" + json.dumps({"name": name, "arguments": arguments}) + "\n</tool_call>"
    try:
        call = ToolParser(**options).parse(text)
    except ToolError as error:
        return str(error).split(":")[0]
    return call.name, call.args


print(parsed("getWeather", {"city": "Oslo"}))
print(parsed("getWeather", {"city": "Oslo"}, allowed_tools={"getWeather"}))
print(parsed("grep", {"text": "x"}, allowed_tools={"grep"}))
print(parsed("lookup", {"query": "x", "file": "y"}, allowed_tools={"lookup"}))
print(parsed("submit", {"id": 1, "input": {"id": 2, "note": "n"}}, allowed_tools={"submit"}))
PYTHON
cat >expected <<'TEXT'
('getweather', {'city': 'Oslo'})
No valid tool call found in response
No valid tool call found in response
('lookup', {'path': 'y', 'pattern': 'x'})
('submit', {'id': 1, 'note': 'n'})
TEXT
venv/bin/python probe.py | tee seen
diff -u expected seen || {
    echo "agent-tool-parser renames other things now." >&2
    exit 1
}
