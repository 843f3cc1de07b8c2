#!/usr/bin/env bash
# Chat templates of Qwen2.5 and Qwen3: a developer message disappears.
#
# Expected: instructions with OpenAI's newer role "developer" act as a system message, or the template refuses the role,
#   as it refuses other wrong histories.
# Happens: the templates up to Qwen3-VL have a branch for each role they know and none for the rest: the message is
#   skipped, and with Qwen2.5 the default system prompt is written in its place. Qwen3.5 and later raise. So the same
#   client code works without its instructions on one model and fails on the next.
# Matters to: anyone who points code written for OpenAI's reasoning models at a self-hosted Qwen.
# Versions: templates of trl 1.16.0 (wheel read, not installed), Jinja2 3.1.6, Python 3.11. Seen on 2026-11-28: see below.
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


messages = [{"role": "developer", "content": "Answer in French."}, {"role": "user", "content": "Hello"}]
for name in ("qwen2_5", "qwen3", "qwen3_instruct_2507", "qwen3_vl", "qwen3_5_think", "qwen3_6", "qwen3_8"):
    try:
        text = render(name, messages)
    except ValueError as error:
        print(f"{name}: raises {error}")
    else:
        print(f"{name}: instructions {'kept' if 'French' in text else 'gone'}, default system {'You are Qwen' in text}")
PYTHON
cat >expected <<'TEXT'
qwen2_5: instructions gone, default system True
qwen3: instructions gone, default system False
qwen3_instruct_2507: instructions gone, default system False
qwen3_vl: instructions gone, default system False
qwen3_5_think: raises Unexpected message role.
qwen3_6: raises Unexpected message role.
qwen3_8: raises Unexpected message role.
TEXT
venv/bin/python probe.py | tee seen
diff -u expected seen || {
    echo "A chat template treats the developer role in another way now." >&2
    exit 1
}
