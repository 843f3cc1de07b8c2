#!/usr/bin/env bash
# json-repair: of two JSON lines, one may vanish, depending on their keys.
#
# Expected: text that holds several JSON values gives a list of all of them (or an error).
# Happens: two records with the same keys count as one record and its correction: only the last is returned, as a dict.
#   Records with different keys come as a list. So the same code returns a dict or a list, and how many records survive
#   depends on their field names (of four below, two).
# Matters to: anyone who repairs a model's answer that was asked for as JSON Lines, or that holds several tool calls.
# Versions: json-repair 0.64.6, Python 3.11. Seen on 2026-11-28:
#   {"city": "Oslo"} and {"city": "Bergen"}  ->  {'city': 'Bergen'}
set -euo pipefail
unset PYTHONPATH
tmp="$(mktemp -d)"
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install --quiet json-repair==0.64.6

cat >probe.py <<'PYTHON'
import json_repair

same = [{"city": "Oslo"}, {"city": "Bergen"}]
different = [{"city": "Oslo"}, {"city": "Bergen", "country": "NO"}]
import json

for records in (same, different, same + different):
    text = "\n".join(json.dumps(record) for record in records)
    print(len(records), "records ->", json_repair.loads(text))
print("with commas and brackets ->", json_repair.loads(json.dumps(same)))
PYTHON
cat >expected <<'TEXT'
2 records -> {'city': 'Bergen'}
2 records -> [{'city': 'Oslo'}, {'city': 'Bergen', 'country': 'NO'}]
4 records -> [{'city': 'Oslo'}, {'city': 'Bergen', 'country': 'NO'}]
with commas and brackets -> [{'city': 'Oslo'}, {'city': 'Bergen'}]
TEXT
venv/bin/python probe.py | tee seen
diff -u expected seen || {
    echo "json-repair reads JSON lines in another way now." >&2
    exit 1
}
