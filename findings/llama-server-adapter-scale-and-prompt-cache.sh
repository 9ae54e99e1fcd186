#!/bin/sh
# llama-server answers from keys and values that another LoRA scale made, after a change of scale.
#
# xllamacpp 2026.10.11549 (llama.cpp 11549; the same with build 11434), one adapter loaded at scale 1, one prompt,
# temperature 0; the most likely token, with its log probability:
#   no lora in the request                     q (-0.0057), cache_n 0
#   lora scale 0                               p (-1.1988), cache_n 0     the cache is dropped, rightly
#   no lora in the request                     n (-0.4047), cache_n 115   should be q
#   no lora in the request, cache_prompt off   q (-0.0057), cache_n 0
#   after POST /lora-adapters with scale 0     q (-0.0048), cache_n 115   should be p
#   the same, cache_prompt off                 p (-1.1988), cache_n 0
# Only a request that names scales has its slot cleared; one that does not takes what lies there, and so does all
# that follows POST /lora-adapters. Whoever compares a model with and without its adapter, or has one client of
# several that sends `lora`, gets answers that belong to neither, and nothing says so but cache_n.
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

random = np.random.default_rng(3)


def weights(*shape):
    return random.standard_normal(shape).astype(np.float32)


def close(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_model(path):
    """One layer of random weights; its output can only be one of 26 letters."""
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *map(chr, range(97, 123))]
    writer = GGUFWriter(path, "llama")
    writer.add_context_length(2048)
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
    writer.add_token_types([2, 3, 3, *[6] * 256, *[1] * 26])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    for name in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"):
        writer.add_tensor(f"blk.0.{name}.weight", weights(64, 64) / 8)
    for name in ("blk.0.attn_norm", "blk.0.ffn_norm", "output_norm"):
        writer.add_tensor(f"{name}.weight", np.ones(64, np.float32))
    output = weights(len(tokens), 64)
    output[:259] = 0
    writer.add_tensor("token_embd.weight", weights(len(tokens), 64))
    writer.add_tensor("output.weight", output)
    close(writer)


def write_adapter(path):
    """A LoRA of rank 4 on the values of attention, which are what the prompt cache holds."""
    writer = GGUFWriter(path, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 4.0)
    writer.add_tensor("blk.0.attn_v.weight.lora_a", weights(4, 64))
    writer.add_tensor("blk.0.attn_v.weight.lora_b", weights(64, 4))
    close(writer)


def ask(path, body):
    data = json.dumps(body).encode()
    request = urllib.request.Request(server.listening_address + path, data, {"content-type": "application/json"})
    with urllib.request.urlopen(request) as reply:
        return json.load(reply)


def next_token(name, **extra):
    body = {"prompt": "abcabcabdkfjgh" * 8, "n_predict": 1, "n_probs": 1, "temperature": 0, **extra}
    reply = ask("/completion", body)
    best = reply["completion_probabilities"][0]
    print(f"{name:42} {best['token']} ({best['logprob']:.4f}), cache_n {reply['timings']['cache_n']}")
    return best["token"]


model, adapter = sys.argv[1], sys.argv[1] + ".lora"
write_model(model)
write_adapter(adapter)
params = xllamacpp.CommonParams()
params.model.path, params.n_ctx, params.port = model, 2048, 0
params.warmup, params.verbosity, params.cpuparams.n_threads = False, 0, 1
lora = xllamacpp.CommonAdapterLoraInfo()
lora.path, lora.scale = adapter, 1.0
params.lora_adapters = [lora]
server = xllamacpp.Server(params)
seen = [
    next_token("no lora in the request"),
    next_token("lora scale 0", lora=[{"id": 0, "scale": 0}]),
    next_token("no lora in the request"),
    next_token("no lora in the request, cache_prompt off", cache_prompt=False),
]
ask("/lora-adapters", [{"id": 0, "scale": 0}])
seen.append(next_token("after POST /lora-adapters with scale 0"))
seen.append(next_token("the same, cache_prompt off", cache_prompt=False))
with_it, without, after, true_after, changed, true_changed = seen
as_seen = (true_after, true_changed) == (with_it, without) and after != with_it and changed != without
sys.stdout.flush()
os._exit(0 if as_seen and with_it != without else 1)  # at once: the server's threads are native
PY
"$folder/venv/bin/python" "$folder/try.py" "$folder/model.gguf"
