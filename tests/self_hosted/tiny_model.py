"""Write a Qwen3 model of 300 kB with random weights as a GGUF file: it generates nonsense."""

from pathlib import Path
from typing import Any

CONTEXT = 1024
WIDTH, HIDDEN, HEADS = 64, 128, 2

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>", "<tool_call>", "</tool_call>")
CALL_MARK, END_MARK = (str(256 + SPECIAL.index(mark)) for mark in ("<tool_call>", "<|im_end|>"))
"""Their token ids."""

# Qwen3's chat template, reduced to what is tested: roles, tools, calls, results, enable_thinking.
TEMPLATE = """\
{%- if tools -%}
<|im_start|>system
# Tools

You are provided with function signatures within <tools></tools> XML tags:
<tools>{% for tool in tools %}
{{ tool | tojson }}{% endfor %}
</tools>

For each function call, return a json object with function name and arguments within <tool_call></tool_call> tags:
<tool_call>
{"name": <function-name>, "arguments": <args-json-object>}
</tool_call><|im_end|>
{% endif -%}
{%- for message in messages -%}
{%- if message.role == "tool" -%}
<|im_start|>user
<tool_response>
{{ message.content }}
</tool_response><|im_end|>
{% else -%}
<|im_start|>{{ message.role }}
{{ message.content }}
{%- for call in message.tool_calls or [] %}
<tool_call>
{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}
</tool_call>
{%- endfor -%}
<|im_end|>
{% endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
<|im_start|>assistant
{% if enable_thinking is defined and enable_thinking is false -%}
<think>

</think>

{% endif -%}
{%- endif -%}
"""


def byte_letters() -> list[str]:
    """Return a printable letter for each byte, as byte-level vocabularies use them."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    letters = {byte: chr(byte) for byte in printable}
    letters.update({byte: chr(256 + place) for place, byte in enumerate(others)})
    return [letters[byte] for byte in range(256)]


def write_tiny_model(path: Path) -> None:
    """Write the deterministic file. Its vocabulary is the bytes and Qwen's special tokens."""
    import gguf
    import numpy as np

    random = np.random.default_rng(0)
    vocabulary = [*byte_letters(), *SPECIAL]
    kinds = [gguf.TokenType.NORMAL] * 256 + [gguf.TokenType.CONTROL] * 3 + [gguf.TokenType.USER_DEFINED] * 4
    writer: Any = gguf.GGUFWriter(path, "qwen3")
    writer.add_context_length(2 * CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_key_length(WIDTH // HEADS)
    writer.add_value_length(WIDTH // HEADS)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(10_000.0)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(vocabulary)
    writer.add_token_types(kinds)
    writer.add_token_merges(["a b"])
    writer.add_bos_token_id(256)
    writer.add_eos_token_id(258)
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)

    def draw(*shape: int) -> Any:
        return (random.standard_normal(shape) * 0.1).astype(np.float32)

    def add(name: str, *shape: int) -> None:
        writer.add_tensor(f"{name}.weight", draw(*shape) if len(shape) > 1 else np.ones(shape, np.float32))

    # The weights encode two rules: write ASCII without partial characters and special tokens; and, in the last
    # column, which no layer writes to, a line break follows the tool call token.
    embedding, output = draw(len(vocabulary), WIDTH), draw(len(vocabulary), WIDTH)
    output[127:] = 0
    embedding[:, -1] = output[:, -1] = 0
    embedding[int(CALL_MARK), -1] = output[ord("\n"), -1] = 100
    writer.add_tensor("token_embd.weight", embedding)
    writer.add_tensor("output.weight", output)
    add("output_norm", WIDTH)
    for norm, size in (("attn_norm", WIDTH), ("ffn_norm", WIDTH)):
        add(f"blk.0.{norm}", size)
    for norm in ("attn_q_norm", "attn_k_norm"):
        add(f"blk.0.{norm}", WIDTH // HEADS)
    for matrix in ("attn_q", "attn_k", "attn_v"):
        add(f"blk.0.{matrix}", WIDTH, WIDTH)
    add("blk.0.ffn_gate", HIDDEN, WIDTH)
    add("blk.0.ffn_up", HIDDEN, WIDTH)
    for matrix, columns in (("attn_output", WIDTH), ("ffn_down", HIDDEN)):
        written = draw(WIDTH, columns)
        written[-1] = 0
        writer.add_tensor(f"blk.0.{matrix}.weight", written)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
