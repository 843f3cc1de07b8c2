"""Documented limits of each family: checked before anything is sent, and judged by the emulator too."""

import random
import re
import string
from contextlib import suppress
from typing import Any

import pytest

from qwen_core import ClientSettings, ImageRequest
from qwen_core.config.settings import Connection, resolve_connection
from qwen_core.errors import BadRequestError, QwenError, UnsupportedFeatureError
from qwen_core.models import resolve
from qwen_core.prepare.images import check_image_request
from qwen_core.protocols.images.encode import encode_images, star_size
from qwen_core.transports.base import HTTPStatusError
from qwen_core.transports.sync.plain import PlainTransport
from qwen_emulator import Emulator
from qwen_emulator.drawing import draw
from tests.images.conftest import KEY, Both

PNG = draw("red", 600, 520)
SMALL = draw("red", 200, 300)

REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("qwen-image-3.0", {"n": 7}, "from 1 to 6"),
    ("qwen-image-3.0", {"n": 0}, "from 1 to 6"),
    ("qwen-image-3.0", {"images": (PNG,) * 4}, "at most 3 images"),
    ("qwen-image-2.1-pro", {"images": (PNG,) * 11}, "at most 10 images"),
    ("qwen-image-3.0", {"size": "500x500"}, "262144 to 4194304 pixels"),
    ("qwen-image-2.0", {"size": "4096x4096"}, "262144 to 4194304 pixels"),
    ("qwen-image-2.0", {"size": "4608x512"}, "at most 8 times"),
    ("qwen-image-2.0", {"size": "2K"}, "<width>x<height>"),
    ("qwen-image-2.0", {"negative_prompt": "x" * 501}, "at most 500 characters"),
    ("qwen-image-2.0", {"prompt": "house and garden " * 700}, "at most 1300 tokens"),
    ("qwen-image-3.0", {"prompt": "房子和花园" * 2000}, "at most 4500 tokens"),
    ("qwen-image-plus", {"prompt": "house and garden " * 700}, "at most 800 tokens"),
    ("qwen-image-plus", {"n": 2}, "from 1 to 1"),
    ("qwen-image-plus", {"size": "1024x1024"}, "one of 1664x928, 1472x1104"),
    ("qwen-image-plus", {"images": (PNG,)}, "from text only"),
    ("qwen-image-edit", {}, "at least 1"),
    ("qwen-image-edit-plus", {"images": (PNG,), "n": 7}, "from 1 to 6"),
    ("qwen-image-edit", {"images": (PNG,), "n": 2}, "from 1 to 1"),
    ("wan2.7-image", {"n": 5}, "from 1 to 4"),
    ("wan2.7-image", {"n": 13, "enable_sequential": True}, "from 1 to 12"),
    ("wan2.7-image", {"prompt": "x" * 5001}, "at most 5000 characters"),
    ("wan2.7-image", {"size": "4K"}, "1K, 2K"),
    ("wan2.7-image", {"size": "700x700"}, "589824"),
    ("wan2.7-image", {"images": (SMALL,)}, "240 to 8000"),
    ("wan2.7-image", {"images": (PNG,), "bbox_list": ([], [])}, "bbox_list"),
    ("wan2.5-t2i-preview", {"prompt": "x" * 2001}, "at most 2000 characters"),
    ("wan2.2-t2i-flash", {"prompt": "x" * 501}, "at most 500 characters"),
    ("wanx2.0-t2i-turbo", {"prompt": "x" * 801}, "at most 800 characters"),
    ("qwen-image-2.0", {"n": "2"}, "n must be an integer"),
    ("qwen-image-2.0", {"seed": 1.5}, "seed must be an integer"),
    ("qwen-image-2.0", {"seed": -1}, "seed must be from 0"),
    ("qwen-image-2.0", {"seed": 2**31}, "2147483647"),
    ("qwen-image-2.0", {"prompt": "  "}, "prompt must not be empty"),
    ("wan2.6-t2i", {"size": "a lot; of * nonsense"}, "such as 1024x1024"),
]


@pytest.mark.parametrize(("model", "fields", "text"), REFUSED, ids=lambda value: str(value)[:40])
def test_exceeded_limit_names_the_documented_number_and_sends_nothing(
    service: Emulator, settings: ClientSettings, model: str, fields: dict[str, Any], text: str
) -> None:
    with pytest.raises(BadRequestError, match=re.escape(text)) as raised:
        Both(False).generate(settings, **{"model": model, "prompt": "a house", **fields})
    assert "Nothing was sent" in str(raised.value)
    assert not service.requests


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        ("qwen-image-3.0", {"n": 6, "size": "512x512", "images": (PNG,) * 3}),
        ("qwen-image-2.0", {"size": "4096 x 1024"}),
        ("qwen-image-2.0", {"prompt": "x" * 1300, "size": "512×512"}),
        ("wan2.7-image-pro", {"size": "4K"}),
        ("wan2.7-image", {"prompt": "x" * 5000, "n": 12, "enable_sequential": True}),
        ("a-model-of-tomorrow", {"n": 50, "size": "9K", "prompt": "x" * 100_000, "images": (PNG,) * 50}),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_the_references_allow_is_allowed(model: str, fields: dict[str, Any]) -> None:
    check_image_request(ImageRequest(**{"model": model, "prompt": "a house", **fields}), resolve(model))


@pytest.mark.parametrize("size", ["1024x768", "1024*768", "1024X768", "1024×768", " 1024 x 768 "])
def test_each_spelling_of_a_size_is_sent_with_a_star(size: str) -> None:
    assert star_size(size) == "1024*768"


def test_names_of_sizes_are_sent_unchanged() -> None:
    assert (star_size("2K"), star_size(None)) == ("2K", None)


@pytest.mark.parametrize(
    ("model", "as_task"), [("qwen-image-2.0", True), ("qwen-image-edit", True), ("wanx-v1", False)]
)
def test_way_that_a_model_does_not_have_is_refused(settings: ClientSettings, model: str, as_task: bool) -> None:
    images = (PNG,) if "edit" in model else ()
    with pytest.raises(UnsupportedFeatureError, match="as_task"):
        Both(False).generate(settings, model=model, prompt="x", images=images, as_task=as_task)


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        (model, fields)
        for model, fields, text in REFUSED
        if not fields.keys() & {"prompt", "negative_prompt"} and text not in ("240 to 8000", "such as 1024x1024")
    ],
    ids=lambda value: str(value)[:40],
)
def test_emulator_refuses_the_same_numbers(service: Emulator, model: str, fields: dict[str, Any]) -> None:
    fields = {"prompt": "a house", **fields}
    urls = ["https://example.com/a.png"] * len(fields.pop("images", ()))
    encoded = encode_images(ImageRequest(model=model, **fields), urls, resolve(model))
    settings = ClientSettings(api_key=KEY, base_url=service.base_url)
    connection: Connection = resolve_connection(settings, "dashscope", asynchronous=False)
    transport = PlainTransport(connection)
    headers = {"Authorization": f"Bearer {KEY}", **encoded.headers}
    headers |= {"X-DashScope-Async": "enable"} if encoded.is_task else {}
    with pytest.raises(HTTPStatusError) as raised:
        transport.send("POST", connection.base_url + encoded.path, headers, encoded.body)
    transport.close()
    assert raised.value.response.status == 400


@pytest.mark.parametrize(
    ("path", "asynchronous", "model", "code"),
    [
        ("multimodal-generation/generation", True, "qwen-image-2.0", "AccessDenied"),
        ("image-generation/generation", False, "qwen-image-3.0", "AccessDenied"),
        ("text2image/image-synthesis", False, "wanx-v1", "AccessDenied"),
        ("image2image/image-synthesis", False, "wan2.5-i2i-preview", "AccessDenied"),
        ("video-generation/video-synthesis", False, "wan3.0-video", "AccessDenied"),
        ("text2image/image-synthesis", True, "qwen-image-3.0", "InvalidParameter"),
        ("text2image/image-synthesis", True, "qwen-plus", "ModelNotFound"),
        ("image-generation/generation", True, "unknown-image", "ModelNotFound"),
    ],
)
def test_emulator_refuses_the_wrong_way(
    service: Emulator, path: str, asynchronous: bool, model: str, code: str
) -> None:
    import httpx

    content = [{"text": "x"}]
    response = httpx.post(
        f"{service.native_url}/services/aigc/{path}",
        headers={"Authorization": "Bearer sk-x"} | ({"X-DashScope-Async": "enable"} if asynchronous else {}),
        json={"model": model, "input": {"prompt": "x", "messages": [{"role": "user", "content": content}]}},
    )
    assert response.json()["code"] == code


def test_odd_values_never_fail_in_another_way(settings: ClientSettings) -> None:
    """Refuse or send whatever an agent writes: no TypeError, no IndexError."""
    chance = random.Random(7)
    models = ["qwen-image-2.0", "wan2.7-image", "wanx-v1", "qwen-image-edit", "nothing"]
    sizes = [None, "", "x", "0x0", "*", "1x1", "99999x99999", "-1x5", "1e3x5", "٣x٣", "1K\n", "\0"]
    for _ in range(300):
        prompt = "".join(chance.choices(string.printable + "房子\ud800\0", k=chance.randrange(30)))
        request = ImageRequest(
            model=chance.choice(models),
            prompt=prompt,
            size=chance.choice(sizes),
            n=chance.choice([None, -1, 0, 1, 10**12]),
            seed=chance.choice([None, 0, -5, 2**40]),
            images=tuple(chance.choices(["", "x", "http://", "data:,", b"", b"\x89PNG"], k=chance.randrange(3))),
        )
        with suppress(QwenError):
            Both(False).images("_encoded", settings, request)
