"""Data is not an action: hosts are judged in every notation, and files on what was opened."""

import ipaddress
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from langchain_qwen import ChatQwen
from llama_index_qwen import Qwen
from qwen_core.prepare.local_files import allowed_path, local_file
from qwen_core.prepare.media_checks import check_remote
from qwen_core.types.errors import BadRequestError, UnsupportedFeatureError

PRIVATE = ("127.0.0.1", "10.1.2.3", "172.16.0.9", "192.168.1.1", "169.254.169.254", "100.100.100.200", "0.0.0.0")
PUBLIC = ("8.8.8.8", "47.91.20.1", "1.0.0.1")


def numeric_forms(address: str) -> Iterator[str]:
    """Yield the notations of an IPv4 address that resolvers accept: one to four parts, in three bases."""
    value = int(ipaddress.IPv4Address(address))
    octets = [value >> shift & 255 for shift in (24, 16, 8, 0)]
    bases: list[Callable[[int], str]] = [str, hex, lambda number: f"0{number:o}", lambda number: f"0X{number:X}"]
    for write in bases:
        yield write(value)
        yield f"{write(octets[0])}.{write(value & 0xFFFFFF)}"
        yield f"{write(octets[0])}.{write(octets[1])}.{write(value & 0xFFFF)}"
        yield ".".join(write(octet) for octet in octets)
    yield f"{octets[0]}.{octets[1]:#x}.0{octets[2]:o}.{octets[3]}"


def written_forms(address: str) -> Iterator[str]:
    """Yield what a browser's URL parser and IDNA map to the same address."""
    for stop in "\u3002\uff0e\uff61":
        yield address.replace(".", stop)
    yield "".join(chr(ord(character) + 0xFEE0) if character.isdigit() else character for character in address)
    yield f"{address}."
    yield f"{address[0]}\u00ad{address[1:]}"
    yield f"{address[0]}\u200b{address[1:]}"
    yield f"{address[0]}\ufe0f{address[1:]}"


def ipv6_forms(address: str) -> Iterator[str]:
    """Yield the IPv6 addresses that carry an IPv4 address."""
    high, low = (f"{int(ipaddress.IPv4Address(address)) >> shift & 0xFFFF:x}" for shift in (16, 0))
    inverted = ":".join(f"{int(half, 16) ^ 0xFFFF:x}" for half in (high, low))
    yield f"[::ffff:{address}]"
    yield f"[::ffff:{high}:{low}]"
    yield f"[::{high}:{low}]"
    yield f"[::ffff:0:{high}:{low}]"
    yield f"[64:ff9b::{high}:{low}]"
    yield f"[64:ff9b:1::{high}:{low}]"
    yield f"[2002:{high}:{low}::1]"
    yield f"[2001:0:808:808::{inverted}]"
    yield f"[2001:0:{high}:{low}::f7f7:f7f7]"
    yield f"[2400:cb00::5efe:{high}:{low}]"
    yield f"[2400:cb00::200:5efe:{high}:{low}]"


OTHERS = (
    *("localhost", "LOCALHOST.", "ｌocalhost", "a.localhost", "metadata", "router", "x.local", "x.internal"),
    *("db.corp", "nas.lan", "x.home.arpa", "localhost.localdomain", "%31%32%37.0.0.1", "127.0.0.1%2f"),
    *("256.1.1.1", "1.2.3.4.5", "0x", "[::]", "[::1]", "[fe80::1]", "[fc00::1]", "[fec0::1]", "[ff02::1]"),
    *(
        "[2001:db8::1]",
        "[3fff::1]",
        "[5f00::1]",
        "[100::1]",
        "192.88.99.1",
        "198.18.0.1",
        "203.0.113.7",
        "240.0.0.1",
    ),
    *("224.0.0.1", "255.255.255.255", "①②⑦.0.0.1"),
)
INSIDE = [
    *(
        form
        for address in PRIVATE
        for forms in (numeric_forms, written_forms, ipv6_forms)
        for form in forms(address)
    ),
    *OTHERS,
]
OUTSIDE = [
    *(form for address in PUBLIC for form in (address, f"[::ffff:{address}]", f"[64:ff9b::{address}]")),
    *(
        "example.com",
        "a.b.example.com.",
        "bücher.example",
        "例え.example.com",
        "[2400:3200::1]",
        "127.0.0.1.nip.io",
    ),
    *("0x8.8.8.8.example.com", "localhost.example.com", "xn--bcher-kva.example", "oss-cn-beijing.aliyuncs.com"),
]


@pytest.mark.parametrize("port", ["", ":80"])
def test_private_host_is_refused_in_every_notation(port: str) -> None:
    passed = []
    for host in INSIDE:
        try:
            check_remote(f"http://{host}{port}/a.png")
        except BadRequestError:
            continue
        passed.append(ascii(host))
    assert len(INSIDE) > 200 and not passed


@pytest.mark.parametrize("host", OUTSIDE)
def test_public_host_is_accepted(host: str) -> None:
    check_remote(f"https://{host}/a.png")


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Return a folder with an allowed folder, another one, and a file in each."""
    for name in ("up/sub", "other"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "up/sub/a.txt").write_text("inside")
    (tmp_path / "other/a.txt").write_text("outside")
    return tmp_path


@pytest.mark.parametrize("swapped", ["up/sub", "up/sub/a.txt"])
def test_path_that_became_a_link_after_the_check_is_not_read(folders: Path, swapped: str) -> None:
    location = allowed_path(str(folders / "up/sub/a.txt"), (str(folders / "up"),))
    file = local_file(location, "document")
    (folders / swapped).rename(folders / "old")
    (folders / swapped).symlink_to(folders / ("other" if swapped == "up/sub" else "other/a.txt"))
    with pytest.raises(BadRequestError, match=r"a\.txt"):
        local_file(location, "document")
    with pytest.raises(BadRequestError, match=r"a\.txt"):
        file.open()


def test_file_in_an_allowed_folder_is_read(folders: Path) -> None:
    for allowed in ((str(folders / "up"),), (str(folders / "other"), str(folders)), True):
        with local_file(allowed_path(str(folders / "up/sub/a.txt"), allowed), "document").open() as content:
            assert content.read() == b"inside"


def test_hard_link_to_a_file_of_another_user_is_refused(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.link(folders / "other/a.txt", folders / "up/b.txt")
    location = allowed_path(str(folders / "up/b.txt"), (str(folders / "up"),))
    assert local_file(location, "document").size
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    with pytest.raises(BadRequestError, match="hard link"):
        local_file(location, "document")


@pytest.mark.parametrize("allowed", [("",), (" ",), (1,)])
def test_folder_that_names_nothing_is_refused(allowed: tuple[str, ...], folders: Path) -> None:
    with pytest.raises(UnsupportedFeatureError, match="allow_local_files"):
        allowed_path(str(folders / "up/sub/a.txt"), allowed)


@pytest.mark.parametrize("value", ["yes", 1, "on", "true", 1.0])
@pytest.mark.parametrize("kind", [ChatQwen, Qwen])
def test_allow_local_files_accepts_no_substitute_for_true(kind: type, value: object) -> None:
    with pytest.raises(ValidationError, match="allow_local_files"):
        kind(allow_local_files=value)


def test_allow_local_files_of_one_call_is_checked() -> None:
    with pytest.raises(UnsupportedFeatureError, match="allow_local_files must be a list"):
        ChatQwen(api_key="k").invoke("x", allow_local_files=1)
