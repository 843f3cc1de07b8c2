#!/usr/bin/env bash
# lm-format-enforcer: a list without maxItems can never be longer than 20.
#
# Expected: a JSON schema that does not limit an array leaves its length to the model.
# Happens: the parser that decides which characters may come next stops offering a comma after the 20th item. A model
#   under it closes the list there, and the output is valid and looks complete. The same schema with minItems 25 allows
#   25 items: the hidden limit holds only where the schema is silent.
# Matters to: anyone who extracts rows, entities or ids through a server that uses this library for guided decoding.
# Versions: lm-format-enforcer 0.11.3, Python 3.11 (no model needed: the parser is fed the text). Seen on 2026-11-28:
#   21 items without limits: refused after the 20th; 25 items with minItems 25: accepted.
set -euo pipefail
unset PYTHONPATH
tmp="$(mktemp -d)"
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install --quiet lm-format-enforcer==0.11.3

cat >probe.py <<'PYTHON'
import json

from lmformatenforcer import JsonSchemaParser


def verdict(schema, value):
    parser, text = JsonSchemaParser(schema), json.dumps(value, separators=(",", ":"))
    for position, character in enumerate(text):
        if character not in parser.get_allowed_characters():
            return f"refused after {text[:position].count(',') + 1} items, wants one of {wanted(parser)}"
        parser = parser.add_character(character)
    return "accepted" if parser.can_end() else "incomplete"


def wanted(parser):
    return sorted(character for character in set(parser.get_allowed_characters()) if character in ",]")


numbers = {"type": "array", "items": {"type": "integer"}}
words = {"type": "object", "properties": {"names": {"type": "array", "items": {"type": "string"}}}, "required": ["names"]}
print("20 numbers:", verdict(numbers, [1] * 20))
print("21 numbers:", verdict(numbers, [1] * 21))
print("21 names in an object:", verdict(words, {"names": ["x"] * 21}))
print("25 numbers, minItems 25:", verdict(numbers | {"minItems": 25}, [1] * 25))
PYTHON
cat >expected <<'TEXT'
20 numbers: accepted
21 numbers: refused after 20 items, wants one of [']']
21 names in an object: refused after 20 items, wants one of [']']
25 numbers, minItems 25: accepted
TEXT
venv/bin/python probe.py | tee seen
diff -u expected seen || {
    echo "lm-format-enforcer limits arrays in another way now." >&2
    exit 1
}
