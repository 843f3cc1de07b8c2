"""Requests that were sent and stayed unanswered are not sent again: they may be billed."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from qwen_core import ChatRequest, ClientSettings, QwenError, errors
from qwen_core.execution import exchange, retry
from qwen_core.types.messages import Message, TextPart
from tests.faults.conftest import KEY
from tests.faults.matrix import MODES, PROTOCOLS
from tests.parity.scenarios import Outcome, Scenario

SILENCE = 0.3
REQUEST = ChatRequest(model="qwen-plus", messages=(Message("user", (TextPart("Hi"),)),))


class SilentServer:
    """Reads each request, sends ``head``, waits, and closes the connection."""

    def __init__(self) -> None:
        self.requests = 0
        self.pause = 0.0
        self.head = b""
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            received = b""
            while b'"messages"' not in received:
                segment = connection.recv(65536)
                if not segment:
                    return
                received += segment
            self.requests += 1
            connection.sendall(self.head)
            time.sleep(self.pause)

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[SilentServer]:
    monkeypatch.setattr(exchange, "SILENCE", SILENCE)
    silent = SilentServer()
    yield silent
    silent.close()


SURFACES = [(mode, surface) for mode, surfaces in MODES.items() for surface in surfaces]
STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def ask(mode: str, surface: str, protocol: Any, url: str) -> QwenError:
    settings = ClientSettings(api_key=KEY, base_url=url, protocol=protocol)
    with pytest.raises(QwenError) as caught:
        MODES[mode][surface](Scenario("silent", None, Outcome()), settings)
    return caught.value


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(("mode", "surface"), SURFACES)
def test_request_that_was_unanswered_for_long_is_sent_once(
    mode: str, surface: str, protocol: str, server: SilentServer
) -> None:
    server.pause = SILENCE + 0.1
    error = ask(mode, surface, protocol, server.url)
    assert isinstance(error, errors.APITimeoutError) and not error.is_retryable
    assert server.requests == 1
    assert ("streaming=True" in str(error)) is (mode == "whole")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_stream_that_was_silent_behind_its_headers_is_sent_once(protocol: str, server: SilentServer) -> None:
    server.pause, server.head = SILENCE + 0.1, STREAM_HEAD
    error = ask("stream", "core", protocol, server.url)
    assert not error.is_retryable and server.requests == 1


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_connection_that_broke_at_once_is_retried(protocol: str, server: SilentServer) -> None:
    error = ask("whole", "core", protocol, server.url)
    assert isinstance(error, errors.APIConnectionError)
    assert server.requests == 3


@pytest.mark.parametrize("surface", ["core", "core async"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_connection_that_was_never_made_is_retried_however_long_it_took(
    protocol: str, surface: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "SILENCE", 0.0)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    error = ask("whole", surface, protocol, url)
    assert isinstance(error, errors.APIConnectionError) and error.is_retryable


def test_silence_is_a_second_by_default() -> None:
    assert retry.SILENCE == 1.0
