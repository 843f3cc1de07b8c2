"""The command ``qwen-emulator``, or ``python -m qwen_emulator``: serve until Ctrl-C."""

from __future__ import annotations

import argparse
import sys
import threading

import qwen_emulator

DEFAULT_PORT = 8930
"""Not a port that vLLM, SGLang, llama.cpp or Ollama listen on by default."""

_HOW_TO = """\
The Qwen emulator is running. It has no model; {keys} accepted.

  OpenAI-compatible  {compatible}
  native DashScope   {native}
  self-hosted        {base}/vllm/v1, /sglang/v1, /llama.cpp/v1, /ollama/v1

For the integrations:    export DASHSCOPE_API_BASE={base} DASHSCOPE_API_KEY=local
For the openai SDK:      OpenAI(base_url="{compatible}", api_key="local")
For the dashscope SDK:   Generation.call(..., base_address="{native}", api_key="local")

Ctrl-C stops it."""


def main(arguments: list[str] | None = None) -> int:
    """Serve until interrupted. Return the exit code: 1 if the server library is missing."""
    parser = argparse.ArgumentParser(prog="qwen-emulator", description="A DashScope on this machine.")
    port_help = f"port to listen on; 0 picks a free one (default: {DEFAULT_PORT})"
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help=port_help)
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address (default: 127.0.0.1)")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds between two streamed chunks")
    parser.add_argument("--chunk-size", type=int, default=4, help="characters of each streamed chunk")
    parser.add_argument("--api-key", help="the only key to accept (default: any)")
    given = parser.parse_args(arguments)
    try:
        emulator_class = qwen_emulator.Emulator
    except ImportError as missing:
        print(missing, file=sys.stderr)
        return 1
    try:
        emulator = emulator_class(given.port, given.chunk_size, given.delay, given.api_key, given.host)
        emulator.start()
    except (OSError, OverflowError, ValueError) as problem:
        parser.error(str(problem))
    print(
        _HOW_TO.format(
            keys="only the key given is" if given.api_key else "any key is",
            base=emulator.base_url,
            compatible=emulator.compatible_url,
            native=emulator.native_url,
        ),
        flush=True,
    )
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        print("\nStopped.")
    finally:
        emulator.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
