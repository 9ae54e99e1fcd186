#!/bin/sh
# A stop word that occurs in the reasoning ends llama-server's reply before the answer begins.
#
# xllamacpp 2026.10.11549 (llama.cpp 11549; the same with build 11434), /v1/chat/completions and a model that thinks:
#   no stop          reasoning "Let us see.", content "Yes, we do."
#   stop ["see"]     reasoning "Let us ",     content "", finish_reason "stop"
#   stop ["\n\n"]   reasoning "Let us see.", content "", finish_reason "stop"
# Stop words are compared with all raw text, the tags around the reasoning included: "</think>" and the blank
# lines after it end what had a stop of a blank line, as one-paragraph prompts and completion tools send it. The
# client, who sees reasoning and answer apart, gets a finished reply without one.
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


def write(path, chain, template):
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
    for now, then in zip(ids, ids[1:]):
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


write(sys.argv[1], CHAIN, TEMPLATE.replace("PAST", PAST))
server = serve(sys.argv[1])
seen = []
for stop in ([], ["see"], ["\n\n"]):
    messages = [{"role": "user", "content": "hello"}]
    reply = ask("/v1/chat/completions", messages=messages, temperature=0, max_tokens=20, stop=stop)
    choice = reply["choices"][0]
    seen.append(choice["message"]["content"])
    print(f"stop {stop}: finish_reason {choice['finish_reason']}, {choice['message']}")
sys.stdout.flush()
os._exit(0 if seen == ["Yes, we do.", "", ""] else 1)  # at once: the server's threads are native
PY
"$folder/venv/bin/python" "$folder/try.py" "$folder/model.gguf"
