"""JSON schemas of the native DashScope protocol, as types.

Loose, because we receive them: only what is used is declared, everything may be missing or null. Facts are from
the protocol document "native", by section.
"""

from typing import Any

import msgspec

from qwen_core.protocols.schema import Audio, ToolCall


class Message(msgspec.Struct):
    """New content, or a complete message.

    ``content`` is text on the text endpoint and a list of one-key items on the multimodal one, where it is ``[]``
    while the model thinks, while it calls tools and at the end (section 5.1). ``reasoning_content`` is ``""`` on
    the text endpoint if there is no reasoning; on the multimodal one the key disappears (section 5.3).
    """

    content: str | list[Any] | None = None
    reasoning_content: str | None = None
    tool_calls: list[ToolCall] | None = None
    annotations: Any = None


class Choice(msgspec.Struct):
    """A choice of a chunk or of a complete response.

    ``index`` is there only with tools or several choices (section 5.1). ``finish_reason`` is the text ``"null"``
    until the end.
    """

    index: int | None = None
    message: Message | None = None
    finish_reason: str | None = None
    logprobs: dict[str, Any] | None = None


class Output(msgspec.Struct):
    """The output of the model: ``choices``, or ``text`` and ``finish_reason`` in the text format (section 5.1).

    Translation models write ``finish_reason`` beside the choices too. ``search_info`` may come once and then be
    repeated empty (section 5.3); ``tool_info`` is repeated on each later chunk (section 5.5). Models that generate
    images write a ``task_metric`` (section 5.1). A research has a ``message``, and its end is spelt ``fininshed``.
    """

    choices: list[Choice] | None = None
    text: str | None = None
    finish_reason: str | None = None
    model_name: str | None = None
    search_info: dict[str, Any] | None = None
    tool_info: list[dict[str, Any]] | None = None
    task_metric: dict[str, Any] | None = None
    audio: Audio | None = None
    message: Any = None
    fininshed: Any = None
    fininshed_reason: Any = None


class Chunk(msgspec.Struct):
    """A chunk, a complete response, or an error instead of either: ``code`` and ``message`` (section 6.1).

    ``usage`` is cumulative, and ``{}`` on the first chunk of a search (section 0.8).
    """

    output: Output | None = None
    usage: dict[str, Any] | None = None
    request_id: str | None = None
    error: Any = None
    code: Any = None
    message: Any = None
