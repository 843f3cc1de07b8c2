"""A question and a vector for each row of a data set, on a Ray cluster, under one limit for all workers.

The rows come back in order, each once, whatever happens to a worker: Ray starts another and gives it the block of
rows that the lost one was at, whose answers are paid for twice. Throttling is waited out. A row whose question is
refused for good keeps the reason in a column of its own. Without RAY_ADDRESS a local cluster is started, without
DASHSCOPE_API_KEY the emulator is too. On a cluster of your own the key is in the environment of its nodes.

Run: python cookbook/ray_data.py --input rows.jsonl --output answers.jsonl
Needs: pip install "ray[data]" ".[langchain,emulator]"
"""

import argparse
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
if "RAY_ADDRESS" not in os.environ:
    # Keeps a local cluster on the loopback, on Linux too.
    os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")

import ray
from langchain_core.rate_limiters import BaseRateLimiter

from langchain_qwen import ChatQwen, QwenEmbeddings, RateLimiter

LIMIT = "qwen-limit"
RETRIES = 10
AT_ONCE = 10
"""Questions that one worker has open at a time."""
BLOCK = 100
"""Rows that a worker takes at a time, and that are done again where it is lost."""
MEGABYTE = 1024 * 1024


class Limit:
    """The limit of the whole cluster: an actor of this class holds it, and every worker asks that."""

    def __init__(self, requests_per_minute: float, tokens_per_minute: float | None) -> None:
        self._limiter = RateLimiter(requests_per_minute, tokens_per_minute)

    async def acquire(self) -> None:
        """Wait until a request may begin."""
        await self._limiter.aacquire()

    async def spend(self, tokens: int) -> None:
        """Charge the tokens of an answer."""
        self._limiter.spend(tokens)


class ClusterLimiter(BaseRateLimiter):
    """A limiter for models in any worker of the cluster."""

    def __init__(self) -> None:
        self._limit: Any = ray.get_actor(LIMIT)

    def acquire(self, *, blocking: bool = True) -> bool:
        """Wait until a request may begin."""
        ray.get(self._limit.acquire.remote())
        return True

    async def aacquire(self, *, blocking: bool = True) -> bool:
        """The same without blocking."""
        await self._limit.acquire.remote()
        return True

    def spend(self, tokens: int) -> None:
        """Charge the tokens of an answer."""
        self._limit.spend.remote(tokens)


class AskAndEmbed:
    """Puts the model's answers and vectors beside the texts, and the reason where there is no answer."""

    def __init__(self) -> None:
        self._limiter = ClusterLimiter()
        self._model = ChatQwen(max_retries=RETRIES, rate_limiter=self._limiter, enable_thinking=False)
        self._embeddings = QwenEmbeddings(dimensions=64, max_retries=RETRIES)

    def __call__(self, rows: dict[str, Any]) -> dict[str, Any]:
        texts = list(rows["text"])
        outcomes = self._model.batch(texts, {"max_concurrency": AT_ONCE}, return_exceptions=True)
        rows["answer"] = ["" if isinstance(outcome, Exception) else outcome.text for outcome in outcomes]
        rows["error"] = [str(outcome) if isinstance(outcome, Exception) else "" for outcome in outcomes]
        self._limiter.acquire()
        rows["vector"] = self._embeddings.embed_documents(texts)
        return rows


def answered(rows: Any, workers: int) -> Any:
    """The data set with answers and vectors. Workers wait most of the time: several share a core."""
    blocks = rows.repartition(target_num_rows_per_block=BLOCK)
    pool = ray.data.ActorPoolStrategy(size=workers)
    return blocks.map_batches(AskAndEmbed, batch_size=10, compute=pool, num_cpus=0.25)


@contextmanager
def cluster(requests_per_minute: float, tokens_per_minute: float | None) -> Iterator[None]:
    """The cluster that RAY_ADDRESS names, else one on this machine, with the limit in it."""
    local: dict[str, Any] = {"include_dashboard": False, "object_store_memory": 200 * MEGABYTE}
    ray.init(log_to_driver=False, **({} if os.environ.get("RAY_ADDRESS") else local))
    context = ray.data.DataContext.get_current()
    context.execution_options.preserve_order = True
    context.enable_progress_bars = False
    remote: Any = ray.remote
    actor = remote(num_cpus=0, max_concurrency=1000, max_restarts=-1, max_task_retries=-1)(Limit)
    # Lives as long as this handle.
    limit = actor.options(name=LIMIT).remote(requests_per_minute, tokens_per_minute)
    try:
        yield
    finally:
        del limit
        ray.shutdown()


@contextmanager
def service() -> Iterator[None]:
    """The real service where there is a key, else an emulator of it."""
    if os.environ.get("DASHSCOPE_API_KEY"):
        yield
        return
    from qwen_emulator import Emulator

    print("No DASHSCOPE_API_KEY is set: starting the emulator, whose answers come from no model.")
    with Emulator() as emulator:
        os.environ["DASHSCOPE_API_KEY"] = "sk-emulator"
        os.environ["DASHSCOPE_API_BASE"] = emulator.base_url
        yield


def main() -> None:
    """Read, ask, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--input", type=Path, help='JSON lines with a field "text"; default: 100 small questions')
    parser.add_argument("--output", type=Path, default=Path("answers.jsonl"))
    parser.add_argument("--workers", type=int, default=2, help="for questions, and as many for vectors")
    parser.add_argument("--requests-per-minute", type=float, default=600)
    parser.add_argument("--tokens-per-minute", type=float)
    given = parser.parse_args()
    with service(), cluster(given.requests_per_minute, given.tokens_per_minute):
        if given.input:
            rows = ray.data.read_json(str(given.input.resolve()), lines=True)
        else:
            rows = ray.data.from_items([{"text": f"Say {number}"} for number in range(100)])
        began, count, failed = time.monotonic(), 0, 0
        with given.output.open("w", encoding="utf-8") as output:
            for row in answered(rows, given.workers).iter_rows():
                count, failed = count + 1, failed + bool(row["error"])
                vector = [float(number) for number in row["vector"]]
                output.write(json.dumps({**row, "vector": vector}, ensure_ascii=False) + "\n")
        print(f"{count} rows in {time.monotonic() - began:.1f} s, {failed} of them with an error: {given.output}")


if __name__ == "__main__":
    main()
