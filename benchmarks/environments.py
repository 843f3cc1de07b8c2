"""Where each thing is measured: an interpreter for each set of packages that can be installed together.

openai-like needs openai 2 where LangChain's partners run on 3, and LlamaIndex's DashScope pins dashscope 1.22.2
where ours needs 2.0, so that this one peer is measured in another environment than ours: the same interpreter,
core and server, and turns taken in the same run. ``make bench`` makes them.
"""

import json
import os
import platform
import subprocess
import time
from pathlib import Path
from typing import Any, Literal

Environment = Literal["langchain", "llama-index", "llama-index-dashscope"]

ROOT = Path(__file__).parent.parent
ENVIRONMENTS: dict[Environment, str] = {
    "langchain": ".venv-bench",
    "llama-index": ".venv-bench-llama-index",
    "llama-index-dashscope": ".venv-bench-llama-index-dashscope",
}

# What decides the figures; the requirement files say the rest.
NAMED = (
    "langchain-core",
    "langchain-openai",
    "langchain-qwq",
    "langchain-community",
    "llama-index-core",
    "llama-index-llms-openai-like",
    "llama-index-llms-openai",
    "llama-index-llms-dashscope",
    "openai",
    "dashscope",
    "httpx",
    "httpx2",
    "aiohttp",
    "pydantic",
    "msgspec",
)
ASK_VERSIONS = """
import json, sys
from importlib.metadata import PackageNotFoundError, version
found = {}
for name in sys.argv[1:]:
    try:
        found[name] = version(name)
    except PackageNotFoundError:
        pass
print(json.dumps(found))
"""

# Tracing, proxies and keys of whoever runs this would be measured too; and without bytecode each import of what is
# not installed by pip would be a compilation.
NOT_PASSED_ON = ("LANGSMITH", "LANGCHAIN", "OPENAI", "DASHSCOPE", "QWEN", "PYTHONDONTWRITEBYTECODE")


def interpreter(environment: Environment) -> str:
    """The Python of that environment. ``BENCH_HOME`` says where the environments are, if not in the project."""
    return str(Path(os.environ.get("BENCH_HOME", ROOT)) / ENVIRONMENTS[environment] / "bin" / "python")


def variables() -> dict[str, str]:
    """The environment variables that a measured process gets."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(NOT_PASSED_ON) and not name.lower().endswith("_proxy")
    }
    return {
        **kept,
        "DASHSCOPE_API_KEY": "sk-benchmark",
        "OPENAI_API_KEY": "sk-benchmark",
        "PYTHONHASHSEED": "0",
        "PYTHONPATH": str(ROOT),
    }


def versions(environment: Environment) -> dict[str, str]:
    """The versions of what decides the figures."""
    asked = [interpreter(environment), "-c", ASK_VERSIONS, *NAMED]
    found: dict[str, str] = json.loads(subprocess.run(asked, capture_output=True, check=True, text=True).stdout)
    return found


def machine() -> dict[str, Any]:
    """What the figures were measured on, and when."""
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "commit": commit(),
        "measured": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
    }


def processor() -> str:
    """The processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def commit() -> str:
    """The commit that was measured, with a sign where the files differ from it."""
    asked = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--exclude=*"]
    found = subprocess.run(asked, capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"
