"""Make many calls, a limited number of them at once, and return the results in the order of the items."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from itertools import islice
from typing import Any, TypeVar, cast

T = TypeVar("T")
R = TypeVar("R")

DEFAULT_CONCURRENCY = 8

AHEAD = 4
"""Items submitted ahead for each thread, so that the others go on while the first one waits."""


def map_in_order(
    function: Callable[[T], R],
    items: Sequence[T],
    workers: int = DEFAULT_CONCURRENCY,
    on_done: Callable[[T], object] | None = None,
) -> list[R]:
    """Return the results, computed by up to ``workers`` threads. Starts nothing more after the first error.

    Each thread runs in the caller's context; ``on_done`` is called in the caller's thread.
    """
    workers = worker_count(workers, items)
    results: list[R] = []

    def take(item: T, result: R) -> None:
        results.append(result)
        if on_done:
            on_done(item)

    if workers == 1:
        for item in items:
            take(item, function(item))
        return results
    waiting: deque[tuple[T, Future[R]]] = deque()
    source = iter(items)
    pool = ThreadPoolExecutor(workers, thread_name_prefix="qwen")
    try:
        while True:
            for item in islice(source, workers * AHEAD - len(waiting)):
                waiting.append((item, pool.submit(copy_context().run, function, item)))
            if not waiting:
                return results
            item, future = waiting.popleft()
            take(item, future.result())
    finally:
        pool.shutdown(wait=not waiting, cancel_futures=True)


def worker_count(workers: int, items: Sequence[object]) -> int:
    """Return the number of workers that there is work for, at least 1."""
    return max(1, min(workers, len(items)))


async def async_map_in_order(
    function: Callable[[T], Awaitable[R]],
    items: Sequence[T],
    workers: int = DEFAULT_CONCURRENCY,
    on_done: Callable[[T], object] | None = None,
) -> list[R]:
    """Return the results, computed by up to ``workers`` tasks. The first error cancels the rest."""
    results: list[Any] = [None] * len(items)
    source = iter(enumerate(items))

    async def work() -> None:
        for index, item in source:
            results[index] = await function(item)
            if on_done:
                on_done(item)

    tasks = [asyncio.ensure_future(work()) for _ in range(worker_count(workers, items))]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return cast(list[R], results)
