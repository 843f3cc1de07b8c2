"""The classes of both frameworks, sync and async: documents, metadata, tools, loaders and errors."""

import asyncio
import base64
import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langchain_core.document_loaders import Blob
from langchain_core.documents import Document as LangChainDocument
from langchain_core.messages import ToolMessage
from llama_index.core import SimpleDirectoryReader
from llama_index.core.schema import Document as LlamaIndexDocument

from langchain_qwen import QwenAudioParser, QwenTextToSpeech
from langchain_qwen.errors import NotFoundError as LangChainNotFoundError
from llama_index_qwen import QwenAudioReader, QwenSpeechToolSpec
from qwen_core.errors import QwenError, UnsupportedFeatureError
from qwen_core.protocols.speech.audio_files import samples
from tests.canned_server import Canned, CannedServer, event_stream
from tests.speech.conftest import KEY, PCM, WAV, Both, collected
from tests.speech.test_recognition import (
    CHAT,
    FILE,
    FILES,
    NATIVE,
    QWEN,
    SENTENCE_ANSWER,
    SENTENCES,
    TASK,
    TWO_CHANNELS,
    chat_answer,
    on_task,
)
from tests.speech.test_synthesis import FIRST, LINK, answer

Read = Callable[..., list[tuple[str, dict[str, Any]]]]


@pytest.fixture(params=["langchain", "llama_index"])
def read(request: pytest.FixtureRequest, server: CannedServer, both: Both[Any], tmp_path: Path) -> Read:
    """Transcribe a file with one framework, sync or async; return texts and metadata."""
    path = tmp_path / "call.wav"
    path.write_bytes(WAV)

    def with_langchain(**fields: Any) -> list[tuple[str, dict[str, Any]]]:
        parser = QwenAudioParser(api_key=KEY, base_url=server.url, poll_seconds=0.01, **fields)
        blob = Blob.from_path(path, metadata={"mine": 1})
        found: list[LangChainDocument] = both(
            lambda: list(parser.lazy_parse(blob)),
            lambda: parser.aparse(blob),
        )
        return [(document.page_content, document.metadata) for document in found]

    def with_llama_index(**fields: Any) -> list[tuple[str, dict[str, Any]]]:
        reader = QwenAudioReader(api_key=KEY, base_url=server.url, poll_seconds=0.01, **fields)
        found: list[LlamaIndexDocument] = both(
            lambda: reader.load_data(path, {"mine": 1}),
            lambda: reader.aload_data(path, {"mine": 1}),
        )
        return [(document.text, document.metadata) for document in found]

    return with_langchain if request.param == "langchain" else with_llama_index


def without_source(metadata: dict[str, Any]) -> dict[str, Any]:
    assert str(metadata.pop("source")).endswith("call.wav")
    assert metadata.pop("mine") == 1
    return metadata


def test_file_becomes_one_document_with_language_and_emotion(read: Read, server: CannedServer) -> None:
    server.on(CHAT, chat_answer("Good morning."))
    ((text, metadata),) = read(language="en")
    assert text == "Good morning."
    assert without_source(metadata) == {"language": "en", "emotion": "neutral", "duration": 3.0, "request_id": "1"}
    assert server.requests[0].body["asr_options"] == {"language": "en"}


def test_sentences_become_documents_with_times_speakers_and_channels(read: Read, server: CannedServer) -> None:
    policy = {"policy": "p", "signature": "s", "upload_dir": "d", "upload_host": server.url + "/store",
              "oss_access_key_id": "k"}  # fmt: skip
    server.on("/api/v1/uploads", {"data": policy})
    server.on("/store", Canned(b""))
    on_task(server, FILES, TWO_CHANNELS)
    found = read(model=FILES, diarization_enabled=True, by_sentence=True)
    assert [text for text, _ in found] == ["Hello.", "Yes?", "Bye."]
    assert without_source(found[1][1]) == {
        "start": 1.0, "end": 2.0, "speaker": 1, "channel": 1, "duration": 3.834, "request_id": "r",
    }  # fmt: skip
    assert server.requests[-1].path.startswith("/result.json")


def test_every_family_works_in_both_frameworks(read: Read, server: CannedServer) -> None:
    server.on(NATIVE, SENTENCE_ANSWER)
    ((text, metadata),) = read(model=SENTENCES)
    assert text == "Hello world." and (metadata["start"], metadata["end"]) == (0.76, 3.8)


def test_silence_is_one_empty_document_and_no_sentence(read: Read, server: CannedServer) -> None:
    server.on(CHAT, chat_answer("", notes=False))
    assert [text for text, _ in read()] == [""]
    assert read(by_sentence=True) == []


def test_errors_are_typed_and_hold_no_key(read: Read, server: CannedServer) -> None:
    server.on(CHAT, Canned({"error": {"code": "model_not_found", "message": "none"}}, 404))
    with pytest.raises(QwenError) as raised:
        read()
    assert KEY not in str(raised.value) and raised.value.model == QWEN


def test_known_tasks_survive_in_the_callers_mapping(read: Read, server: CannedServer) -> None:
    class Known(dict[str, str]):
        """A mapping of the caller's own class."""

    known = Known()
    policy = {"policy": "p", "signature": "s", "upload_dir": "d", "upload_host": server.url + "/store",
              "oss_access_key_id": "k"}  # fmt: skip
    server.on("/api/v1/uploads", {"data": policy})
    server.on("/store", Canned(b""))
    for _ in range(2):
        on_task(server, FILE)
        assert read(model=FILE, tasks=known)[0][0] == "Good morning."
    assert server.paths("POST") == ["/store", TASK] and list(known.values()) == ["t-1"]


def test_blob_with_data_and_blob_with_a_link(server: CannedServer) -> None:
    server.on(CHAT, chat_answer("Hi."))
    parser = QwenAudioParser(api_key=KEY, base_url=server.url)
    assert parser.parse(Blob.from_data(WAV, mime_type="audio/wav", path="a.wav"))[0].metadata["source"] == "a.wav"
    assert parser.parse(Blob(path="https://example.com/b.wav", data=None))[0].page_content == "Hi."
    sent = [request.body["messages"][0]["content"][0]["input_audio"]["data"] for request in server.requests]
    assert sent[0].startswith("data:audio/wav;base64,") and sent[1] == "https://example.com/b.wav"


def test_parser_works_in_generic_loaders(server: CannedServer, tmp_path: Path) -> None:
    loaders = pytest.importorskip("langchain_community.document_loaders.generic")
    blobs = pytest.importorskip("langchain_community.document_loaders")
    (tmp_path / "a.wav").write_bytes(WAV)
    (tmp_path / "b.wav").write_bytes(WAV)
    server.on(CHAT, chat_answer("Hi."))
    parser = QwenAudioParser(api_key=KEY, base_url=server.url)
    loader = loaders.GenericLoader(blobs.FileSystemBlobLoader(tmp_path, glob="*.wav"), parser)
    assert [document.page_content for document in loader.lazy_load()] == ["Hi.", "Hi."]


def test_reader_works_in_directory_readers(server: CannedServer, both: Both[Any], tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(WAV)
    (tmp_path / "b.txt").write_text("text")
    server.on(CHAT, chat_answer("Hi."))
    extractor: dict[str, Any] = {".wav": QwenAudioReader(api_key=KEY, base_url=server.url)}
    directory = SimpleDirectoryReader(tmp_path, file_extractor=extractor, raise_on_error=True)
    documents = both(lambda: directory.load_data(), lambda: directory.aload_data())
    assert [document.text for document in documents] == ["Hi.", "text"]
    assert documents[0].metadata["file_name"] == "a.wav" and documents[0].metadata["language"] == "en"


def test_reader_takes_bytes_links_and_other_file_systems(server: CannedServer, tmp_path: Path) -> None:
    fsspec = pytest.importorskip("fsspec")
    server.on(CHAT, chat_answer("Hi."))
    reader = QwenAudioReader(api_key=KEY, base_url=server.url)
    memory = fsspec.filesystem("memory")
    memory.pipe("/a.wav", WAV)
    assert reader.load_data(WAV)[0].text == "Hi."
    assert reader.load_data("https://example.com/b.wav")[0].text == "Hi."
    assert reader.load_data("/a.wav", fs=memory)[0].text == "Hi."
    sent = [request.body["messages"][0]["content"][0]["input_audio"]["data"] for request in server.requests]
    assert sent[0] == sent[2] and sent[1] == "https://example.com/b.wav"


@pytest.fixture
def spoken(server: CannedServer) -> CannedServer:
    server.on(FIRST, answer(url=LINK))
    server.on("/a.wav", Canned(WAV))
    return server


def test_tool_returns_a_sentence_and_an_audio_block(spoken: CannedServer, both: Both[Any]) -> None:
    tool = QwenTextToSpeech(api_key=KEY, base_url=spoken.url)
    call = {"name": "text_to_speech", "args": {"text": "Good morning."}, "id": "1", "type": "tool_call"}
    message: ToolMessage = both(lambda: tool.invoke(call), lambda: tool.ainvoke(call))
    assert message.content == f"The text was spoken: 0.5 seconds, {len(WAV)} bytes of audio/wav."
    assert message.artifact == {
        "type": "audio",
        "base64": base64.b64encode(WAV).decode(),
        "mime_type": "audio/wav",
    }
    assert tool.args["text"]["type"] == "string" and tool.name == "text_to_speech"


def test_tool_synthesizes_and_streams(spoken: CannedServer, both: Both[Any]) -> None:
    tool = QwenTextToSpeech(api_key=KEY, base_url=spoken.url, voice="Ethan", language_type="English")
    speech = both(lambda: tool.synthesize("Hi."), lambda: tool.asynthesize("Hi."))
    assert speech.data == WAV
    assert spoken.requests[0].body["input"] == {"text": "Hi.", "voice": "Ethan", "language_type": "English"}
    spoken.on(FIRST, event_stream(answer(PCM[:100], "null"), answer(PCM[100:], "null"), answer(url=LINK)))
    chunks = both(lambda: list(tool.stream_bytes("Hi.")), lambda: collected(tool.astream_bytes("Hi.")))
    assert samples(b"".join(chunks))[1] == PCM


def test_tool_raises_langchains_classified_errors(spoken: CannedServer) -> None:
    spoken.on("/a.wav", Canned(b"<Error/>", 403))
    with pytest.raises(LangChainNotFoundError):
        QwenTextToSpeech(api_key=KEY, base_url=spoken.url).invoke({"text": "Hi."})


def test_default_voice_is_not_sent_to_models_that_lack_it(spoken: CannedServer) -> None:
    tool = QwenTextToSpeech(api_key=KEY, base_url=spoken.url, model="cosyvoice-v3-flash")
    with pytest.raises(UnsupportedFeatureError, match="no default voice"):
        tool.synthesize("Hi.")


def test_tool_spec_speaks_and_transcribes(spoken: CannedServer, both: Both[Any]) -> None:
    spoken.on(CHAT, chat_answer("Good morning."))
    speak, transcribe = QwenSpeechToolSpec(api_key=KEY, base_url=spoken.url).to_tool_list()
    output = both(lambda: speak.call(text="Hi."), lambda: speak.acall(text="Hi."))
    assert output.content == f"The text was spoken: 0.5 seconds, {len(WAV)} bytes of audio/wav."
    assert output.raw_output.data == WAV and output.raw_output.block.format == "wav"
    link = "https://example.com/a.wav"
    output = both(lambda: transcribe.call(audio=link), lambda: transcribe.acall(audio=link))
    assert output.content == "Good morning."
    assert (speak.metadata.name, transcribe.metadata.name) == ("text_to_speech", "speech_to_text")


def test_tool_spec_reads_no_local_file_that_a_model_names(spoken: CannedServer, tmp_path: Path) -> None:
    path = tmp_path / "secret.wav"
    path.write_bytes(WAV)
    spec = QwenSpeechToolSpec(api_key=KEY, base_url=spoken.url)
    with pytest.raises(UnsupportedFeatureError, match="allow_local_files"):
        spec.speech_to_text(str(path))
    spoken.on(CHAT, chat_answer("Hi."))
    allowed = QwenSpeechToolSpec(api_key=KEY, base_url=spoken.url, allow_local_files=[str(tmp_path)])
    assert asyncio.run(allowed.aspeech_to_text(str(path))) == "Hi."


@pytest.mark.parametrize("kind", [QwenAudioParser, QwenTextToSpeech, QwenAudioReader])
def test_classes_copy_pickle_and_show_no_secrets(kind: Any) -> None:
    made = kind(api_key=KEY, **({"tasks": {"a": "b"}} if "tasks" in kind.model_fields else {}))
    for other in (copy.deepcopy(made), pickle.loads(pickle.dumps(made)), made.model_copy()):
        assert other.api_key.get_secret_value() == KEY
    assert KEY not in repr(made) and KEY not in str(made.model_dump())
    with pytest.raises(ValueError, match="unknown"):
        kind(unknown=1)
