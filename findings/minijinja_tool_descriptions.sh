#!/usr/bin/env bash
# minijinja and Qwen's chat template: the model reads other tool descriptions than with transformers.
#
# Expected: one template and one list of tools give one prompt, whichever engine renders it.
# Happens: the template writes tools with the filter tojson. Plain Jinja's escapes < > & ' for HTML, sorts all keys and
#   writes ASCII only. transformers replaces the filter, so none of that happens there. minijinja, an engine for
#   servers written in Rust, keeps order and Chinese but does escape: the model reads "x \u003c y", and more tokens.
# Matters to: anyone who moves a self-hosted model between servers, compares prompts or counts tokens with another engine.
# Versions: minijinja 3.1.0, Jinja2 3.1.6, Qwen3's template of trl 1.16.0 (wheel read, not installed), Python 3.11.
# Seen on 2026-11-28: see below.
set -euo pipefail
unset PYTHONPATH
tmp="$(mktemp -d)"
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install --quiet jinja2==3.1.6 minijinja==3.1.0
venv/bin/pip download --quiet --no-deps --dest wheels trl==1.16.0
python3 -m zipfile --extract wheels/trl-1.16.0-py3-none-any.whl trl

cat >probe.py <<'PYTHON'
import json

import jinja2
import minijinja

with open("trl/trl/chat_templates/qwen3.jinja", encoding="utf-8") as file:
    SOURCE = file.read()
parameters = {"type": "object", "properties": {"z": {"type": "integer"}, "a": {"type": "string"}}}
tool = {"type": "function", "function": {"name": "f", "description": "Is x < y & 'z'? 真", "parameters": parameters}}
arguments = {"messages": [{"role": "user", "content": "q"}], "tools": [tool]}


def plain():
    return jinja2.Environment(trim_blocks=True, lstrip_blocks=True).from_string(SOURCE).render(**arguments)


def like_transformers():
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)
    environment.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
    return environment.from_string(SOURCE).render(**arguments)


def rust():
    environment = minijinja.Environment(templates={"chat": SOURCE})
    environment.trim_blocks = environment.lstrip_blocks = True
    return environment.render_template("chat", **arguments)


for engine in (like_transformers, plain, rust):
    line = next(line for line in engine().splitlines() if line.startswith('{"') and "properties" in line)
    print(f"{engine.__name__}: {line}")
PYTHON
cat >expected <<'TEXT'
like_transformers: {"type": "function", "function": {"name": "f", "description": "Is x < y & 'z'? 真", "parameters": {"type": "object", "properties": {"z": {"type": "integer"}, "a": {"type": "string"}}}}}
plain: {"function": {"description": "Is x \u003c y \u0026 \u0027z\u0027? \u771f", "name": "f", "parameters": {"properties": {"a": {"type": "string"}, "z": {"type": "integer"}}, "type": "object"}}, "type": "function"}
rust: {"type": "function", "function": {"name": "f", "description": "Is x \u003c y \u0026 \u0027z\u0027? 真", "parameters": {"type": "object", "properties": {"z": {"type": "integer"}, "a": {"type": "string"}}}}}
TEXT
venv/bin/python probe.py | tee seen
diff -u expected seen || {
    echo "An engine writes tools into the prompt in another way now." >&2
    exit 1
}
