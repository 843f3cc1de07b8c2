"""langchain-tests' integration suites, against the emulator, with every capability switched on."""

import base64
import io
import struct
import wave
import zlib
from typing import Any, ClassVar

import pytest
from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_tests.integration_tests import ChatModelIntegrationTests, EmbeddingsIntegrationTests

from langchain_qwen import ChatQwen, QwenEmbeddings
from qwen_emulator import Emulator, Reply


def png_bytes() -> bytes:
    """Return a small PNG."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", 16, 16, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"".join(b"\0" + b"\xff\0\0" * 16 for _ in range(16)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def wav_bytes() -> bytes:
    """Return WAV bytes of 0.1 s of silence."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(8000)
        writer.writeframes(bytes(1600))
    return buffer.getvalue()


class Download:
    """Replacement for the suite's downloads."""

    def __init__(self, url: str, **_: Any) -> None:
        self.content = wav_bytes() if url.endswith((".wav", ".mp3")) else png_bytes()

    def raise_for_status(self) -> "Download":
        return self


@pytest.fixture(autouse=True)
def no_downloads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Generate the suite's images, documents and audio locally: tests reach no other machine."""
    monkeypatch.setenv("LANGCHAIN_TESTS_USER_AGENT", "offline")
    monkeypatch.setattr("langchain_tests.integration_tests.chat_models.httpx.get", Download)


@pytest.fixture(scope="session")
def vcr_config() -> dict[str, Any]:
    """Ignore localhost: requests to the emulator are neither recorded nor replayed."""
    return {"ignore_localhost": True}


@pytest.mark.filterwarnings("ignore::qwen_core.errors.QwenWarning")
@pytest.mark.filterwarnings(
    "ignore:Benchmark fixture was not used"
)  # without a recording, the suite's test streams once
@pytest.mark.usefixtures("service")
class ChatQwenIntegration(ChatModelIntegrationTests):
    protocol: ClassVar[str]
    usage_details: ClassVar[set[str]] = {
        "audio_input",
        "audio_output",
        "reasoning_output",
        "cache_read_input",
        "cache_creation_input",
    }
    service: Emulator

    @pytest.fixture(autouse=True)
    def _keep_service(self, service: Emulator) -> None:
        self.service = service

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatQwen

    @property
    def enable_vcr_tests(self) -> bool:
        return True

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": "qwen3.7-plus", "protocol": self.protocol, "enable_thinking": False}

    @property
    def model_override_value(self) -> str:
        return "qwen-flash"

    @property
    def supports_json_mode(self) -> bool:
        return True

    @property
    def supports_image_inputs(self) -> bool:
        return True

    @property
    def supports_image_urls(self) -> bool:
        return True

    @property
    def supports_pdf_inputs(self) -> bool:
        return True

    @property
    def supports_audio_inputs(self) -> bool:
        return True

    @property
    def supports_video_inputs(self) -> bool:
        return True

    @property
    def supports_anthropic_inputs(self) -> bool:
        return True

    @property
    def supports_image_tool_message(self) -> bool:
        return True

    @property
    def supports_pdf_tool_message(self) -> bool:
        return True

    @property
    def supported_usage_metadata_details(self) -> dict[str, list[str]]:  # type: ignore[override]
        details = sorted(self.usage_details)
        return {"invoke": details, "stream": details}

    def _answer(self, usage: dict[str, int], stream: bool) -> AIMessage:
        self.service.reply(Reply(text="Yes.", usage={"input_tokens": 40, "output_tokens": 20, **usage}))
        model = ChatQwen(**self.chat_model_params)
        if not stream:
            return model.invoke("Is it so?")
        first, *others = model.stream("Is it so?")
        for chunk in others:
            first = first + chunk
        return first

    def invoke_with_audio_input(self, *, stream: bool = False) -> AIMessage:
        return self._answer({"audio_tokens": 9}, stream)

    def invoke_with_audio_output(self, *, stream: bool = False) -> AIMessage:
        return self._answer({"output_audio_tokens": 9}, stream)

    def invoke_with_reasoning_output(self, *, stream: bool = False) -> AIMessage:
        return self._answer({"reasoning_tokens": 9}, stream)

    def invoke_with_cache_read_input(self, *, stream: bool = False) -> AIMessage:
        return self._answer({"cached_tokens": 9}, stream)

    def invoke_with_cache_creation_input(self, *, stream: bool = False) -> AIMessage:
        return self._answer({"cache_creation_tokens": 9}, stream)


class TestChatQwenOpenAI(ChatQwenIntegration):
    protocol = "openai"


class TestChatQwenDashScope(ChatQwenIntegration):
    """No documents and no audio output: the native protocol supports neither."""

    protocol = "dashscope"
    usage_details = ChatQwenIntegration.usage_details - {"audio_output"}

    @property
    def supports_pdf_inputs(self) -> bool:
        return False

    @property
    def supports_pdf_tool_message(self) -> bool:
        return False

    @pytest.fixture(autouse=True)
    def _needs_sdk(self) -> None:
        pytest.importorskip("dashscope")


@pytest.mark.usefixtures("service")
class TestQwenEmbeddings(EmbeddingsIntegrationTests):
    @property
    def embeddings_class(self) -> type[Embeddings]:
        return QwenEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return {"model": "text-embedding-v4"}


def test_png_bytes_are_a_png() -> None:
    assert base64.b64encode(png_bytes()).startswith(b"iVBORw0KGgo")
