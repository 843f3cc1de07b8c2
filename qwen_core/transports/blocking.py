"""What blocks: done at once by a synchronous caller, off the event loop by an asynchronous one. Pairs of names."""

import asyncio
import time
from collections.abc import Callable
from inspect import isawaitable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def run(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The function's result."""
    return function(*args, **kwargs)


async def async_run(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The function's result; another thread does the work."""
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
    """Wait."""
    time.sleep(seconds)


async def async_sleep(seconds: float) -> None:
    """Wait, while the loop goes on."""
    await asyncio.sleep(seconds)
