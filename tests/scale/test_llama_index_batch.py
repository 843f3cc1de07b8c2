"""``QwenBatch`` for LlamaIndex."""

import asyncio
import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage, ChatResponse
from llama_index.core.callbacks import CallbackManager, TokenCountingHandler

from llama_index_qwen import Qwen, QwenBatch, count_costs
from qwen_core.errors import BatchError, ContentFilterError, PermissionDeniedError
from qwen_core.resources.batches import Limits
from qwen_emulator import Emulator
from tests.scale.conftest import FAST, KEY, made, refuse_second, refuse_word


@pytest.fixture
def llm(service: Emulator) -> Qwen:
    return Qwen(api_key=KEY, base_url=service.base_url, region="cn-beijing", max_retries=0)


def texts(answers: Sequence[ChatResponse | Exception]) -> list[str]:
    return [str(answer.message.content) if isinstance(answer, ChatResponse) else "error" for answer in answers]


def test_llama_index_batch_chat(llm: Qwen, service: Emulator) -> None:
    refuse_word(service, "bad")
    conversations: list[Any] = [
        "Say a",
        [ChatMessage(role="system", content="Hi"), ChatMessage(content="Say b")],
        "bad",
    ]
    for answers in (
        QwenBatch(llm, **FAST).chat(conversations, return_exceptions=True, max_tokens=9),
        asyncio.run(QwenBatch(llm, **FAST).achat(conversations, return_exceptions=True)),
    ):
        assert texts(answers) == ["a", "b", "error"] and isinstance(answers[2], ContentFilterError)
        usage = answers[0].raw["usage"]
        price = (usage["prompt_tokens"] * 0.8 + usage["completion_tokens"] * 2) / 2e6
        assert answers[0].raw["cost"]["total"] == pytest.approx(price)
    with pytest.raises(ContentFilterError):
        QwenBatch(llm, **FAST).chat(conversations)


def test_llama_index_batch_resumes_and_retries(llm: Qwen, service: Emulator, tmp_path: Path) -> None:
    service.plan_batches(ends="expired", answered=1)
    batch = QwenBatch(llm, journal=tmp_path, **FAST)
    first = batch.chat(["Say a", "Say b"], return_exceptions=True)
    assert texts(first) == ["a", "error"] and isinstance(first[1], BatchError)
    assert texts(batch.retry_failed(["Say a", "Say b"], first)) == ["a", "b"]
    again = QwenBatch(llm, journal=tmp_path, **FAST)
    assert texts(asyncio.run(again.aretry_failed(["Say a", "Say b"], first))) == ["a", "b"]
    assert made(service) == (2, 2)


Chat = Callable[[QwenBatch, list[Any]], list[Any]]


def chat_sync(batch: QwenBatch, conversations: list[Any]) -> list[Any]:
    return batch.chat(conversations, return_exceptions=True)


def chat_async(batch: QwenBatch, conversations: list[Any]) -> list[Any]:
    return asyncio.run(batch.achat(conversations, return_exceptions=True))


@pytest.mark.parametrize("chat", [chat_sync, chat_async])
def test_llama_index_batch_tokens_and_costs_are_counted(chat: Chat, llm: Qwen, service: Emulator) -> None:
    refuse_word(service, "bad")
    counter = TokenCountingHandler()
    llm.callback_manager = CallbackManager([counter])
    conversations = ["Say a", "bad", "Say c"]
    with count_costs() as costs:
        answers = chat(QwenBatch(llm, **FAST), conversations)
        assert texts(answers) == ["a", "error", "c"]
        expected = sum(answer.raw["cost"]["total"] for answer in answers if isinstance(answer, ChatResponse))
        assert costs.calls == {"qwen-plus": 2} and costs.by_currency["CNY"] == pytest.approx(expected)
        service.reply(lambda request: None)
        QwenBatch(llm, **FAST).retry_failed(conversations, answers)
        assert costs.calls == {"qwen-plus": 3} and not costs.unpriced
    assert counter.llm_token_counts[0].total_token_count == answers[0].raw["usage"]["total_tokens"]


@pytest.mark.parametrize("chat", [chat_sync, chat_async])
def test_llama_index_batch_refused_file_is_an_error_for_its_conversations(
    chat: Chat, llm: Qwen, service: Emulator
) -> None:
    refuse_second(service, "/batches")
    answers = chat(QwenBatch(llm, limits=Limits(lines=2), **FAST), ["Say a", "Say b", "Say c"])
    assert texts(answers) == ["a", "b", "error"] and isinstance(answers[2], PermissionDeniedError)


def test_llama_index_batch_api_key_is_absent_from_pickles(
    service: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DASHSCOPE_API_KEY", KEY)
    pickled = pickle.dumps(QwenBatch(Qwen(base_url=service.base_url), **FAST))
    assert KEY.encode() not in pickled
    assert texts(pickle.loads(pickled).chat(["Say a"])) == ["a"]


def test_llama_index_batch_submit_cancel_and_clean_up(llm: Qwen, service: Emulator) -> None:
    service.plan_batches(seconds=float("inf"))
    batch = QwenBatch(llm, **FAST)
    assert [job.status for job in batch.submit(["Say a"])] == ["validating"]
    assert [job.status for job in batch.cancel(["Say a"])] == ["cancelling"]
    assert texts(batch.chat(["Say a"], return_exceptions=True)) == ["error"]
    assert batch.clean_up(["Say a"]) == 2


def test_llama_index_batch_async_submit_cancel_and_clean_up(llm: Qwen, service: Emulator) -> None:
    service.plan_batches(seconds=float("inf"))
    batch = QwenBatch(llm, **FAST)

    async def work() -> None:
        assert [job.status for job in await batch.asubmit(["Say a"])] == ["validating"]
        assert [job.status for job in await batch.acancel(["Say a"])] == ["cancelling"]

    asyncio.run(work())
    assert texts(batch.chat(["Say a"], return_exceptions=True)) == ["error"]
    assert made(service) == (1, 1)
    assert asyncio.run(batch.aclean_up(["Say a"])) == 2
