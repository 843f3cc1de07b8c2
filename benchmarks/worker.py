"""A process in which one thing is measured, once for each line from its parent. Imports nothing of ours."""

import gc
import json
import os
import sys
import time
import warnings
from importlib import import_module
from typing import Any


def run(module: str, function: str, arguments: dict[str, Any], repeat: int, warm: bool) -> None:
    """Prepare the operation, then time it for every line on standard input.

    Figures are written to what was standard output; what libraries print goes to standard error.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    operate = getattr(import_module(f"benchmarks.{module}"), function)(**arguments)
    for _ in range(2 if warm else 0):
        operate()
    print("ready", file=answers, flush=True)
    for _ in sys.stdin:
        gc.collect()
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(repeat):
            extra = operate()
        figures = {
            "cpu": (time.process_time() - cpu) / repeat,
            "wall": (time.perf_counter() - wall) / repeat,
            **(extra or {}),
        }
        print(json.dumps(figures), file=answers, flush=True)
    # Open streams and pools are the machine's to clear away.
    os._exit(0)


if __name__ == "__main__":
    run(**json.loads(sys.argv[1]))
