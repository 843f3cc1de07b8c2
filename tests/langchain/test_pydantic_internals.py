"""Code that leans on pydantic's and LangChain's internals: everything works with and without it."""

import os
import subprocess
import sys

import pytest

from langchain_qwen.pydantic_internals import SWITCH
from qwen_emulator import Emulator

PROGRAM = """
import inspect, json, pickle, sys
from functools import reduce
from operator import add
from langchain_core.load import dumpd
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatResult
from langchain_qwen import ChatQwen, QwenEmbeddings
from langchain_qwen.output import to_chunk
from langchain_qwen.pydantic_internals import QwenMessageChunk, enabled
from qwen_core.types.events import ChoiceEnd, Finish, TextDelta, ToolCallDelta

model = ChatQwen(base_url=sys.argv[1], api_key="sk-test", model="qwen-plus")
message = model.invoke("hi")
chunks = list(model.stream("hi"))
total = reduce(add, chunks)
truncated = [
    to_chunk(ToolCallDelta(position=0, id="c1", name="f", arguments='{"path": "/tm')).message,
    to_chunk(Finish(choices=(ChoiceEnd(finish_reason="length", raw_finish_reason="length"),))).message,
]
incomplete = truncated[0] + truncated[1]
read_back = pickle.loads(pickle.dumps(chunks[0]))
assert type(message) is AIMessage and message.usage_metadata and message == AIMessage(**message.model_dump())
assert all(type(chunk) is QwenMessageChunk for chunk in chunks)
assert type(total) is AIMessageChunk and total.text == message.text
assert type(chunks[0] + chunks[1]) is QwenMessageChunk
assert type(read_back) is QwenMessageChunk and read_back == chunks[0]
assert incomplete.tool_calls == [] and incomplete.invalid_tool_calls[0]["name"] == "f"
assert dumpd(chunks[0])["id"] == dumpd(AIMessageChunk(content=""))["id"]
print(json.dumps({
    "enabled": enabled,
    "class": chunks[0].__class__.__name__,
    "signature": "__signature__" in vars(ChatQwen._generate),
    "repr": "dimensions" in repr(QwenEmbeddings(api_key="sk-test")),
    "parameters": list(inspect.signature(model._generate).parameters),
}))
"""


@pytest.mark.parametrize("plain", ["", "1"])
def test_switch_turns_off_what_leans_on_internals(plain: str, qwen_emulator: Emulator) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, qwen_emulator.base_url],
        capture_output=True,
        text=True,
        env={**os.environ, SWITCH: plain},
    )
    assert done.returncode == 0, done.stderr
    used = '"enabled": false' if plain else '"enabled": true'
    shown = '"class": "QwenMessageChunk"' if plain else '"class": "AIMessageChunk"'
    signature = '"signature": false' if plain else '"signature": true'
    fields = '"repr": true' if plain else '"repr": false'
    for part in (used, shown, signature, fields, '["messages", "stop", "run_manager", "kwargs"]'):
        assert part in done.stdout
