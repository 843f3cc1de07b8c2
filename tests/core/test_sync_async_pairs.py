"""Sync and async clients and transports have the same code."""

import re

REPLACEMENTS = [
    (r"(?<![a-z])async_|\ba(?=iter\(|next\()", ""),
    (r"\baiter_", "iter_"),
    (r"\basync |\bawait ", ""),
    (r"ASYNC_(?=[A-Z])", ""),
    (r"AsyncIterator", "Iterator"),
    (r"AsyncGenerator\[Event, None\]", "Iterator[Event]"),
    (r"Awaitable\[T\]", "T"),
    (r"__aiter__", "__iter__"),
    (r"\.a(?=close\(|read\()", "."),
    (r"AioHTTPClient, AsyncHTTPClient", "HTTPClient"),
    (r"asynchronous=True", "asynchronous=False"),
    (r"Async(?=[A-Z])", ""),
]

DIFFERENT_DOCSTRING = re.compile(r'"""[^"]*"""')


def synchronous(source: str) -> str:
    """Return the source without async keywords and line breaks."""
    for pattern, replacement in REPLACEMENTS:
        source = re.sub(pattern, replacement, source)
    source = DIFFERENT_DOCSTRING.sub("", source)
    return re.sub(r",(?=\))", "", re.sub(r"\s+", "", source))
