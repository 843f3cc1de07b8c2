"""The chart of the results: every ratio against its bound. The one module that imports matplotlib."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

WITHIN, BEYOND, LIMIT = "#4263eb", "#e8590c", "#212529"


def draw(results: Mapping[str, Any], path: Path) -> None:
    """Write the chart as PNG: a bar is the share of its bound that a ratio takes, and the line is the bound."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    bars = [
        (label(row["title"], check), check)
        for row in results["rows"]
        for check in row.get("checks", ())
        if check["against"]
    ][::-1]
    figure, axes = pyplot.subplots(figsize=(12, 0.34 * len(bars) + 1.4))
    places = range(len(bars))
    shares = [check["value"] / check["bound"] for _, check in bars]
    axes.barh(places, shares, color=[WITHIN if check["met"] else BEYOND for _, check in bars])
    axes.set_yticks(places, [name for name, _ in bars])
    for place, share, (_, check) in zip(places, shares, bars, strict=True):
        said = f"{check['value']:.3g}  (at most {check['bound']:g})"
        axes.text(share + 0.02, place, said, va="center", fontsize=8)
    axes.axvline(1, color=LIMIT, linewidth=1)
    axes.set_xlim(0, max([1.0, *shares]) * 1.3)
    axes.set_xlabel("share of the bound")
    where = results["machine"]
    axes.set_title(f"CPU time, ours / theirs. {where['processor']}, Python {where['python']}", fontsize=10)
    axes.tick_params(axis="y", labelsize=8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def label(title: str, check: Mapping[str, Any]) -> str:
    """What a bar is about."""
    compared = f"{check['figure']} / {check['against']}"
    return compared if title == check["figure"] else f"{title.removesuffix(', per chunk')}: {compared}"
