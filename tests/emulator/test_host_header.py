"""The emulator serves this machine only, and survives hostile bodies."""

import http.client

import pytest

from qwen_emulator import Emulator


def status_of(emulator: Emulator, host: str, body: bytes = b"{}") -> int:
    """Send a chat request with this Host header and return the status of the response."""
    connection = http.client.HTTPConnection(emulator.base_url.removeprefix("http://"), timeout=10)
    headers = {"Host": host, "Authorization": "Bearer sk-test", "Content-Type": "application/json"}
    connection.request("POST", "/compatible-mode/v1/chat/completions", body, headers)
    status = connection.getresponse().status
    connection.close()
    return status


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "192.168.1.1", "[fe80::1]:1"])
def test_host_that_is_not_loopback_is_misdirected(host: str, qwen_emulator: Emulator) -> None:
    assert status_of(qwen_emulator, host) == 421
    assert not qwen_emulator.requests


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8930", "a.localhost", "127.0.0.1:1", "[::1]:80"])
def test_loopback_host_is_served(host: str, qwen_emulator: Emulator) -> None:
    assert status_of(qwen_emulator, host) == 400
    assert "sk-test" not in repr(qwen_emulator.last_request)


def test_deeply_nested_body_is_a_bad_request(qwen_emulator: Emulator) -> None:
    assert status_of(qwen_emulator, "localhost", b"[" * 100_000) == 400
