"""Models small enough to be written by a find's script: 64 numbers wide, a token for each byte, plus a few words.

The scripts beside this file import it. It needs gguf and numpy, of the versions that the script installs.
"""

from itertools import pairwise

import numpy as np
from gguf import GGUFWriter

PLAIN = """{%- for m in messages %}{{ m.role + ':' + m.content + '\n' }}{%- endfor %}{{ 'assistant>' }}"""

# A template with tools, and what a model that wants to call the tool "one" says.
TOOLS = """
{%- if tools %}Call one of {% for t in tools %}{{ t | tojson }}{%- endfor %} as
<tool_call>
{"name": ..., "arguments": ...}
</tool_call>
{% endif %}
{%- for m in messages %}{{ m.role + ':' + (m.content or '') }}
{%- for c in m.tool_calls or [] %}<tool_call>
{"name": "{{ c.function.name }}", "arguments": {{ c.function.arguments | tojson }}}
</tool_call>{%- endfor %}{{ '\n' }}{%- endfor %}{{ 'assistant>' }}"""
CALL = ["<tool_call>\n", '{"name":▁"one",▁"arguments":▁', '{"x":▁"q"}', "}\n</tool_call>"]

# A template with thinking, the part of it that shows the thoughts of earlier answers, and what the model says.
PAST_THOUGHTS = "{{ '<think>\\n' + m.reasoning_content + '\\n</think>\n\n' }}"
THINKING = """
{%- for m in messages %}
{%- if m.role == 'assistant' %}{{ 'assistant>' }}PAST{{ m.content + '\n' }}
{%- else %}{{ m.role + ':' + m.content + '\n' }}{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{ 'assistant>' }}
{%- if enable_thinking is defined and enable_thinking is false %}{{ '<think>\n\n</think>\n\n' }}{%- endif %}
{%- endif %}""".replace("PAST", PAST_THOUGHTS)
THOUGHTS = ["<think>\n", "Let▁us", "▁see.", "\n</think>\n\n", "Yes,", "▁we", "▁do."]

SQUARES = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
ZEROS = [np.zeros((64, 64), np.float32)] * len(SQUARES)


def begin(path, words, context=4096, architecture="llama", layers=1):
    """A writer that has all but the tensors, and the list of tokens: 3 special ones, 256 bytes, then `words`."""
    single = [f"<0x{byte:02X}>" for byte in range(256)]
    tokens = ["<unk>", "<s>", "</s>", *single, *dict.fromkeys(words)]
    writer = GGUFWriter(path, architecture)
    writer.add_context_length(context)
    writer.add_embedding_length(64)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(64)
    writer.add_head_count(1)
    writer.add_head_count_kv(1)
    writer.add_rope_dimension_count(64)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types([2, 3, 3, *[6] * 256, *[1] * (len(tokens) - 259)])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    return writer, tokens


def add_layer(writer, number=0, squares=ZEROS, more_norms=()):
    """One layer; with zeros for its squares it passes on what it is given."""
    for name, weight in zip(SQUARES, squares, strict=True):
        writer.add_tensor(f"blk.{number}.{name}.weight", weight)
    for name in ("attn_norm", "ffn_norm", *more_norms):
        writer.add_tensor(f"blk.{number}.{name}.weight", np.ones(64, np.float32))


def finish(writer, embedding, output=None):
    """The tensors around the layers, and the file; without `output` the embedding serves as that too."""
    writer.add_tensor("output_norm.weight", np.ones(64, np.float32))
    writer.add_tensor("token_embd.weight", embedding)
    if output is not None:
        writer.add_tensor("output.weight", output)
    close(writer)


def close(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def signs(tokens):
    """An embedding of random signs, so that no token resembles another."""
    return np.random.default_rng(1).choice([-1, 1], (len(tokens), 64)).astype(np.float32)


def write_zeros(path, context=512):
    """A model that llama.cpp loads and that has nothing to say."""
    writer, tokens = begin(path, ["a"], context)
    add_layer(writer)
    zeros = np.zeros((len(tokens), 64), np.float32)
    finish(writer, zeros, zeros)


def write_speaker(path, chain, template, more=(), context=4096):
    """A model whose one layer does nothing: after ">" it says the words of `chain`, whatever was asked.

    `more` has pairs of a byte's letter and the word to say after it.
    """
    writer, tokens = begin(path, chain, context)
    writer.add_chat_template(template)
    embedding = signs(tokens)
    output = np.zeros_like(embedding)
    ids = [3 + ord(">"), *(tokens.index(word) for word in chain), 2]
    pairs = [*pairwise(ids), *((3 + ord(letter), tokens.index(word)) for letter, word in more)]
    for now, then in pairs:
        output[then] += embedding[now] * (30 / 64)
    add_layer(writer)
    finish(writer, embedding, output)


def write_wide(path, width, inner, layers, heads):
    """A model of some size that llama.cpp loads and that has nothing to say: F16, all zeros."""
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "a"]
    writer = GGUFWriter(path, "llama")
    writer.add_context_length(4096)
    writer.add_embedding_length(width)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(inner)
    writer.add_head_count(heads)
    writer.add_head_count_kv(heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types([2, 3, 3, *[6] * 256, 1])
    square, words = np.zeros((width, width), np.float16), np.zeros((len(tokens), width), np.float16)
    up, down = np.zeros((inner, width), np.float16), np.zeros((width, inner), np.float16)
    shapes = {"ffn_gate": up, "ffn_up": up, "ffn_down": down}
    for number in range(layers):
        for name in SQUARES:
            writer.add_tensor(f"blk.{number}.{name}.weight", shapes.get(name, square))
        for name in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"blk.{number}.{name}.weight", np.ones(width, np.float32))
    writer.add_tensor("output_norm.weight", np.ones(width, np.float32))
    writer.add_tensor("token_embd.weight", words)
    writer.add_tensor("output.weight", words)
    close(writer)
