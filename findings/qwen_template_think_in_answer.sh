#!/usr/bin/env bash
# Chat templates of Qwen3, 3.5 and 3.6: an old answer that mentions the closing think tag loses its first half.
#
# Expected: an assistant message of the history is shown to the model as it was.
# Happens: these templates look for reasoning inside the content, wherever the closing tag stands: all in front of the
#   last one counts as reasoning and is dropped from older turns. An answer about the tag itself (documentation of a
#   parser, say) goes back to the model without its beginning. Qwen2.5, Qwen3-2507 instruct and Qwen3-VL keep it;
#   Qwen3.8 keeps it and puts an empty think block in front.
# Matters to: developers who chat about reasoning formats with such a model on a server of their own.
# Versions: templates of trl 1.16.0 (wheel read, not installed), Jinja2 3.1.6, Python 3.11. Seen on 2026-11-28:
#   "Close it with </think> and go on."  ->  " and go on."
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


history = [
    {"role": "user", "content": "How does a block end?"},
    {"role": "assistant", "content": "Close it with </think> and go on."},
    {"role": "user", "content": "Thanks."},
]
for name in ("qwen2_5", "qwen3", "qwen3_instruct_2507", "qwen3_vl", "qwen3_5_think", "qwen3_6", "qwen3_8"):
    text = render(name, history)
    answer = text.split("<|im_start|>assistant\n")[1].split("<|im_end|>")[0]
    print(f"{name}: {answer!r}")
PYTHON
cat >expected <<'TEXT'
qwen2_5: 'Close it with </think> and go on.'
qwen3: ' and go on.'
qwen3_instruct_2507: 'Close it with </think> and go on.'
qwen3_vl: 'Close it with </think> and go on.'
qwen3_5_think: ' and go on.'
qwen3_6: ' and go on.'
qwen3_8: '<think>\n\n</think>\n\nClose it with </think> and go on.'
TEXT
venv/bin/python probe.py | tee seen
diff -u expected seen || {
    echo "A chat template treats the closing think tag in an answer in another way now." >&2
    exit 1
}
