"""One emulator for all tests of this folder, clean for each, and a raw HTTP client that believes nothing."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import openai
import pytest

from qwen_emulator import Emulator

TEXT = "/api/v1/services/aigc/text-generation/generation"
MULTIMODAL = "/api/v1/services/aigc/multimodal-generation/generation"


@dataclass
class Answered:
    """A response as bytes."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def events(self) -> list[Any]:
        """The payloads of `data:` lines, [DONE] as text."""
        lines = [line[5:].strip() for line in self.body.split(b"\n") if line.startswith(b"data:")]
        return [json.loads(line) if line != b"[DONE]" else "[DONE]" for line in lines]


@dataclass
class Raw:
    """Sends bodies as they are."""

    emulator: Emulator

    def send(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Answered:
        connection = http.client.HTTPConnection(self.emulator.host, self.emulator.port, timeout=5)
        sent = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        default = {"Authorization": "Bearer any", "Content-Type": "application/json"}
        try:
            connection.request(method, path, sent, {**default, **(headers or {})})
            response = connection.getresponse()
            got = {name.lower(): value for name, value in response.getheaders()}
            return Answered(response.status, got, response.read())
        finally:
            connection.close()

    def chat(self, content: Any = "Hi", model: str = "qwen-plus", **more: Any) -> Answered:
        messages = content if isinstance(content, list) else [{"role": "user", "content": content}]
        body = {"model": model, "messages": messages, **more}
        return self.send("POST", "/compatible-mode/v1/chat/completions", body)

    def native(
        self,
        content: Any = "Hi",
        model: str = "qwen-plus",
        *,
        stream: bool = False,
        multimodal: bool = False,
        **parameters: Any,
    ) -> Answered:
        turns = content if isinstance(content, list) else [{"role": "user", "content": content}]
        if multimodal:
            turns = [
                {**turn, "content": [{"text": turn["content"]}]} if isinstance(turn.get("content"), str) else turn
                for turn in turns
            ]
        else:
            parameters = {"result_format": "message", **parameters}
        if stream:
            parameters = {"incremental_output": True, **parameters}
        body = {"model": model, "input": {"messages": turns}, "parameters": parameters}
        headers = {"X-DashScope-SSE": "enable", "Accept": "text/event-stream"} if stream else {}
        return self.send("POST", MULTIMODAL if multimodal else TEXT, body, headers)


@pytest.fixture(scope="session")
def _server() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def emulator(_server: Emulator) -> Emulator:
    _server.reset()
    _server.settings.delay = 0.0
    return _server


@pytest.fixture
def raw(emulator: Emulator) -> Raw:
    return Raw(emulator)


@pytest.fixture
def client(emulator: Emulator) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=emulator.compatible_url, api_key="any", max_retries=0, timeout=5) as made:
        yield made
