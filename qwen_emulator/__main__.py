"""The command line: ``python -m qwen_emulator --port 8000`` serves until Ctrl-C."""

from __future__ import annotations

import argparse
import threading

from qwen_emulator.emulator import Emulator

_HOW_TO = """\
The Qwen emulator is running. It has no model; {keys} accepted.

  OpenAI-compatible  {compatible}
  native DashScope   {native}
  self-hosted        {base}/vllm/v1, /sglang/v1, /llama.cpp/v1, /ollama/v1

For the integrations:    export DASHSCOPE_API_BASE={base} DASHSCOPE_API_KEY=local
For the openai SDK:      OpenAI(base_url="{compatible}", api_key="local")
For the dashscope SDK:   Generation.call(..., base_address="{native}", api_key="local")

Ctrl-C stops it."""


def main(arguments: list[str] | None = None) -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m qwen_emulator", description="A DashScope on this machine.")
    parser.add_argument("--port", type=int, default=8000, help="0 takes a free one (default: 8000)")
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address (default: 127.0.0.1)")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds between two streamed chunks")
    parser.add_argument("--chunk-size", type=int, default=4, help="characters of each streamed chunk")
    parser.add_argument("--api-key", help="the only key to accept (default: any)")
    given = parser.parse_args(arguments)
    try:
        emulator = Emulator(given.port, given.chunk_size, given.delay, given.api_key, given.host)
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


if __name__ == "__main__":
    main()
