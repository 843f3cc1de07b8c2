"""The JSON of the Responses API that we receive, as types. Loose: only what is read is declared.

Facts are from the protocol document "compatible", section 2.7, and its samples.
"""

from typing import Any

import msgspec


class Response(msgspec.Struct):
    """A whole answer, or what is known of it in an event. ``model`` is empty until the end of a stream.

    ``output`` items are kept as they come: their kinds are many, and some are not documented.
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
    """An event of a stream, or an error in its place: ``error``, or ``code`` and ``message``.

    A whole answer is told by ``object``.
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
