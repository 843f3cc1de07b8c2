"""Parse the bytes of an event stream into payloads, however they are divided into TCP segments.

Follows the event stream format (WHATWG), with one allowance: captures of the native protocol lack the blank line
between SSE events (native 5.3), so a new field after ``data`` begins a new event too.
"""

from qwen_core.types.errors import InvalidResponseError

STATUS_COMMENT = b":HTTP_STATUS/"
DATA = b"data:"
DATA_LINE = b"\ndata:"
SPACE = ord(" ")

MAX_EVENT = 64 * 1024 * 1024
"""Maximum number of bytes between two payloads: a longer line, or more comments, is an attack on memory."""


class EventStreamParser:
    """Parses the bytes of one stream into the contents of its ``data`` fields. Linear in the bytes.

    ``status`` is the error status that the native protocol writes into a comment of the SSE event, which then is
    the last one (native 6.1).
    """

    __slots__ = ("_data", "_pending", "_silence", "_skip_newline", "status")

    def __init__(self) -> None:
        self._pending: list[bytes] = []
        self._data: list[bytes] = []
        self._silence = 0
        self._skip_newline = False
        self.status: int | None = None

    def feed(self, segment: bytes) -> list[bytes]:
        """Return the payloads that this segment completes."""
        if not segment:
            return []
        if self._skip_newline or b"\r" in segment:
            segment = self._with_plain_newlines(segment)
        end = segment.rfind(b"\n") + 1
        if not end:
            self._pending.append(segment)
            self._wait_longer(len(segment))
            return []
        lines = segment[:end]
        if self._pending:
            lines = b"".join([*self._pending, lines])
            self._pending.clear()
        if end < len(segment):
            self._pending.append(segment[end:])
        payloads = self._take(lines)
        if payloads:
            self._silence = 0
        else:
            self._wait_longer(len(lines))
        return payloads

    def close(self) -> list[bytes]:
        """Return the payload of a last event that no blank line ended."""
        line = b"".join(self._pending)
        self._pending.clear()
        return self._take(line + b"\n\n")

    def _with_plain_newlines(self, segment: bytes) -> bytes:
        """Return the segment with every line end as a newline, also one divided between its two bytes."""
        if self._skip_newline:
            segment = segment.removeprefix(b"\n")
        self._skip_newline = segment.endswith(b"\r")
        return segment.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _wait_longer(self, size: int) -> None:
        self._silence += size
        if self._silence > MAX_EVENT:
            raise InvalidResponseError(
                f"The response cannot be decoded: more than {MAX_EVENT >> 20} MiB arrived without an event."
            )

    def _take(self, lines: bytes) -> list[bytes]:
        """Return the payloads that these complete lines contain: from ``data`` to ``data``."""
        payloads: list[bytes] = []
        data = self._data
        size = len(lines)
        position = 0
        while position < size:
            if not lines.startswith(DATA, position):
                if data:
                    payloads.append(data[0] if len(data) == 1 else b"\n".join(data))
                    data.clear()
                position = lines.find(DATA_LINE, position) + 1
                if not position:
                    break
            end = lines.index(b"\n", position)
            start = position + len(DATA)
            data.append(lines[start + (lines[start] == SPACE) : end])
            position = end + 1
        position = lines.rfind(b"\n" + STATUS_COMMENT) + 1
        if position or lines.startswith(STATUS_COMMENT):
            status = lines[position + len(STATUS_COMMENT) : lines.index(b"\n", position)].strip()
            number = status[:3]
            # The reason phrase may follow: ``429 TOO_MANY_REQUESTS`` (captured, 2024-06).
            is_error = number.isdigit() and number != b"200" and not status[3:4].isalnum()
            self.status = int(number) if is_error and len(number) == 3 else None
        return payloads
