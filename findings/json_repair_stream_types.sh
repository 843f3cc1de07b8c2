#!/usr/bin/env bash
# json-repair, streaming: an object that is still arriving is a dict, then a list, then a dict again.
#
# Expected: with stream_stable=True, made for text that is still growing, each prefix of an object parses as a dict
#   that only gains keys.
# Happens: while a key is arriving, the object so far is returned as a list with the piece of that key in it, also for
#   a later key of a nested object where the outer type stays. Code that does .get() on every prefix fails, or sees
#   keys vanish, at moments that depend on where the network cuts.
# Matters to: anyone who shows structured output or tool arguments while they stream.
# Versions: json-repair 0.64.6, Python 3.11. Seen on 2026-11-28: types of the prefixes of {"city": "Oslo"}: see below.
set -euo pipefail
unset PYTHONPATH
tmp="$(mktemp -d)"
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install --quiet json-repair==0.64.6

cat >probe.py <<'PYTHON'
from itertools import groupby

import json_repair

whole = '{"city": "Oslo"}'
values = [json_repair.loads(whole[:end], stream_stable=True) for end in range(1, len(whole) + 1)]
print([(kind, len(list(run))) for kind, run in groupby(type(value).__name__ for value in values)])
for end in (1, 4, 7, 8, 12):
    print(whole[:end], "->", json_repair.loads(whole[:end], stream_stable=True))
PYTHON
cat >expected <<'TEXT'
[('dict', 2), ('list', 5), ('dict', 9)]
{ -> {}
{"ci -> ['ci']
{"city" -> ['city']
{"city": -> {'city': ''}
{"city": "Os -> {'city': 'Os'}
TEXT
venv/bin/python probe.py | tee seen
diff -u expected seen || {
    echo "json-repair gives other types for the prefixes of an object." >&2
    exit 1
}
