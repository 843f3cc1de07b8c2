"""Bytes of an event stream in, payloads out, whatever the segments.

Follows the event stream format (WHATWG), with one allowance: captures of the native wire lack the blank line
between frames (native 5.3), so a new field after ``data`` begins a new event too.
"""

from qwen_core.errors import InvalidResponseError

BOM = b"\xef\xbb\xbf"
STATUS_COMMENT = b":HTTP_STATUS/"

MAX_EVENT = 64 * 1024 * 1024
"""Bytes between two payloads: a longer line, or more comments, is no answer but an attack on memory."""


class EventStreamReader:
    """Cuts the bytes of one stream into the contents of its ``data`` fields. Linear in the bytes.

    ``status`` is the error status that the native wire writes into a comment of the frame, which then is the
    last one (native 6.1).
    """

    __slots__ = ("_data", "_pending", "_silence", "_skip_newline", "_started", "status")

    def __init__(self) -> None:
        self._pending: list[bytes] = []
        self._data: list[bytes] = []
        self._silence = 0
        self._started = False
        self._skip_newline = False
        self.status: int | None = None

    def feed(self, segment: bytes) -> list[bytes]:
        """The payloads that this segment completes."""
        if not segment:
            return []
        if self._skip_newline:
            self._skip_newline = False
            if segment.startswith(b"\n"):
                segment = segment[1:]
        if b"\n" not in segment and b"\r" not in segment:
            self._pending.append(segment)
            self._wait_longer(len(segment))
            return []
        if self._pending:
            self._pending.append(segment)
            segment = b"".join(self._pending)
            self._pending.clear()
        if not self._started:
            self._started = True
            segment = segment.removeprefix(BOM)
        if b"\r" in segment:
            self._skip_newline = segment.endswith(b"\r")
            segment = segment.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        lines = segment.split(b"\n")
        rest = lines.pop()
        if rest:
            self._pending.append(rest)
        payloads = self._take(lines)
        if payloads:
            self._silence = 0
        else:
            self._wait_longer(len(segment))
        return payloads

    def close(self) -> list[bytes]:
        """The payload of a last event that no blank line ended."""
        lines = [b"".join(self._pending), b""]
        if not self._started:
            lines[0] = lines[0].removeprefix(BOM)
        self._pending.clear()
        return self._take(lines)

    def _wait_longer(self, size: int) -> None:
        self._silence += size
        if self._silence > MAX_EVENT:
            raise InvalidResponseError(
                f"The answer cannot be read: more than {MAX_EVENT >> 20} MiB came without an event."
            )

    def _take(self, lines: list[bytes]) -> list[bytes]:
        payloads: list[bytes] = []
        data = self._data
        for line in lines:
            if line.startswith(b"data:"):
                data.append(line[6:] if line.startswith(b"data: ") else line[5:])
                continue
            if data:
                payloads.append(data[0] if len(data) == 1 else b"\n".join(data))
                data.clear()
            if line.startswith(STATUS_COMMENT):
                status = line.removeprefix(STATUS_COMMENT).strip()
                self.status = int(status) if status.isdigit() and len(status) == 3 and status != b"200" else None
        return payloads
