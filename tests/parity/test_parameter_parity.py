"""Every field of the public classes is sent under its name on both protocols, or refused."""

from typing import Any, NamedTuple

import pytest
from llama_index.core.base.llms.types import ChatMessage

from langchain_qwen import ChatQwen
from llama_index_qwen import Qwen
from qwen_core.adapters.fields import SHARED_FIELDS
from qwen_core.errors import UnsupportedFeatureError
from qwen_core.protocols.dashscope.encode import COMPATIBLE_ONLY
from qwen_core.protocols.openai_chat.encode import NATIVE_ONLY
from qwen_emulator import Emulator


class Row(NamedTuple):
    """A value and its model; ``beside`` are the fields it requires."""

    value: Any
    model: str = "qwen-plus"
    beside: dict[str, Any] | None = None


FIELDS = {
    "temperature": Row(0.5),
    "top_p": Row(0.5),
    "top_k": Row(3),
    "max_tokens": Row(50),
    "max_completion_tokens": Row(50, "qwen3.7-plus"),
    "stop": Row(["zz"]),
    "seed": Row(4),
    "n": Row(2),
    "presence_penalty": Row(0.1),
    "frequency_penalty": Row(0.1),
    "repetition_penalty": Row(1.1),
    "logprobs": Row(True),
    "top_logprobs": Row(2, beside={"logprobs": True}),
    "logit_bias": Row({"9": 1.0}),
    "enable_thinking": Row(True),
    "thinking_budget": Row(100, beside={"enable_thinking": True}),
    "reasoning_effort": Row("low", "qwen3.8-max"),
    "preserve_thinking": Row(True, "qwen3.8-max"),
    "enable_search": Row(True),
    "search_options": Row({"enable_source": False, "forced_search": True}, beside={"enable_search": True}),
    "enable_text_image_mixed": Row(True),
    "enable_code_interpreter": Row(True, "qwen3-max"),
    "parallel_tool_calls": Row(True),
    "modalities": Row(["text", "audio"], "qwen3.5-omni-plus", {"audio": {"voice": "Cherry", "format": "wav"}}),
    "audio": Row({"voice": "Cherry", "format": "wav"}, "qwen3.5-omni-plus", {"modalities": ["text", "audio"]}),
    "vl_high_resolution_images": Row(True, "qwen3-vl-plus"),
    "ocr_options": Row({"task": "multi_lan"}, "qwen-vl-ocr"),
    "asr_options": Row({"language": "en"}, "my-asr"),
    "translation_options": Row({"target_lang": "English"}, "qwen-mt-plus"),
}
NOT_SENT = {
    "model",
    "tool_call_parser",
    "reasoning_parser",
    "allow_local_files",
    "show_progress",
    "repair_history",
    "previous_response_id",
    "allow_private_media_urls",
}
REFUSED = {"openai": NATIVE_ONLY, "dashscope": COMPATIBLE_ONLY}


def test_every_shared_field_has_a_case() -> None:
    assert set(SHARED_FIELDS) - NOT_SENT == {*FIELDS, "extra_body"}


@pytest.mark.filterwarnings("ignore:qwen3.5-omni-plus is documented only for the OpenAI-compatible API")
@pytest.mark.parametrize("protocol", REFUSED)
@pytest.mark.parametrize("framework", [ChatQwen, Qwen])
@pytest.mark.parametrize("name", FIELDS)
def test_public_field_is_sent_or_refused_on_each_protocol(
    name: str, framework: Any, protocol: str, qwen_emulator: Emulator
) -> None:
    value, model, beside = FIELDS[name]
    address = {"api_key": "k", "base_url": qwen_emulator.base_url, "protocol": protocol, "max_retries": 0}
    asked = framework(model=model, **address, **{name: value}, **(beside or {}))

    def ask() -> object:
        return asked.invoke("hi") if isinstance(asked, ChatQwen) else asked.chat([ChatMessage("hi")])

    if name in REFUSED[protocol]:
        with pytest.raises(UnsupportedFeatureError, match=f"`{name}` is not available"):
            ask()
        assert not qwen_emulator.requests
    else:
        ask()
        assert qwen_emulator.last_request.parameters[name] == value
