#!/bin/sh
# llama-server answers that it restored a slot, and then reads the whole prompt again.
#
# A model with a sliding window (gemma3) or a recurrent state: `POST /slots/0?action=restore` says 200 with
# `n_restored` = all tokens, and the next turn of that conversation has `cache_n` 0 ("forcing full prompt
# re-processing due to lack of cache data"). The file holds no context checkpoints. Nothing in the reply says so;
# only `cache_n` of the next request does.
#
# Seen with xllamacpp 2026.9.11063 (llama.cpp 11063), and with llama-server 11434; xllamacpp 2026.10.11549 saves
# checkpoints and reuses nearly all: run here too, for comparison.
# Exits 0 while that is so, 1 when it has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/try.py" <<'PY'
"""`try.py FOLDER write|save|restore`: each in a process of its own."""
import json
import os
import sys
import urllib.request

import numpy as np
import xllamacpp
from gguf import GGUFWriter

folder, step = sys.argv[1:]
PATH = f"{folder}/model.gguf"
TEMPLATE = "{%- for m in messages %}{{ m.role + ':' + m.content + '\\n' }}{%- endfor %}{{ 'assistant>' }}"


def write():
    """A gemma3 of six layers, five with a window of 256 tokens; all weights of its layers are zero."""
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "a"]
    writer = GGUFWriter(PATH, "gemma3")
    writer.add_context_length(8192)
    writer.add_embedding_length(64)
    writer.add_block_count(6)
    writer.add_feed_forward_length(64)
    writer.add_head_count(1)
    writer.add_head_count_kv(1)
    writer.add_key_length(64)
    writer.add_value_length(64)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_sliding_window(256)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types([2, 3, 3, *[6] * 256, 1])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_chat_template(TEMPLATE)
    for layer in range(6):
        for name in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"):
            writer.add_tensor(f"blk.{layer}.{name}.weight", np.zeros((64, 64), np.float32))
        for name in ("attn_norm", "ffn_norm", "post_attention_norm", "post_ffw_norm", "attn_q_norm", "attn_k_norm"):
            writer.add_tensor(f"blk.{layer}.{name}.weight", np.ones(64, np.float32))
    writer.add_tensor("output_norm.weight", np.ones(64, np.float32))
    embedding = np.random.default_rng(1).choice([-1, 1], (len(tokens), 64)).astype(np.float32)
    writer.add_tensor("token_embd.weight", embedding)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def ask(path, **body):
    data = json.dumps(body).encode()
    request = urllib.request.Request(server.listening_address + path, data, {"content-type": "application/json"})
    with urllib.request.urlopen(request) as reply:
        return json.load(reply)


if step == "write":
    write()
    sys.exit()
params = xllamacpp.CommonParams()
params.model.path, params.n_ctx, params.port, params.slot_save_path = PATH, 8192, 0, f"{folder}/"
params.warmup, params.verbosity, params.cpuparams.n_threads = False, 0, 1
server = xllamacpp.Server(params)
asked = {"role": "user", "content": "The horses stand in the paddock and wait for their turn. " * 20}
if step == "save":
    reply = ask("/v1/chat/completions", messages=[asked], max_tokens=1, temperature=0)
    answer = reply["choices"][0]["message"]["content"]
    ask("/slots/0?action=save", filename="slot")
    with open(f"{folder}/answer", "w") as file:
        file.write(answer)
else:
    restored = ask("/slots/0?action=restore", filename="slot")["n_restored"]
    with open(f"{folder}/answer") as file:
        answer = {"role": "assistant", "content": file.read()}
    messages = [asked, answer, {"role": "user", "content": "And then?"}]
    reused = ask("/v1/chat/completions", messages=messages, max_tokens=4)["timings"]["cache_n"]
    print(f"n_restored {restored}; the next turn's cache_n: {reused}")
sys.stdout.flush()
os._exit(0)  # at once: the server's threads are native
PY
for version in 2026.9.11063 2026.10.11549; do
    python3 -m venv --clear "$folder/venv"
    "$folder/venv/bin/pip" install --quiet --disable-pip-version-check xllamacpp==$version gguf==0.19.0
    for step in write save restore; do
        "$folder/venv/bin/python" "$folder/try.py" "$folder" $step
    done > "$folder/$version"
    echo "xllamacpp $version: $(cat "$folder/$version")"
done
grep -q "n_restored [1-9].*cache_n: 0$" "$folder/2026.9.11063"
