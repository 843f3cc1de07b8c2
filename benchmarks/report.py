"""From samples to figures, verdicts, ``results.json`` and the table. No measuring here."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.environments import ENVIRONMENTS, machine, versions
from benchmarks.measure import Sample, Subject
from benchmarks.rows import SCALES, Check, Row

MICRO = 1e6


def row_result(row: Row, samples: Mapping[Subject, list[Sample]]) -> dict[str, Any]:
    """A row's figures and verdicts, as they stand in ``results.json``."""
    totals = {
        figure.name: median(sample[figure.metric] for sample in samples[figure.subject]) for figure in row.figures
    }
    figures: dict[str, float] = {}
    for figure in row.figures:
        total = totals[figure.name] - (totals[figure.above] if figure.above else 0.0)
        figures[figure.name] = round(total / figure.divided_by * SCALES[row.unit], 3)
    return {
        "title": row.title,
        "unit": row.unit,
        "figures": figures,
        "checks": [verdict(check, figures) for check in row.checks],
        "samples": {
            figure.name: [round(sample[figure.metric] * MICRO) for sample in samples[figure.subject]]
            for figure in row.figures
        },
    }


def verdict(check: Check, figures: Mapping[str, float]) -> dict[str, Any]:
    """One ratio against its bound."""
    value = figures[check.figure] / figures[check.against] if check.against else figures[check.figure]
    return {
        "figure": check.figure,
        "against": check.against,
        "value": round(value, 3),
        "bound": check.bound,
        "met": value <= check.bound,
    }


def not_measured(row: Row, why: str) -> dict[str, Any]:
    """A row that could not be run."""
    return {"title": row.title, "unit": row.unit, "not_measured": why}


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Everything, with the machine and the versions that it holds for."""
    return {
        "machine": machine(),
        "versions": {environment: versions(environment) for environment in ENVIRONMENTS},
        "rows": rows,
    }


def write(results: Mapping[str, Any], path: Path) -> None:
    """Write ``results.json``. Samples are in microseconds, or in bytes times a million where they are memory."""
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")


def table(results: Mapping[str, Any]) -> Iterator[str]:
    """The table's lines, then what was missed."""
    where = results["machine"]
    yield f"{where['processor']}, {where['cores']} cores, Python {where['python']}, commit {where['commit']}"
    for environment, found in results["versions"].items():
        yield f"{environment}: {', '.join(f'{name} {version}' for name, version in found.items())}"
    missed: list[str] = []
    for row in results["rows"]:
        yield ""
        yield from row_lines(row)
        missed += [f"{row['title']}: {ratio(check)}" for check in row.get("checks", ()) if not check["met"]]
    unmeasured = [row["title"] for row in results["rows"] if "not_measured" in row]
    yield ""
    yield f"{len(missed)} missed, {len(unmeasured)} not measured"
    yield from (f"MISSED {line}" for line in missed)
    yield from (f"NOT MEASURED {title}" for title in unmeasured)


def row_lines(row: Mapping[str, Any]) -> Iterator[str]:
    """One row: its title, its figures, its verdicts."""
    yield row["title"]
    if "not_measured" in row:
        yield f"    not measured: {row['not_measured']}"
        return
    figures = (f"{name} {value:,.4g} {row['unit']}".rstrip() for name, value in row["figures"].items())
    yield f"    {'; '.join(figures)}"
    for check in row["checks"]:
        yield f"    {'met   ' if check['met'] else 'MISSED'}  {ratio(check)}"


def ratio(check: Mapping[str, Any]) -> str:
    """A ratio and its bound in words."""
    if not check["against"]:
        return f"{check['figure']}: {check['value']:.3g}, at most {check['bound']:g}"
    return f"{check['figure']}: {check['value']:.3g} x {check['against']}, at most {check['bound']:g}"
