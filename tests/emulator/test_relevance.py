"""Embeddings and reranking without a model still bring related texts together."""

from __future__ import annotations

import math
from typing import Any

import pytest

from qwen_emulator import Emulator
from qwen_emulator.embeddings import embed, sparse
from qwen_emulator.ranking import best, relevance

TOPICS = {
    "How do I reset my password?": "To reset a password, open the settings and choose a new password.",
    "Which regions have workspace hosts?": "Workspace hosts exist in every region, Frankfurt and Tokyo included.",
    "What does streaming cost?": "Streaming costs nothing extra: streamed tokens have the price of other tokens.",
    "西湖在哪个城市?": "西湖位于杭州市,是著名的风景区。",
    "如何申请退款?": "申请退款请在订单页面点击退款按钮。",
}


def likeness(one: str, other: str, size: int = 1024) -> float:
    return sum(a * b for a, b in zip(embed(one, size), embed(other, size), strict=True))


@pytest.mark.parametrize("question", TOPICS)
@pytest.mark.parametrize("size", [256, 1024])
def test_the_right_text_is_nearest(question: str, size: int) -> None:
    nearest = max(TOPICS.values(), key=lambda text: likeness(question, text, size))
    assert nearest == TOPICS[question]


@pytest.mark.parametrize("text", ["", " ", "?", "的", "a", "one two", "🙂", "x" * 5000])
def test_vectors_have_length_one_and_never_change(text: str) -> None:
    vector = embed(text, 64)
    assert len(vector) == 64
    assert math.hypot(*vector) == pytest.approx(1, abs=1e-6)
    assert embed(text, 64) == vector


def test_word_forms_lie_close() -> None:
    assert likeness("running models", "run a model") > 0.5
    assert likeness("running models", "yellow bananas") < 0.2


def test_sparse_weights() -> None:
    entries = {entry["token"]: entry["value"] for entry in sparse("wind wind high")}
    assert entries["wind"] == 0.9
    assert 0 < entries["high"] < 0.9


@pytest.mark.parametrize("question", TOPICS)
def test_ranking_puts_the_answer_first(question: str) -> None:
    documents = list(TOPICS.values())
    scores = relevance(question, documents)
    assert all(0 < score < 1 for score in scores)
    assert documents[best(scores, 1)[0][0]] == TOPICS[question]


def test_the_flat_route(raw: Any) -> None:
    body = {
        "model": "qwen3-rerank",
        "query": "blue sky",
        "documents": ["red door", "the blue sky", "sky"],
        "top_n": 2,
    }
    made = raw.send("POST", "/compatible-api/v1/reranks", body)
    assert made.json.keys() == {"object", "results", "model", "id", "usage"}
    assert [result["index"] for result in made.json["results"]] == [1, 2]
    assert made.json["results"][0].keys() == {"index", "relevance_score"}
    refused = raw.send("POST", "/compatible-api/v1/reranks", {**body, "documents": []})
    assert refused.status == 400
    assert refused.json.keys() == {"code", "message", "request_id"}


def test_the_native_route(raw: Any) -> None:
    path = "/api/v1/services/rerank/text-rerank/text-rerank"
    held = {"query": "blue sky", "documents": ["red door", {"text": "the blue sky"}]}
    body = {"model": "gte-rerank-v2", "input": held, "parameters": {"return_documents": True}}
    made = raw.send("POST", path, body).json
    assert made["output"]["results"][0]["document"] == {"text": "the blue sky"}
    plain = raw.send("POST", path, {**body, "parameters": {}}).json
    assert "document" not in plain["output"]["results"][0]
    assert raw.send("POST", path, {**body, "input": {**held, "documents": ["x"] * 501}}).status == 400


def test_model_lists(raw: Any) -> None:
    page = raw.send("GET", "/api/v1/models?page_no=2&page_size=5").json
    assert page["success"] is True
    assert (page["output"]["page_no"], len(page["output"]["models"])) == (2, 5)
    assert raw.send("GET", "/api/v1/models/qwen-plus").json["output"]["model"] == "qwen-plus"
    assert raw.send("GET", "/api/v1/models/nothing").status == 404


def test_temporary_uploads(raw: Any, emulator: Emulator) -> None:
    policy = raw.send("GET", "/api/v1/uploads?action=getPolicy&model=qwen-vl-max").json["data"]
    assert policy["upload_host"].startswith(emulator.base_url)
    path = policy["upload_host"].removeprefix(emulator.base_url)
    fields = {"policy": policy["policy"], "key": f"{policy['upload_dir']}/a.png"}
    lines = [f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{fields[name]}\r\n' for name in fields]
    lines.append('--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\nx\r\n--b--\r\n')
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    assert raw.send("POST", path, "".join(lines).encode(), headers).status == 403  # the key is not for the store
    assert raw.send("POST", path, "".join(lines).encode(), {**headers, "Authorization": ""}).status == 200
