#!/usr/bin/env bash
# SGLang, parser "qwen25": a call of a tool that was not offered leaves half of its JSON in the text, in streams only.
#
# Expected: a call with an unknown name is passed on as a call, or as text, or dropped; the same way streamed and whole.
# Happens (SGLANG_FORWARD_UNKNOWN_TOOLS off, the default): whole, it vanishes; only the server's log has a line.
#   Streamed, the parser gives up in the middle: the beginning is swallowed, the rest (arguments and closing braces,
#   without the tags) is sent to the user as content. The name never reaches the client, so it cannot tell the model
#   that there is no such tool.
# Matters to: agents that change their tools between turns, where models call tools of the turn before.
# Versions: sglang 0.5.23 (only its parser modules, from the wheel), Python 3.11. Seen on 2026-11-28: see below.
set -euo pipefail
unset PYTHONPATH
tmp="$(mktemp -d)"
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install --quiet orjson==3.13.0 partial-json-parser==0.2.1.1.post7 pydantic==2.14.4
venv/bin/pip download --quiet --no-deps --dest wheels sglang==0.5.23

cat >probe.py <<'PYTHON'
import sys
import types
import zipfile
from pathlib import Path
from typing import Any

from pydantic import BaseModel

WHEEL = zipfile.ZipFile(next(Path("wheels").glob("sglang-*.whl")))
WHEEL.extractall("sg", [name for name in WHEEL.namelist() if name.startswith("sglang/srt/function_call/")])


class Function(BaseModel):
    name: str
    parameters: dict[str, Any]


class Tool(BaseModel):
    function: Function


class Off:
    def __getattr__(self, name):
        return self

    def get(self):
        return False


def stand_in(name, **content):
    """Register a module in place of the server's, which would need CUDA; the parsers take only these names from it."""
    module = types.ModuleType(name)
    module.__dict__.update(content)
    module.__path__ = ["sg/" + name.replace(".", "/")]
    sys.modules[name] = module


for package in ("sglang", "sglang.srt", "sglang.srt.entrypoints", "sglang.srt.entrypoints.openai"):
    stand_in(package)
stand_in("sglang.srt.entrypoints.openai.protocol", Tool=Tool, ToolChoice=Any)
stand_in("sglang.srt.environ", envs=Off())
import logging

from sglang.srt.function_call.hermes_detector import HermesDetector
from sglang.srt.function_call.qwen25_detector import Qwen25Detector

logging.disable(logging.ERROR)
parameters = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOLS = [Tool(function=Function(name="weather", parameters=parameters))]


def streamed(detector, chunks):
    text, calls = "", ""
    for chunk in chunks:
        result = detector.parse_streaming_increment(chunk, TOOLS)
        text += result.normal_text
        calls += "".join((call.name or "") + call.parameters for call in result.calls)
    return text, calls


def whole(detector, text):
    result = detector.detect_and_parse(text, TOOLS)
    return result.normal_text, "".join((call.name or "") + call.parameters for call in result.calls)


chunks = ["<tool_call>", "\n", '{"name": "', "forecast", '", "', "arguments", '": {"', "city", '": "', "Oslo", '"}}', "\n", "</tool_call>"]
text, calls = streamed(Qwen25Detector(), chunks)
print(f"streamed: text {text!r}, calls {calls!r}")
text, calls = whole(Qwen25Detector(), "".join(chunks))
print(f"whole: text {text!r}, calls {calls!r}")
PYTHON
cat >expected <<'TEXT'
streamed: text 'arguments": {"city": "Oslo"}}\n', calls ''
whole: text '', calls ''
TEXT
venv/bin/python probe.py | tee seen
diff -u expected seen || {
    echo "SGLang's parser treats calls of unknown tools in another way now." >&2
    exit 1
}
