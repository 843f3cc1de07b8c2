"""The code in docs/observability.md runs unchanged in a new process and writes spans."""

import os
import re
import subprocess
import sys
from pathlib import Path

from qwen_emulator import Emulator

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "observability.md").read_text("utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)
HIDDEN = {"OPENINFERENCE_HIDE_INPUTS": "true", "TRACELOOP_TRACE_CONTENT": "false"}


def test_observability_guide_examples_write_spans(service: Emulator) -> None:
    written = run("\n".join(EXAMPLES), {})
    assert written.count('"llm.model_name": "qwen-plus"') >= 2  # both of OpenInference's
    assert '"gen_ai.request.model": "qwen-plus"' in written
    assert "Hello!" in written


def test_observability_guide_inputs_can_be_hidden(service: Emulator) -> None:
    of_langchain = "\n".join(EXAMPLES[:2]).replace("Hello!", "Count to 3, discreetly")
    written = run(of_langchain, HIDDEN)
    assert '"llm.model_name": "qwen-plus"' in written and '"gen_ai.request.model": "qwen-plus"' in written
    assert "discreetly" not in written
    assert len(service.requests) == 2


def run(code: str, more: dict[str, str]) -> str:
    """Run the code in a new process and return its output; instrumentors cannot be enabled twice in one."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **more}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout
