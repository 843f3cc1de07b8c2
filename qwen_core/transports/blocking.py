"""Run blocking functions: at once for a synchronous caller, off the event loop for an async one.

Each function stands here twice under names that ``scripts/generate_sync.py`` converts into each other.
"""

import asyncio
import time
from collections.abc import Callable
from inspect import isawaitable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def run(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function and return its result."""
    return function(*args, **kwargs)


async def async_run(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function in another thread and return its result."""
    return await asyncio.to_thread(function, *args, **kwargs)


def call(function: Callable[[T], object], argument: T) -> None:
    """Call the function."""
    function(argument)


async def async_call(function: Callable[[T], object], argument: T) -> None:
    """Call the function, and await what it returns if that can be awaited."""
    outcome = function(argument)
    if isawaitable(outcome):
        await outcome


def sleep(seconds: float) -> None:
    """Sleep."""
    time.sleep(seconds)


async def async_sleep(seconds: float) -> None:
    """Sleep while the event loop goes on."""
    await asyncio.sleep(seconds)
