"""The model table command, and the comparison with the service's model list."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from qwen_core.models import all_models, report, resolve
from qwen_core.models.__main__ import main


def _names(output: str) -> list[str]:
    return [line.split()[0] for line in output.splitlines()[1:]]


def test_table_lists_every_catalog_entry(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    output = capsys.readouterr().out
    assert _names(output) == [profile.name for profile in report.catalogue_entries()]
    assert not any(line.endswith(" ") for line in output.splitlines())


def test_table_filters_combine(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = "--capability json_schema --capability vision --region cn-beijing --max-price 1 --current"
    main(arguments.split())
    assert _names(capsys.readouterr().out) == ["qwen3.7-flash", "qwen3.8-flash"]


@pytest.mark.parametrize(
    ("capability", "has", "lacks"),
    [
        ("thinking", "qwq-plus", "qwen-max"),
        ("tools", "qwen3.7-max", "qwen-turbo"),
        ("vision", "qwen3-vl-plus", "qwen-plus"),
        ("audio", "qwen3.8-omni-flash", "qwen3.8-max"),
        ("search", "qwen-plus", "kimi-k3"),
        ("json_schema", "qwen3.7-plus", "qwen-plus"),
        ("cache", "qwen-max", "qwen-long"),
    ],
)
def test_table_capability_filter(capability: str, has: str, lacks: str) -> None:
    names = {profile.name for profile in report.select(report.catalogue_entries(), capabilities=[capability])}
    assert has in names
    assert lacks not in names


def test_table_kind_and_current_filters() -> None:
    entries = report.catalogue_entries()
    assert {profile.kind for profile in report.select(entries, kind="rerank")} == {"rerank"}
    assert all(profile.retired_on is None for profile in report.select(entries, current=True))
    with pytest.raises(SystemExit):
        main(["--kind", "nonsense"])


def test_no_match_is_exit_code_1_and_suggests_a_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--name", "qwen-pluss"]) == 1
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.startswith("No model matches. Did you mean qwen-plus")


def test_unknown_region_is_exit_code_2_with_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit:
        main(["--region", "mars"])
    assert exit.value.code == 2
    assert "Unknown region 'mars'. Known regions: cn-beijing" in capsys.readouterr().err


def test_short_form_of_a_region_is_accepted(capsys: pytest.CaptureFixture[str]) -> None:
    outputs = []
    for region in ("intl", "ap-southeast-1"):
        assert main(["--region", region]) == 0
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1]


def test_json_output_has_what_profiles_have(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--name", "qwen3.7-plus", "--json"]) == 0
    model, *_ = json.loads(capsys.readouterr().out)
    assert model["name"] == "qwen3.7-plus"
    assert model["context_window"] == resolve("qwen3.7-plus").context_window
    assert model["prices"]


@pytest.mark.parametrize("width", [80, 100, 120])
def test_table_fits_a_terminal(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    assert main([]) == 0
    output, errors = capsys.readouterr()
    lines = output.splitlines()
    assert max(map(len, lines)) <= width
    assert lines[0].startswith("model ") and "price in/out" in lines[0]
    assert "--wide" in errors
    main(["--wide"])
    assert "cache" in capsys.readouterr().out.splitlines()[0]


def test_table_as_markdown(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--kind", "translation", "--markdown"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("| model | kind |")
    assert {line.count("|") for line in lines} == {len(report.HEADINGS) + 1}


def test_lowest_price_of_a_region() -> None:
    price = report.lowest_price(resolve("qwen-plus"), "ap-southeast-1")
    assert price is not None
    assert (price.input, price.output, price.up_to_input_tokens) == (2.936, 8.807, 256_000)


def _compatible(ids: list[str]) -> dict[str, Any]:
    return {"object": "list", "data": [{"id": id, "object": "model"} for id in ids]}


def _native(models: list[dict[str, Any]], total: int) -> dict[str, Any]:
    return {"success": True, "output": {"total": total, "models": models}}


def test_compare_without_differences(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "models.json"
    path.write_text(json.dumps(_compatible(list(all_models()))), encoding="utf-8")
    assert main(["--compare", str(path)]) == 0
    assert capsys.readouterr().out == "No difference.\n"


def test_compare_reports_new_and_removed_models(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = [id for id in all_models() if id not in ("qwen-max", "qwq-plus")]
    listed = _compatible([*ids, "qwen3.9-max", "qwen-plus-2027-01-01", "zeta9-large"])
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(listed)))
    assert main(["--compare", "-"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "new      qwen-plus-2027-01-01  (as qwen-plus)",
        "new      qwen3.9-max  (family qwen)",
        "new      zeta9-large  (unknown family)",
        "gone     qwen-max",
        "gone     qwq-plus  (retirement announced for 2026-10-10)",
    ]


def test_compare_reports_changed_limits_from_native_pages(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    info = {"context_window": 32_768, "max_input_tokens": 30_720, "max_output_tokens": 9_000}
    pages = [
        _native([{"model": "qwen-max", "model_info": info}], 3),
        _native([{"model": "qwen-plus", "model_info": {"max_reasoning_tokens": 81_920}}], 3),
    ]
    path = tmp_path / "pages.json"
    path.write_text("\n".join(map(json.dumps, pages)), encoding="utf-8")
    assert main(["--compare", str(path)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "changed  qwen-max  max_output_tokens: 8192 here, 9000 there",
        "The list is one page of several, so nothing is reported as gone.",
    ]
