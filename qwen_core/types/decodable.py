"""Prepare structs that JSON is decoded into."""

from typing import TypeVar

import msgspec

Struct = TypeVar("Struct", bound=type[msgspec.Struct])


def decodable(struct: Struct) -> Struct:
    """Let msgspec prepare ``struct`` now, while the lock of its module's import is held.

    msgspec would do so at first use, and two threads that use a struct for the first time together crash the
    process: the second decodes into a description that the first has not finished (msgspec 0.22).
    """
    msgspec.json.Decoder(struct)
    return struct
