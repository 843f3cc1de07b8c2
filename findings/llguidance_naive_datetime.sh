#!/usr/bin/env bash
# llguidance and pydantic: what a model's own pydantic class dumps is refused by the grammar of its own schema.
#
# Expected: a grammar made of a pydantic class accepts the JSON which that class writes.
# Happens: pydantic says "format": "date-time" for every datetime, and llguidance holds that format to RFC 3339, where
#   the offset is required. A time without zone, pydantic's normal output for datetime.now(), cannot be written; the
#   same goes for "format": "time". Guided output is therefore always aware, and comparing it with naive datetimes is a
#   TypeError. A class with a set (uniqueItems) or bytes (format binary) has no grammar at all, though date, uuid and
#   duration do.
# Matters to: users of guided decoding with pydantic (vLLM, SGLang and llama.cpp builds can run llguidance).
# Versions: llguidance 1.9.1, pydantic 2.14.4, Python 3.11. Seen on 2026-11-28:
#   "2026-11-28T10:00:00" refused at its closing quote; with Z accepted.
set -euo pipefail
unset PYTHONPATH
tmp="$(mktemp -d)"
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install --quiet llguidance==1.9.1 pydantic==2.14.4

cat >probe.py <<'PYTHON'
import datetime as dt
import uuid

import llguidance
from pydantic import TypeAdapter

TOKENIZER = llguidance.LLTokenizer("byte")


def verdict(kind, value):
    adapter = TypeAdapter(kind)
    matcher = llguidance.LLMatcher(TOKENIZER, llguidance.LLMatcher.grammar_from_json_schema(adapter.json_schema()))
    if matcher.is_error():
        return "no grammar: " + matcher.get_error().splitlines()[0]
    text = adapter.dump_json(value)
    accepted = matcher.try_consume_tokens(list(text))
    whole = accepted == len(text) and matcher.is_accepting()
    return f"{text.decode()} " + ("accepted" if whole else f"refused after {text[:accepted].decode()}")


now = dt.datetime(2026, 11, 28, 10, 0)
print(verdict(dt.datetime, now))
print(verdict(dt.datetime, now.replace(tzinfo=dt.UTC)))
print(verdict(dt.time, now.time()))
print(verdict(dt.date, now.date()))
print(verdict(dt.timedelta, dt.timedelta(seconds=90)))
print(verdict(uuid.UUID, uuid.UUID(int=1)))
print(verdict(set[int], {1, 2}))
print(verdict(bytes, b"x"))
PYTHON
cat >expected <<'TEXT'
"2026-11-28T10:00:00" refused after "2026-11-28T10:00:00
"2026-11-28T10:00:00Z" accepted
"10:00:00" refused after "10:00:00
"2026-11-28" accepted
"PT1M30S" accepted
"00000000-0000-0000-0000-000000000001" accepted
no grammar: Unimplemented keys: ["uniqueItems"]
no grammar: Unknown format: binary
TEXT
venv/bin/python probe.py | tee seen
diff -u expected seen || {
    echo "llguidance or pydantic treats these formats in another way now." >&2
    exit 1
}
