#!/usr/bin/env bash
# jiter, partial mode: half a string is left out, half a number is not.
#
# Expected: from_json(..., partial_mode=True) is described as dropping a last value that is incomplete, so a prefix of
#   a tool call's arguments holds finished values only.
# Happens: only strings (and true, false, null) are held back. A number is returned as far as it has arrived, and
#   nothing tells it from a finished one: 1250 is seen as 1, 12 and 125 first. pydantic's
#   experimental_allow_partial validates on top of this parser and hands the same numbers out as valid.
# Matters to: anyone who shows, checks or runs tool calls while they stream, or reads one that max_tokens cut.
# Versions: jiter 0.19.0, pydantic 2.14.4, Python 3.11. Seen on 2026-11-28:
#   {"to": "Ann", "amount": 12  ->  amount 12, though "An" alone is not returned.
set -euo pipefail
unset PYTHONPATH
tmp="$(mktemp -d)"
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install --quiet jiter==0.19.0 pydantic==2.14.4

cat >probe.py <<'PYTHON'
import jiter
from pydantic import TypeAdapter
from typing_extensions import TypedDict


class Transfer(TypedDict, total=False):
    to: str
    amount: int


whole = '{"to": "Ann", "amount": 1250, "urgent": true}'
adapter = TypeAdapter(Transfer)
for end in (10, 25, 26, 27, 28, 41):
    prefix = whole[:end]
    parsed = jiter.from_json(prefix.encode(), partial_mode=True)
    validated = adapter.validate_json(prefix, experimental_allow_partial=True)
    print(f"{prefix}  ->  {parsed}  {validated}")
PYTHON
cat >expected <<'TEXT'
{"to": "An  ->  {}  {}
{"to": "Ann", "amount": 1  ->  {'to': 'Ann', 'amount': 1}  {'to': 'Ann', 'amount': 1}
{"to": "Ann", "amount": 12  ->  {'to': 'Ann', 'amount': 12}  {'to': 'Ann', 'amount': 12}
{"to": "Ann", "amount": 125  ->  {'to': 'Ann', 'amount': 125}  {'to': 'Ann', 'amount': 125}
{"to": "Ann", "amount": 1250  ->  {'to': 'Ann', 'amount': 1250}  {'to': 'Ann', 'amount': 1250}
{"to": "Ann", "amount": 1250, "urgent": t  ->  {'to': 'Ann', 'amount': 1250}  {'to': 'Ann', 'amount': 1250}
TEXT
venv/bin/python probe.py | tee seen
diff -u expected seen || {
    echo "jiter no longer returns half a number as a value, or returns half a string." >&2
    exit 1
}
