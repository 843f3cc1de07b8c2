"""The chart of the results: what each work costs, with us and with others. The one module with matplotlib."""

from collections.abc import Mapping
from pathlib import Path
from textwrap import fill
from typing import Any

OURS, THEIRS, BEYOND, LIMIT = "#4263eb", "#ced4da", "#e8590c", "#212529"
OUR_NAMES = ("ChatQwen", "Qwen", "from langchain_qwen", "from llama_index_qwen")
COLUMNS = 4
TITLE_HEIGHT, BAR_HEIGHT = 0.7, 0.36
"""In inches."""


def draw(results: Mapping[str, Any], path: Path) -> None:
    """Write the chart as PNG: a panel for each row that compares us with others, and a mark at our bounds."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows = [row for row in results["rows"] if compares(row)]
    lines = [rows[start : start + COLUMNS] for start in range(0, len(rows), COLUMNS)]
    most = [max(len(row["figures"]) for row in line) for line in lines]
    heights = [TITLE_HEIGHT + BAR_HEIGHT * bars for bars in most]
    figure, grid = pyplot.subplots(
        len(lines), COLUMNS, figsize=(16, sum(heights) + 0.5), height_ratios=heights, squeeze=False
    )
    for line, bars, panels in zip(lines, most, grid, strict=True):
        for axes in panels:
            axes.axis("off")
        for axes, row in zip(panels, line, strict=False):
            draw_row(axes, row, bars)
    where = results["machine"]
    figure.suptitle(
        "CPU time (memory where said so), less is better; a mark is the bound; floor: the framework alone.  "
        f"{where['processor']}, {where['cores']} cores, Python {where['python']}",
        fontsize=11,
    )
    figure.tight_layout(rect=(0, 0, 1, 0.99))
    figure.savefig(path, dpi=100)
    pyplot.close(figure)


def is_ours(name: str) -> bool:
    """Whether a figure is of this package."""
    return name.startswith(OUR_NAMES)


def compares(row: Mapping[str, Any]) -> bool:
    """Whether a row has figures of us and of others. Rows on what grows measure us against ourselves."""
    names = row.get("figures", {})
    both = any(map(is_ours, names)) and not all(map(is_ours, names))
    return both and not any(is_ours(check["against"]) for check in row["checks"])


def draw_row(axes: Any, row: Mapping[str, Any], bars: int) -> None:
    """One panel with room for so many bars: one for each figure, the name above it and the value behind it."""
    figures: dict[str, float] = row["figures"]
    longest = max(figures.values())
    for place, (name, value) in enumerate(figures.items()):
        checks = [check for check in row["checks"] if check["figure"] == name]
        missed = not all(check["met"] for check in checks)
        axes.barh(-place, value, height=0.4, color=BEYOND if missed else OURS if is_ours(name) else THEIRS)
        axes.text(0, 0.24 - place, name, fontsize=8, va="bottom")
        limits = [check["bound"] * figures.get(check["against"], 1) for check in checks]
        for limit in limits:
            axes.plot([limit, limit], [-0.27 - place, 0.27 - place], color=LIMIT, linewidth=1.2)
        end = max([value, *(limit for limit in limits if limit < 1.2 * longest)]) + 0.02 * longest
        axes.text(end, -place, f"{in_words(value)} {row['unit']}", fontsize=8, va="center")
    axes.set_xlim(0, longest * 1.3)
    axes.set_ylim(0.6 - bars, 0.6)
    axes.set_title(fill(row["title"], 44), fontsize=9, loc="left", fontweight="bold")


def in_words(value: float) -> str:
    """Three digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
