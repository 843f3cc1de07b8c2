"""Read and write the merged profiles of all listed models: parsing the catalogue itself takes 25 ms.

``profiles.jsonl`` has one profile per line. It is generated from ``catalogue.toml`` by the snapshot test, which
keeps the two equal, and has no facts of its own.
"""

from collections.abc import Iterable
from pathlib import Path

import msgspec

from qwen_core.models.profile import ModelProfile
from qwen_core.types.json import encode_json

PROFILES_FILE = Path(__file__).with_name("profiles.jsonl")

_decode = msgspec.json.Decoder(ModelProfile).decode


def write_profiles(profiles: Iterable[ModelProfile]) -> bytes:
    """Return the content of the file."""
    return b"".join(msgspec.json.encode(profile) + b"\n" for profile in profiles)


def read_profile(name: str) -> ModelProfile | None:
    """Return the profile of the model that is listed under exactly this name, or None."""
    prefix = b'{"name":' + encode_json(name) + b","
    with PROFILES_FILE.open("rb") as lines:
        line = next((line for line in lines if line.startswith(prefix)), None)
    return None if line is None else _decode(line)
