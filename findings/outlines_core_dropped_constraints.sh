#!/usr/bin/env bash
# outlines-core: a pattern stops counting as soon as a length stands beside it, and number limits never count.
#
# Expected: constraints of a JSON schema either bind the output or are refused; others of this library are (an unknown
#   format is a ValueError).
# Happens: pattern alone binds. pattern with minLength or maxLength becomes "any characters of that length", without a
#   warning. minimum, maximum and multipleOf have no effect at all.
# Matters to: pydantic users of guided decoding: Field(pattern=..., max_length=...) on a code or an id, ge and le on
#   numbers. pydantic still refuses the output afterwards, so it shows as a validation error after a paid call.
# Versions: outlines-core 0.2.14, Python 3.11. Seen on 2026-11-28: see below.
set -euo pipefail
unset PYTHONPATH
tmp="$(mktemp -d)"
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install --quiet outlines-core==0.2.14

cat >probe.py <<'PYTHON'
import json
import re

from outlines_core.json_schema import build_regex_from_schema


def allows(text, **schema):
    return bool(re.fullmatch(build_regex_from_schema(json.dumps(schema)), text))


print("pattern alone, letters:", allows('"ab"', type="string", pattern="^[0-9]+$"))
print("pattern alone, digits:", allows('"12"', type="string", pattern="^[0-9]+$"))
print("pattern and maxLength, letters:", allows('"ab"', type="string", pattern="^[0-9]+$", maxLength=4))
print("maxLength, too long:", allows('"abcde"', type="string", pattern="^[0-9]+$", maxLength=4))
print("above maximum:", allows("99", type="integer", minimum=1, maximum=5))
print("not a multiple of 5:", allows("7", type="integer", multipleOf=5))
try:
    allows('"x"', type="string", format="binary")
except ValueError as error:
    print("unknown format:", error)
PYTHON
cat >expected <<'TEXT'
pattern alone, letters: False
pattern alone, digits: True
pattern and maxLength, letters: True
maxLength, too long: False
above maximum: True
not a multiple of 5: True
unknown format: Format binary is not supported by Outlines
TEXT
venv/bin/python probe.py | tee seen
diff -u expected seen || {
    echo "outlines-core binds other constraints now." >&2
    exit 1
}
