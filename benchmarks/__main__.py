"""``python -m benchmarks [words]``: measure all rows, or those whose title holds all of the words."""

import sys
from pathlib import Path

from benchmarks.chart import draw
from benchmarks.measure import NotMeasuredError, Server, serving, take_turns
from benchmarks.report import not_measured, row_lines, row_result, summary, table, write
from benchmarks.rows import Row, all_rows

HERE = Path(__file__).parent


def measure_row(row: Row, server: Server) -> dict[str, object]:
    """One row's results, or why there are none."""
    subjects = list(dict.fromkeys(figure.subject for figure in row.figures))
    try:
        return row_result(row, take_turns(subjects, server, row.rounds))
    except NotMeasuredError as error:
        return not_measured(row, str(error))


def main(words: list[str]) -> None:
    """Measure, show, and, where all was measured, write the files."""
    rows = [row for row in all_rows() if all(word in row.title for word in words)]
    results = []
    with serving() as server:
        for number, row in enumerate(rows, 1):
            results.append(measure_row(row, server))
            print(f"[{number}/{len(rows)}]", *row_lines(results[-1]), sep="\n", flush=True)
    if words:
        return
    found = summary(results)
    write(found, HERE / "results.json")
    draw(found, HERE / "results.png")
    print("\n", *table(found), sep="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
