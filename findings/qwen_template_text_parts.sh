#!/usr/bin/env bash
# Chat template of Qwen3: a message given as a list of text parts is rendered as an empty message.
#
# Expected: content as [{"type": "text", "text": ...}] is either understood or an error.
# Happens: Qwen3's template (and Qwen3-2507's) asks only whether content is a string and takes "" otherwise: the user
#   says nothing, a tool returns nothing, and the model answers something. Qwen2.5's raises for a user but prints the
#   Python form of the list for a tool; Qwen3-VL's and Qwen3.5's join the parts. Servers that flatten the parts first
#   hide this; rendering the template oneself, for training data or to count tokens, does not.
# Matters to: anyone who renders OpenAI-style or LangChain-style histories (always lists in their newer forms).
# Versions: templates of trl 1.16.0 (wheel read, not installed), Jinja2 3.1.6, Python 3.11.
# Seen on 2026-11-28: see below.
set -euo pipefail
unset PYTHONPATH
tmp="$(mktemp -d)"
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install --quiet jinja2==3.1.6
venv/bin/pip download --quiet --no-deps --dest wheels trl==1.16.0
python3 -m zipfile --extract wheels/trl-1.16.0-py3-none-any.whl trl

cat >probe.py <<'PYTHON'
import json

from jinja2.sandbox import ImmutableSandboxedEnvironment


def render(name, messages, **arguments):
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"])
    environment.filters["tojson"] = lambda value, **options: json.dumps(value, ensure_ascii=False)
    environment.globals["raise_exception"] = raise_exception
    with open(f"trl/trl/chat_templates/{name}.jinja", encoding="utf-8") as file:
        return environment.from_string(file.read()).render(messages=messages, **arguments)


def raise_exception(message):
    raise ValueError(message)


parts = [{"type": "text", "text": "Good "}, {"type": "text", "text": "morning"}]


def content(name, role):
    messages = [{"role": "user", "content": "x"}, {"role": role, "content": parts}]
    try:
        return render(name, messages).rstrip("\n").split("<|im_start|>user\n")[-1]
    except Exception as error:
        return f"{type(error).__name__}: {error}"


for name in ("qwen2_5", "qwen3", "qwen3_instruct_2507", "qwen3_vl", "qwen3_5_think"):
    print(f"{name}: user {content(name, 'user')!r}")
    print(f"{name}: tool {content(name, 'tool')!r}")
PYTHON
cat >expected <<'TEXT'
qwen2_5: user 'TypeError: can only concatenate str (not "list") to str'
qwen2_5: tool "<tool_response>\n[{'type': 'text', 'text': 'Good '}, {'type': 'text', 'text': 'morning'}]\n</tool_response><|im_end|>"
qwen3: user '<|im_end|>'
qwen3: tool '<tool_response>\n\n</tool_response><|im_end|>'
qwen3_instruct_2507: user '<|im_end|>'
qwen3_instruct_2507: tool '<tool_response>\n\n</tool_response><|im_end|>'
qwen3_vl: user 'Good morning<|im_end|>'
qwen3_vl: tool '<tool_response>\nGood morning\n</tool_response><|im_end|>'
qwen3_5_think: user 'Good morning<|im_end|>'
qwen3_5_think: tool '<tool_response>\nGood morning\n</tool_response><|im_end|>'
TEXT
venv/bin/python probe.py | tee seen
diff -u expected seen || {
    echo "A chat template reads lists of text parts in another way now." >&2
    exit 1
}
