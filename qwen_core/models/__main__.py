"""Print the catalogue as a table, or compare it with the service's list: ``python -m qwen_core.models``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

from qwen_core.models import report
from qwen_core.models.profile import Kind


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table or the comparison. Return 1 if the comparison finds a difference, as ``diff`` does."""
    options = _parser().parse_args(arguments)
    if options.compare:
        lines = list(report.compare(_documents(_read(options.compare))).lines())
        print("\n".join(lines) or "No difference.")
        return 1 if lines else 0
    selected = report.select(
        report.catalogue_entries(),
        capabilities=options.capability,
        kind=options.kind,
        region=options.region,
        max_price=options.max_price,
        current=options.current,
        name=options.name,
    )
    table = [report.HEADINGS, *report.rows(selected, options.region)]
    print(report.markdown(table) if options.markdown else report.aligned(table))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m qwen_core.models",
        description="The models in the catalogue. Prices are per million tokens, lowest tier.",
    )
    parser.add_argument(
        "--capability",
        action="append",
        default=[],
        choices=sorted(report.CAPABILITIES),
        help="only models with this capability; may be repeated",
    )
    parser.add_argument("--name", default="", metavar="TEXT", help="only models with this in their id")
    parser.add_argument("--kind", choices=get_args(Kind), help="only models of this kind")
    parser.add_argument("--region", help="only models of this region, with its prices (e.g. cn-beijing)")
    parser.add_argument("--max-price", type=float, help="highest price of a million input tokens")
    parser.add_argument("--current", action="store_true", help="exclude models with an announced retirement date")
    parser.add_argument("--markdown", action="store_true", help="print a Markdown table")
    parser.add_argument(
        "--compare",
        metavar="FILE",
        help="compare with a model list of the service, the JSON of GET /compatible-mode/v1/models or of the "
        "pages of GET /api/v1/models one after another; - reads standard input",
    )
    return parser


def _read(name: str) -> str:
    return sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")


def _documents(text: str) -> Iterator[Any]:
    """Yield the JSON documents that follow one another in a text."""
    decoder, position, text = json.JSONDecoder(), 0, text.strip()
    while position < len(text):
        document, position = decoder.raw_decode(text, position)
        yield document
        position += len(text[position:]) - len(text[position:].lstrip())


if __name__ == "__main__":
    sys.exit(main())
