"""The command ``qwen-models``, or ``python -m qwen_core.models``.

Print the catalogue as a table or as JSON, or compare it with the service's list.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

import msgspec

from qwen_core.config.endpoints import resolve_region
from qwen_core.models import report
from qwen_core.models.price_list import CNY_PER_USD, compare_price_list
from qwen_core.models.profile import Kind
from qwen_core.types.errors import UnsupportedFeatureError


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what was asked for and return the exit code.

    1 if no model matches or, as ``diff`` does, if the comparison finds a difference; 2 for invalid arguments.
    """
    options = _parser().parse_args(arguments)
    if options.compare:
        return _compare(options.compare, as_json=options.json)
    entries = report.catalogue_entries()
    if options.check:
        table = json.loads(_read(options.check))
        found = [discrepancy.line() for discrepancy in compare_price_list(table, options.cny_per_usd)]
        print("\n".join(found) or "No difference.")
        return 1 if found else 0
    selected = report.select(
        entries,
        capabilities=options.capability,
        kind=options.kind,
        region=options.region,
        max_price=options.max_price,
        current=options.current,
        name=options.name,
    )
    if not selected:
        names = [profile.name for profile in entries]
        close = get_close_matches(options.name.casefold(), names, n=3) if options.name else []
        hint = f" Did you mean {' or '.join(close)}?" if close else ""
        print(f"No model matches.{hint}", file=sys.stderr)
        return 1
    if options.json:
        print(_json(selected))
        return 0
    table = [report.HEADINGS, *report.rows(selected, options.region)]
    if options.markdown:
        print(report.markdown(table))
        return 0
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() and not options.wide else None
    fitting, omitted = report.fit(table, width)
    print(report.aligned(fitting))
    if omitted:
        print(f"Columns left out to fit {width} characters: {', '.join(omitted)}. Use --wide.", file=sys.stderr)
    return 0


def _compare(name: str, *, as_json: bool) -> int:
    difference = report.compare(_documents(_read(name)))
    lines = list(difference.lines())
    print(_json(difference) if as_json else "\n".join(lines) or "No difference.")
    return 1 if lines else 0


def _json(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def _region(name: str) -> str:
    """Return the region's full name, for argparse."""
    try:
        return resolve_region(name)
    except UnsupportedFeatureError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="qwen-models",
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
    parser.add_argument(
        "--region", type=_region, help="only models of this region, with its prices (e.g. cn-beijing, or intl)"
    )
    parser.add_argument("--max-price", type=float, help="highest price of a million input tokens")
    parser.add_argument("--current", action="store_true", help="exclude models with an announced retirement date")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--markdown", action="store_true", help="print a Markdown table")
    form.add_argument("--json", action="store_true", help="print JSON: all that is known, or the comparison")
    form.add_argument("--wide", action="store_true", help="print all columns, also in a narrow terminal")
    parser.add_argument(
        "--compare",
        metavar="FILE",
        help="compare with a model list of the service, the JSON of GET /compatible-mode/v1/models or of the "
        "pages of GET /api/v1/models one after another; - reads standard input",
    )
    parser.add_argument(
        "--check",
        metavar="FILE",
        help="compare with an independent table of models and prices, in the form of litellm's price list; - "
        "reads standard input",
    )
    parser.add_argument(
        "--cny-per-usd",
        type=float,
        default=CNY_PER_USD,
        help=f"exchange rate for --check (default: {CNY_PER_USD})",
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
