"""Many calls, a bounded number of them at once, their results in the order of what was asked."""

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
"""For each thread so many items are handed out ahead, so that the others work on while the first one waits."""


def map_in_order(
    function: Callable[[T], R],
    items: Sequence[T],
    workers: int = DEFAULT_CONCURRENCY,
    on_done: Callable[[T], object] | None = None,
) -> list[R]:
    """The results, from as many threads as there are workers. After the first failure nothing more is begun.

    Each thread works in the caller's context; ``on_done`` is called in the caller's thread.
    """
    workers = limited(workers, items)
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


def limited(workers: int, items: Sequence[object]) -> int:
    """How many workers there is work for; one at least, whatever was asked for."""
    return max(1, min(workers, len(items)))


async def async_map_in_order(
    function: Callable[[T], Awaitable[R]],
    items: Sequence[T],
    workers: int = DEFAULT_CONCURRENCY,
    on_done: Callable[[T], object] | None = None,
) -> list[R]:
    """The results, from as many tasks as there are workers. The first failure cancels the rest."""
    results: list[Any] = [None] * len(items)
    source = iter(enumerate(items))

    async def work() -> None:
        for place, item in source:
            results[place] = await function(item)
            if on_done:
                on_done(item)

    tasks = [asyncio.ensure_future(work()) for _ in range(limited(workers, items))]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return cast(list[R], results)
