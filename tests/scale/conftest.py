"""Fixtures of the batch and cluster tests: an emulator, requests, and counts of what it received."""

from typing import Any

import pytest

from qwen_core import ChatRequest, ClientSettings
from qwen_core.types.messages import Message, TextPart
from qwen_emulator import Emulator, Failure, RecordedRequest

KEY = "sk-batch-secret"
FAST = {"poll_seconds": 0.02}


@pytest.fixture
def service(shared_emulator: Emulator) -> Emulator:
    """Reset the shared emulator."""
    shared_emulator.reset()
    return shared_emulator


@pytest.fixture
def settings(service: Emulator) -> ClientSettings:
    return ClientSettings(api_key=KEY, base_url=service.base_url, region="cn-beijing", max_retries=0)


def ask(text: str, model: str = "qwen-plus", **fields: Any) -> ChatRequest:
    return ChatRequest(model=model, messages=(Message("user", (TextPart(text),)),), **fields)


def numbered(count: int) -> list[ChatRequest]:
    """Return requests whose responses are their numbers."""
    return [ask(f"Say {number}") for number in range(count)]


def posts(emulator: Emulator, path: str) -> int:
    """Count the POST requests to a path."""
    return sum(request.method == "POST" and request.path.endswith(path) for request in emulator.requests)


def made(emulator: Emulator) -> tuple[int, int]:
    """Return the numbers of uploaded files and submitted jobs."""
    return posts(emulator, "/files"), posts(emulator, "/batches")


def refuse_word(emulator: Emulator, word: str, failure: str = "data_inspection") -> None:
    """Refuse chats that contain this word."""

    def respond(request: RecordedRequest) -> Failure | None:
        said = str(request.messages[-1]["content"]) if request.messages else ""
        return Failure.named(failure) if word in said else None

    emulator.reply(respond)


def refuse_second(service: Emulator, path: str, failure: str = "bill_overdue") -> None:
    """Refuse every file after the first one because of an overdue bill."""
    seen: list[RecordedRequest] = []

    def respond(request: RecordedRequest) -> Failure | None:
        if request.method == "POST" and request.path.endswith(path):
            seen.append(request)
        return Failure.named(failure) if len(seen) > 1 and request is seen[-1] else None

    service.reply(respond)
