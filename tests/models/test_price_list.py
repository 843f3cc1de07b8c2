"""The catalog against an independent table in the form of litellm's price list."""

import json
from pathlib import Path
from typing import Any

import pytest

from qwen_core.models.__main__ import main
from qwen_core.models.price_list import compare_price_list

AGREEING: dict[str, Any] = {
    "dashscope/qwen3.8-max": {
        "mode": "chat",
        "max_input_tokens": 991_808,
        "max_output_tokens": 131_072,
        "supports_function_calling": True,
        "supports_reasoning": True,
        "input_cost_per_token": 2.056e-06,
        "output_cost_per_token": 6.168e-06,
    },
    "dashscope/qwen3.7-plus": {
        "mode": "chat",
        "tiered_pricing": [
            {"input_cost_per_token": 2.936e-6 / 7.29, "range": [0, 256000.0]},
            {"input_cost_per_token": 8.993e-6 / 7.29, "range": [256000.0, 1000000.0]},
        ],
    },
    "dashscope/qwen3-tts-flash": {"mode": "audio_speech", "input_cost_per_character": 1e-05},
    "dashscope/wan3.0-video": {"mode": "video_generation", "output_cost_per_second": 0.165025},
    "openai/gpt": {"mode": "chat", "max_input_tokens": 1},
    "sample_spec": "not a model",
}
DIFFERING: dict[str, Any] = {
    "dashscope/qwen3.8-max": {
        "mode": "chat",
        "max_output_tokens": 1,
        "supports_function_calling": False,
        "input_cost_per_token": 9e-06,
    },
    "dashscope/qwen-image-2.0": {"mode": "chat", "output_cost_per_image": 9},
    "dashscope/new-model": {"mode": "chat", "supports_reasoning": True},
    "dashscope/qwen-flash": {
        "mode": "chat",
        "tiered_pricing": [{"input_cost_per_token": 0.15e-6 / 7.29, "range": [0, 100_000]}],
    },
}


def test_agreeing_table_has_no_difference(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert list(compare_price_list(AGREEING)) == []
    path = tmp_path / "prices.json"
    path.write_text(json.dumps(AGREEING), encoding="utf-8")
    assert main(["--check", str(path)]) == 0
    assert capsys.readouterr().out == "No difference.\n"


def test_differences_name_model_fact_and_both_values(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "prices.json"
    path.write_text(json.dumps(DIFFERING), encoding="utf-8")
    assert main(["--check", str(path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    for expected in (
        "new-model  listed: False here, True there",
        "new-model  thinking: unknown here, True there",
        "qwen-image-2.0  kind: image here, chat there",
        "qwen-image-2.0  USD per image: 0.035 here, 9 there",
        "qwen3.8-max  max_output_tokens: 131072 here, 1 there",
        "qwen3.8-max  tool_calling: True here, False there",
    ):
        assert expected in lines
    assert any(line.startswith("qwen3.8-max  input, USD per million tokens: ") for line in lines)
    assert any(line.startswith("qwen-flash  end of the tier above 0: ") for line in lines)
