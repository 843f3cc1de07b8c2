"""The profiles of all models that the catalogue lists, folded beforehand: the catalogue takes 25 ms to read.

`folded.jsonl` holds one profile a line. It is made from `catalogue.toml` (see the snapshot test, which holds the
two equal), and has no facts of its own.
"""

import pkgutil
from collections.abc import Iterable

import msgspec

from qwen_core.models.profile import ModelProfile

FILE = "folded.jsonl"

_decode = msgspec.json.Decoder(ModelProfile).decode


def write_folded(profiles: Iterable[ModelProfile]) -> bytes:
    """The file's content."""
    return b"".join(msgspec.json.encode(profile) + b"\n" for profile in profiles)


def read_folded(name: str) -> ModelProfile | None:
    """The profile of the model that is listed under exactly this name, if one is."""
    content = pkgutil.get_data("qwen_core.models", FILE) or b""
    line = b'{"name":' + msgspec.json.encode(name) + b","
    start = 0 if content.startswith(line) else content.find(b"\n" + line) + 1
    if not content.startswith(line, start):
        return None
    return _decode(content[start : content.index(b"\n", start)])
