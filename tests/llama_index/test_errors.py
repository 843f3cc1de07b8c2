"""Typed errors with the partial response; abandoned streams are closed (checklist 20, 21)."""

import asyncio
import time
from typing import Any

import pytest
from llama_index.core import VectorStoreIndex
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.embeddings import MockEmbedding
from llama_index.core.schema import TextNode

from qwen_core import errors
from qwen_emulator import Emulator, Failure, Reply
from tests.llama_index.conftest import MakeEmbedding, MakeModel, Way

QUESTION = [ChatMessage(role="user", content="Count to 30")]

FAILURES = [
    ("invalid_api_key", errors.AuthenticationError),
    ("access_denied", errors.PermissionDeniedError),
    ("model_not_found", errors.NotFoundError),
    ("invalid_parameter", errors.BadRequestError),
    ("context_overflow", errors.ContextOverflowError),
    ("data_inspection", errors.ContentFilterError),
    ("rate_limit", errors.RateLimitError),
    ("free_tier_only", errors.QuotaExceededError),
    ("internal_error", errors.ServerError),
]


@pytest.mark.parametrize(("name", "expected"), FAILURES, ids=[name for name, _ in FAILURES])
def test_failure_raises_typed_error(
    make: MakeModel, service: Emulator, way: Way, name: str, expected: type[errors.QwenError]
) -> None:
    service.reply(Failure.named(name))
    with pytest.raises(errors.QwenError) as caught:
        way(make(max_retries=0), QUESTION)
    assert type(caught.value) is expected
    assert caught.value.request_id
    assert len(service.requests) == 1


@pytest.mark.usefixtures("no_backoff")
def test_max_retries_is_applied_once(make: MakeModel, service: Emulator, way: Way) -> None:
    service.reply(Failure.named("rate_limit", times=2))
    assert way(make(max_retries=2), QUESTION).message.content
    assert len(service.requests) == 3
    service.reply(Failure.named("rate_limit", times=9))
    with pytest.raises(errors.RateLimitError):
        way(make(max_retries=2), QUESTION)
    assert len(service.requests) == 6


def test_mid_stream_error_carries_partial_text(make: MakeModel, service: Emulator) -> None:
    failure = Failure.named("output_inspection", reply=Reply("1, 2, 3, 4, 5, 6"))
    service.reply(failure, failure)
    received = []
    with pytest.raises(errors.ContentFilterError) as caught:
        for chunk in make().stream_chat(QUESTION):
            received.append(chunk.delta)
    assert received
    assert caught.value.partial is not None
    assert caught.value.partial.text == "".join(received)

    async def collect() -> None:
        async for _ in await make().astream_chat(QUESTION):
            pass

    with pytest.raises(errors.ContentFilterError):
        asyncio.run(collect())


def test_missing_api_key_raises_authentication_error(make: MakeModel, way: Way) -> None:
    with pytest.raises(errors.AuthenticationError, match="DASHSCOPE_API_KEY"):
        way(make(api_key=None), QUESTION)


def test_query_engine_raises_typed_errors(make: MakeModel, service: Emulator) -> None:
    index = VectorStoreIndex([TextNode(text="The Nile is long.")], embed_model=MockEmbedding(embed_dim=4))
    service.reply(Failure.named("invalid_api_key"))
    with pytest.raises(errors.AuthenticationError):
        index.as_query_engine(llm=make()).query("What is long?")


def test_embedding_failure_raises_typed_error(make_embedding: MakeEmbedding, service: Emulator) -> None:
    model = make_embedding(max_retries=0)
    for ask in (
        lambda: model.get_query_embedding("x"),
        lambda: model.get_text_embedding_batch(["x", "y"]),
        lambda: asyncio.run(model.aget_text_embedding_batch(["x", "y"])),
        lambda: VectorStoreIndex([TextNode(text="x")], embed_model=model),
    ):
        service.reply(Failure.named("invalid_api_key"))
        with pytest.raises(errors.AuthenticationError):
            ask()


def wait_for_abort(service: Emulator) -> None:
    deadline = time.monotonic() + 30
    while not service.aborted_requests and time.monotonic() < deadline:
        time.sleep(0.01)
    assert service.aborted_requests


@pytest.fixture
def slow(service: Emulator) -> Any:
    service.settings.delay = 0.05
    yield service
    service.settings.delay = 0.0


def test_breaking_out_of_a_stream_closes_the_connection(make: MakeModel, slow: Emulator) -> None:
    for _ in make().stream_chat(QUESTION):
        break
    wait_for_abort(slow)


def test_closing_a_stream_closes_the_connection(make: MakeModel, slow: Emulator) -> None:
    chunks = make().stream_complete("Count to 30")
    next(chunks)
    chunks.close()
    wait_for_abort(slow)


async def test_cancelling_an_async_stream_closes_the_connection(make: MakeModel, slow: Emulator) -> None:
    async def read() -> None:
        async for _ in await make().astream_chat(QUESTION):
            pass

    task = asyncio.create_task(read())
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.to_thread(wait_for_abort, slow)


async def test_breaking_out_of_an_async_stream_closes_the_connection(make: MakeModel, slow: Emulator) -> None:
    async for _ in await make().astream_chat(QUESTION):
        break
    await asyncio.sleep(0)
    await asyncio.to_thread(wait_for_abort, slow)
