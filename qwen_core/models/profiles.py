"""The profiles of all models that the catalogue lists, folded beforehand: the catalogue takes 25 ms to read.

``profiles.jsonl`` holds one profile a line. It is made from ``catalogue.toml`` (see the snapshot test, which holds
the two equal), and has no facts of its own.
"""

from collections.abc import Iterable
from pathlib import Path

import msgspec

from qwen_core.models.profile import ModelProfile
from qwen_core.types.json import encode_json

FILE = Path(__file__).with_name("profiles.jsonl")

_decode = msgspec.json.Decoder(ModelProfile).decode


def write_profiles(profiles: Iterable[ModelProfile]) -> bytes:
    """The file's content."""
    return b"".join(msgspec.json.encode(profile) + b"\n" for profile in profiles)


def read_profile(name: str) -> ModelProfile | None:
    """The profile of the model that is listed under exactly this name, if one is."""
    beginning = b'{"name":' + encode_json(name) + b","
    with FILE.open("rb") as lines:
        line = next((line for line in lines if line.startswith(beginning)), None)
    return None if line is None else _decode(line)
