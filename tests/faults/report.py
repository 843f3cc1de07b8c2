"""Print the fault matrix as a table (``make faults``): ``python -m tests.faults.report [--cells]``."""

import logging
import sys
import time
import warnings
from collections import Counter

from qwen_core.execution import retry
from qwen_emulator import Emulator
from tests.faults.cases import CASES
from tests.faults.matrix import MODES, PROTOCOLS, Kind, cells, run

COLUMNS: tuple[tuple[Kind, str], ...] = (
    ("answer", "right answers"),
    ("error", "right errors"),
    ("loss", "silent losses"),
    ("hang", "hangs"),
    ("wrong", "wrong"),
)


def main() -> int:
    """Run all cells, print the table, and fail if an outcome is wrong."""
    warnings.simplefilter("ignore")
    logging.getLogger("aiohttp").setLevel(logging.CRITICAL)  # disconnecting clients are intended here
    retry.backoff = lambda attempt: 0.0
    counts: dict[tuple[str, str, str], Counter[str]] = {}
    complaints: list[str] = []
    begin = time.monotonic()
    with Emulator() as emulator:
        for case in CASES:
            for cell in cells(case):
                result = run(cell, emulator)
                key = (cell.protocol, cell.mode, cell.surface)
                counts.setdefault(key, Counter()).update([result.kind])
                if result.complaint:
                    complaints.append(f"{cell}: {result.kind}: {result.complaint}")
    print_table(counts)
    everywhere = sum(case.everywhere for case in CASES)
    seconds = time.monotonic() - begin
    print(f"\n{len(CASES)} faults in {seconds:.0f} s; {everywhere} of them through every surface,")
    print("the others, error codes above all, through the core alone, which decides them for all.")
    print(*complaints, sep="\n")
    return 1 if complaints else 0


def print_table(counts: dict[tuple[str, str, str], Counter[str]]) -> None:
    """Print one line per protocol, mode and surface, and the totals."""
    titles = ["protocol", "mode", "surface", "cases", *(title for _, title in COLUMNS)]
    rows = [
        [*key, str(counts[key].total()), *(str(counts[key][kind]) for kind, _ in COLUMNS)]
        for key in (
            (p, mode, surface) for p in PROTOCOLS for mode, surfaces in MODES.items() for surface in surfaces
        )
    ]
    total = sum(counts.values(), Counter())
    rows.append(["all", "", "", str(total.total()), *(str(total[kind]) for kind, _ in COLUMNS)])
    widths = [max(len(row[place]) for row in [titles, *rows]) for place in range(len(titles))]
    for row in [titles, *rows]:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


if __name__ == "__main__":
    sys.exit(main())
