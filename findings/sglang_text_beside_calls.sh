#!/usr/bin/env bash
# SGLang, parser "qwen25": what a model says before a tool call depends on how many tokens share a chunk.
#
# Expected: the text around a tool call is content, streamed or not, however the tokens are cut into chunks.
# Happens: with one token a chunk the text before the call arrives. When a chunk holds the end of the text and the tag
#   (several tokens a step, as with speculative decoding, or a slow reader), the text in that chunk is lost. Text after
#   the call is lost always. The parser "hermes" of the same server, for the same format, keeps both in streams; in
#   whole responses both drop the text after the call.
# Matters to: anyone who compares streamed and whole responses of a self-hosted Qwen, or shows the text beside calls.
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


head = ["Let me", " look", "."]
call = ["\n", '{"name": "weather",', ' "arguments": {"city": "Oslo"}}', "\n", "</tool_call>"]
tail = ["\n", "Back", " soon", "."]
single = [*head, "\n", "<tool_call>", *call, *tail]
shared = [*head[:2], ".\n<tool_call>", *call, *tail]
large = ["Let me look.\n<tool_call>\n", *call[1:], *tail]
for parser in (Qwen25Detector, HermesDetector):
    for label, chunks in (("one token a chunk", single), ("text and tag together", shared), ("all text and tag", large)):
        text, calls = streamed(parser(), chunks)
        print(f"{parser.__name__}, {label}: {text!r} {calls}")
    print(f"{parser.__name__}, whole: {whole(parser(), ''.join(single))[0]!r}")
PYTHON
cat >expected <<'TEXT'
Qwen25Detector, one token a chunk: 'Let me look.\n' weather{"city": "Oslo"}
Qwen25Detector, text and tag together: 'Let me look' weather{"city": "Oslo"}
Qwen25Detector, all text and tag: '' weather{"city": "Oslo"}
Qwen25Detector, whole: 'Let me look.'
HermesDetector, one token a chunk: 'Let me look.\n\n\nBack soon.' weather{"city": "Oslo"}
HermesDetector, text and tag together: 'Let me look.\n\n\nBack soon.' weather{"city": "Oslo"}
HermesDetector, all text and tag: 'Let me look.\n\n\nBack soon.' weather{"city": "Oslo"}
HermesDetector, whole: 'Let me look.'
TEXT
venv/bin/python probe.py | tee seen
diff -u expected seen || {
    echo "SGLang's parsers keep other text beside tool calls now." >&2
    exit 1
}
