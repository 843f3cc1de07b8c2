"""The openai SDK, as it is, against the emulator."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import openai
import pytest

from qwen_emulator import Emulator, Failure, Reply, ToolCall, faults

HI: list[Any] = [{"role": "user", "content": "Count to 6"}]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def test_whole_and_streamed_say_the_same(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(model="qwen-plus", messages=HI)
    stream = client.chat.completions.create(
        model="qwen-plus", messages=HI, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert whole.choices[0].message.content == text == "1, 2, 3, 4, 5, 6"
    assert whole.usage == chunks[-1].usage
    assert whole._request_id == whole.id.removeprefix("chatcmpl-")


def test_reasoning_by_default_of_the_model(client: openai.OpenAI) -> None:
    made = client.chat.completions.create(model="qwen3.8-max", messages=HI)
    assert getattr(made.choices[0].message, "reasoning_content", None)
    made = client.chat.completions.create(model="qwen3.8-max", messages=HI, extra_body={"enable_thinking": False})
    assert getattr(made.choices[0].message, "reasoning_content", None) is None


def test_a_tool_loop_ends(client: openai.OpenAI) -> None:
    messages: list[Any] = [{"role": "user", "content": "What is the weather in Rome?"}]
    first = client.chat.completions.create(model="qwen-plus", messages=messages, tools=[WEATHER])
    call: Any = (first.choices[0].message.tool_calls or [])[0]
    assert (call.function.name, call.function.arguments) == ("get_weather", '{"city": "Rome"}')
    messages += [first.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "24 degrees"}]
    last = client.chat.completions.create(model="qwen-plus", messages=messages, tools=[WEATHER])
    assert last.choices[0].finish_reason == "stop"
    assert "24 degrees" in (last.choices[0].message.content or "")


def test_streamed_tool_calls_through_the_accumulator(emulator: Emulator, client: openai.OpenAI) -> None:
    emulator.reply(Reply(tool_calls=[ToolCall("get_weather", {"city": "Rome"}, id="call_1")]))
    with client.chat.completions.stream(model="qwen-plus", messages=HI, tools=[WEATHER]) as stream:
        final = stream.get_final_completion()
    call: Any = (final.choices[0].message.tool_calls or [])[0]
    assert (call.id, call.function.name, call.function.arguments) == ("call_1", "get_weather", '{"city": "Rome"}')


def test_async(emulator: Emulator) -> None:
    async def main() -> str:
        async with openai.AsyncOpenAI(base_url=emulator.compatible_url, api_key="x") as client:
            stream = await client.chat.completions.create(model="qwen-plus", messages=HI, stream=True)
            return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

    assert asyncio.run(main()) == "1, 2, 3, 4, 5, 6"


def test_embeddings_as_numbers_and_as_base64(client: openai.OpenAI) -> None:
    listed = client.embeddings.create(model="text-embedding-v4", input=["wind"], encoding_format="float")
    packed = client.embeddings.create(model="text-embedding-v4", input=["wind"])
    assert packed.data[0].embedding == pytest.approx(listed.data[0].embedding, abs=1e-6)
    assert math.hypot(*listed.data[0].embedding) == pytest.approx(1, abs=1e-5)
    assert len(listed.data[0].embedding) == 1024


ERRORS: dict[str, type[openai.APIStatusError]] = {
    "invalid_api_key": openai.AuthenticationError,
    "access_denied": openai.PermissionDeniedError,
    "model_not_found": openai.NotFoundError,
    "data_inspection": openai.BadRequestError,
    "rate_limit": openai.RateLimitError,
    "internal_error": openai.InternalServerError,
}


@pytest.mark.parametrize(("name", "kind"), ERRORS.items())
def test_errors(emulator: Emulator, client: openai.OpenAI, name: str, kind: type[openai.APIStatusError]) -> None:
    emulator.reply(Failure.named(name))
    with pytest.raises(kind) as caught:
        client.chat.completions.create(model="qwen-plus", messages=HI)
    assert caught.value.code == Failure.named(name).code
    assert caught.value.request_id


def test_an_error_in_the_stream_is_an_api_error(emulator: Emulator, client: openai.OpenAI) -> None:
    emulator.reply(Failure.named("burst_rate", after_chunks=2))
    stream = client.chat.completions.create(model="qwen-plus", messages=HI, stream=True)
    with pytest.raises(openai.APIError) as caught:
        list(stream)
    assert caught.value.code == "limit_burst_rate"


def test_the_sdk_retries_until_it_works(emulator: Emulator, client: openai.OpenAI) -> None:
    emulator.reply(faults.failing(429, retry_after="0", times=1), faults.reset_before_headers(), "done")
    made = client.with_options(max_retries=2).chat.completions.create(model="qwen-plus", messages=HI)
    assert made.choices[0].message.content == "done"
    assert [request.status for request in emulator.requests] == [429, None, 200]


def test_files_and_what_is_in_them(client: openai.OpenAI) -> None:
    stored = client.files.create(file=("moon.txt", b"The moon is made of rock."), purpose="file-extract")  # type: ignore[arg-type]
    assert (stored.filename, stored.bytes, stored.status) == ("moon.txt", 25, "processed")
    assert stored.id.startswith("file-fe-")
    assert [file.id for file in client.files.list()] == [stored.id]
    messages: list[Any] = [
        {"role": "system", "content": "You are helpful."},
        {"role": "system", "content": f"fileid://{stored.id}"},
        {"role": "user", "content": "What is the moon made of?"},
    ]
    made = client.chat.completions.create(model="qwen-long", messages=messages)
    assert made.choices[0].message.content == "The moon is made of rock."
    assert client.files.delete(stored.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(stored.id)
    with pytest.raises(openai.BadRequestError, match="purpose"):
        client.files.create(file=("x.txt", b"x"), purpose="assistants")
