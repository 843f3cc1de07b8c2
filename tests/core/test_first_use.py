"""First use of the package from several threads at once."""

import subprocess
import sys

# Pauses the first thread while msgspec inspects a type, so that the second thread arrives meanwhile.
PROGRAM = """
import threading, time, typing
from qwen_core.models import all_models, resolve

all_models()
written = typing._BaseGenericAlias.__setattr__

def hold(alias, name, value):
    if name == "__msgspec_cache__":
        time.sleep(0.05)
    return written(alias, name, value)

typing._BaseGenericAlias.__setattr__ = hold
threads = [threading.Thread(target=resolve, args=(f"qwen-{number}",)) for number in range(2)]
for thread in threads:
    thread.start()
    time.sleep(0.02)
for thread in threads:
    thread.join()
"""


def test_two_threads_resolve_their_first_model_concurrently() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], check=True, timeout=60)
