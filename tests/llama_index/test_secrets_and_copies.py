"""API keys are never shown; models can be copied, serialized and shared (checklist 15, 22, 23)."""

import asyncio
import copy
import logging
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.callbacks import CallbackManager, TokenCountingHandler
from pydantic import ValidationError, create_model

from llama_index_qwen import Qwen, QwenEmbedding
from qwen_core.config.timeouts import Timeout
from qwen_core.errors import QwenError
from qwen_emulator import Emulator, Failure
from tests.llama_index.conftest import KEY, MakeEmbedding, MakeModel

QUESTION = [ChatMessage(role="user", content="Say hello")]

both_classes = pytest.mark.parametrize("kind", [Qwen, QwenEmbedding])


@both_classes
def test_api_key_is_absent_from_repr_and_dumps(kind: type[Any]) -> None:
    model = kind(api_key=KEY, default_headers={"Authorization": KEY})
    shown = [repr(model), str(model), str(model.to_dict()), model.to_json(), model.model_dump_json()]
    if hasattr(model, "to_payload"):
        shown.append(str(model.to_payload()))
    assert not [text for text in shown if KEY in text or "*****" in text]


def test_api_key_is_absent_from_logs_and_errors(
    make: MakeModel, service: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    service.reply(Failure.named("invalid_api_key"))
    with pytest.raises(QwenError) as caught:
        make().chat(QUESTION)
    make().chat(QUESTION)
    assert KEY not in caplog.text
    assert KEY not in str(caught.value) + repr(caught.value) + repr(vars(caught.value))


@both_classes
def test_environment_api_key_is_not_pickled(kind: type[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHSCOPE_API_KEY", "sk-of-the-environment")
    pickled = pickle.dumps(kind())
    assert b"sk-of-the-environment" not in pickled
    monkeypatch.setenv("DASHSCOPE_API_KEY", "sk-of-the-other-place")
    there = pickle.loads(pickled)
    assert there.api_key.get_secret_value() == "sk-of-the-other-place"
    assert b"sk-of-the-other-place" not in pickle.dumps(there)


@both_classes
def test_explicit_api_key_is_pickled(kind: type[Any]) -> None:
    there = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(kind(api_key=KEY, model="m", region="hk")))))
    assert there.api_key.get_secret_value() == KEY
    assert (there.model, there.region) == ("m", "hk")


@both_classes
def test_pickling_does_not_alter_the_model(kind: type[Any]) -> None:
    lock = threading.Lock()
    manager = CallbackManager([TokenCountingHandler()])
    model = kind(api_key=KEY, http_client=lock, callback_manager=manager)
    there = pickle.loads(pickle.dumps(model))
    assert model.http_client is lock
    assert model.callback_manager is manager
    assert there.http_client is None
    assert isinstance(there.callback_manager, CallbackManager)


@both_classes
def test_deepcopy_shares_only_http_clients(kind: type[Any]) -> None:
    lock = threading.Lock()
    model = kind(api_key=KEY, http_client=lock, extra_body={"a": [1]})
    copied = copy.deepcopy(model)
    assert copied.http_client is lock
    copied.extra_body["a"].append(2)
    assert model.extra_body == {"a": [1]}


def test_copies_and_pickles_work_after_use(make: MakeModel, service: Emulator) -> None:
    llm = make()
    llm.chat(QUESTION)
    asyncio.run(llm.achat(QUESTION))
    for other in (copy.deepcopy(llm), copy.copy(llm), pickle.loads(pickle.dumps(llm)), llm.model_copy()):
        assert other.chat(QUESTION).message.content == "hello"
    changed = llm.model_copy(update={"temperature": 0.7, "model": "qwen-flash"})
    changed.chat(QUESTION)
    assert service.last_request.model == "qwen-flash"
    assert service.last_request.parameters["temperature"] == 0.7
    assert llm.model == "qwen-plus"


@both_classes
def test_to_dict_and_from_dict_round_trip(kind: type[Any]) -> None:
    model = kind(model="m", base_url="https://example.com", timeout=3)
    stored = model.to_dict()
    assert stored["class_name"] == kind.class_name()
    assert kind.from_dict(stored).to_dict() == stored


@both_classes
def test_model_dump_can_be_validated(kind: type[Any]) -> None:
    model = kind(model="m", base_url="https://example.com", timeout=Timeout(connect=1, total=9))
    settings: Any = create_model("Settings", component=(kind, ...))(component=model)
    dumped, written = settings.model_dump(), settings.model_dump_json()
    for read in (type(settings).model_validate(dumped), type(settings).model_validate_json(written)):
        assert read.component.model_dump() == dumped["component"]
    with pytest.raises(ValidationError, match="class_name"):
        kind(class_name="another")


def test_to_payload_omits_extra_body(make: MakeModel) -> None:
    if not hasattr(Qwen, "to_payload"):
        pytest.skip("this core has no payloads")
    payload = make(temperature=0.5, extra_body={"x": 1}).to_payload()
    assert payload["class_name"] == "Qwen"
    assert payload["model_name"] == payload["model"] == "qwen-plus"
    assert payload["temperature"] == 0.5
    assert "extra_body" not in payload


def test_model_works_in_many_event_loops(make: MakeModel) -> None:
    llm = make(max_retries=0)
    for _ in range(20):
        assert asyncio.run(llm.achat(QUESTION)).message.content == "hello"


def test_embedding_model_works_in_many_event_loops(make_embedding: MakeEmbedding) -> None:
    model = make_embedding(max_retries=0)
    for _ in range(20):
        assert len(asyncio.run(model.aget_query_embedding("hello"))) == 1024


def test_model_works_in_many_threads(make: MakeModel) -> None:
    llm = make(max_retries=0)

    def ask(number: int) -> str | None:
        if number % 2:
            return str(
                list(llm.stream_chat([ChatMessage(role="user", content=f"Say {number}")]))[-1].message.content
            )
        return str(llm.complete(f"Say {number}").text)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(32))) == [str(number) for number in range(32)]


def test_async_calls_run_concurrently(make: MakeModel, service: Emulator) -> None:
    llm = make()

    async def together() -> list[Any]:
        return await asyncio.gather(*(llm.acomplete(f"Say {number}") for number in range(10)))

    assert [answer.text for answer in asyncio.run(together())] == [str(number) for number in range(10)]
    assert len({request.connection for request in service.requests}) > 1


def test_connections_are_reused(make: MakeModel, service: Emulator) -> None:
    before = service.connections_opened
    for _ in range(5):
        make().chat(QUESTION)
    assert service.connections_opened - before <= 1
