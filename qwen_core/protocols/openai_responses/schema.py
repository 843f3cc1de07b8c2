"""JSON schemas of the Responses API, as types. Loose: only what is used is declared.

Facts are from the protocol document "compatible", section 2.7, and its samples.
"""

from typing import Any

import msgspec


class Response(msgspec.Struct):
    """A complete response, or what is known of it in an event. ``model`` is empty until the end of a stream.

    ``output`` items are kept unchanged: their kinds are many, and some are not documented.
    """

    id: str | None = None
    model: str | None = None
    status: str | None = None
    created_at: int | float | None = None
    output: list[dict[str, Any]] | None = None
    usage: dict[str, Any] | None = None
    error: Any = None
    incomplete_details: dict[str, Any] | None = None


class Event(msgspec.Struct):
    """An event of a stream, or an error instead: ``error``, or ``code`` and ``message``.

    A complete response is recognized by ``object``.
    """

    type: str = ""
    delta: str | None = None
    item: dict[str, Any] | None = None
    output_index: int = 0
    content_index: int = 0
    response: Response | None = None
    object: str | None = None
    error: Any = None
    code: Any = None
    message: Any = None
    request_id: str | None = None
