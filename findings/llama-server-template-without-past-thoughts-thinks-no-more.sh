#!/bin/sh
# A chat template that leaves the thoughts of past turns out has thinking switched off by llama-server.
#
# xllamacpp 2026.10.11549 (llama.cpp 11549; the same with build 11434). Two templates, both with the usual
# `{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>{% endif %}`, asked alike:
#   one that renders the reasoning_content of earlier answers    -> the model thinks
#   the same without that part                                   -> the prompt ends with an empty <think></think>
# llama-server looks for a rendered reasoning_content to learn whether the model can think; where it finds none, it
# passes enable_thinking = false, which the template then obeys. Whoever shortens a template to save context (past
# thoughts are what one cuts) has a model that answers worse and is told nothing; chat_template_kwargs
# {"enable_thinking": true} brings the thoughts back, as plain text within the content.
# Exits 0 while that is so, 1 when it has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check xllamacpp==2026.10.11549 gguf==0.19.0
cat > "$folder/try.py" <<'PY'
import json
import os
import sys
import urllib.request

import numpy as np
import xllamacpp
from gguf import GGUFWriter

TEMPLATE = """
{%- for m in messages %}
{%- if m.role == 'assistant' %}{{ 'assistant>' }}PAST{{ m.content + '\n' }}
{%- else %}{{ m.role + ':' + m.content + '\n' }}{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{ 'assistant>' }}
{%- if enable_thinking is defined and enable_thinking is false %}{{ '<think>\n\n</think>\n\n' }}{%- endif %}
{%- endif %}"""
PAST = "{{ '<think>\\n' + m.reasoning_content + '\\n</think>\n\n' }}"
CHAIN = ["<think>\n", "Let▁us", "▁see.", "\n</think>\n\n", "Yes,", "▁we", "▁do."]


def write(path, chain, template, more=()):
    """A model whose one layer does nothing: after ">" it says the words of `chain`, whatever was asked."""
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *dict.fromkeys(chain)]
    writer = GGUFWriter(path, "llama")
    writer.add_context_length(4096)
    writer.add_embedding_length(64)
    writer.add_block_count(1)
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
    writer.add_chat_template(template)
    embedding = np.random.default_rng(1).choice([-1, 1], (len(tokens), 64)).astype(np.float32)
    output = np.zeros_like(embedding)
    ids = [3 + ord(">"), *(tokens.index(word) for word in chain), 2]
    for now, then in (*zip(ids, ids[1:]), *((3 + ord(a), tokens.index(b)) for a, b in more)):
        output[then] += embedding[now] * (30 / 64)
    for name in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"):
        writer.add_tensor(f"blk.0.{name}.weight", np.zeros((64, 64), np.float32))
    for name in ("blk.0.attn_norm", "blk.0.ffn_norm", "output_norm"):
        writer.add_tensor(f"{name}.weight", np.ones(64, np.float32))
    writer.add_tensor("token_embd.weight", embedding)
    writer.add_tensor("output.weight", output)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def serve(path):
    params = xllamacpp.CommonParams()
    params.model.path, params.n_ctx, params.port = path, 4096, 0
    params.warmup, params.verbosity, params.cpuparams.n_threads = False, 0, 1
    return xllamacpp.Server(params)


def ask(path, **body):
    request = urllib.request.Request(
        server.listening_address + path, json.dumps(body).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request) as reply:
        return json.load(reply)


seen = []
for name, past in (("with past thoughts", PAST), ("without", "")):
    write(sys.argv[1], CHAIN, TEMPLATE.replace("PAST", past), more=[("\n", "Yes,")])
    server = serve(sys.argv[1])
    messages = [{"role": "user", "content": "hello"}]
    prompt = ask("/apply-template", messages=messages)["prompt"]
    reply = ask("/v1/chat/completions", messages=messages, max_tokens=20, temperature=0)
    message = reply["choices"][0]["message"]
    seen.append((prompt.endswith("assistant>"), "reasoning_content" in message))
    print(f"template {name}: prompt {prompt!r}, reply {message}")
forced = ask(
    "/v1/chat/completions", messages=messages, max_tokens=20, temperature=0,
    chat_template_kwargs={"enable_thinking": True},
)["choices"][0]["message"]  # fmt: skip
print(f"and with enable_thinking true: {forced}")
seen.append("<think>" in forced["content"])
sys.stdout.flush()
os._exit(0 if seen == [(True, True), (False, False), True] else 1)  # at once: the server's threads are native
PY
"$folder/venv/bin/python" "$folder/try.py" "$folder/model.gguf"
