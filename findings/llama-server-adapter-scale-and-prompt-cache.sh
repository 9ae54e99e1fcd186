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
PYTHONPATH=$(dirname "$0") "$folder/venv/bin/python" -B - "$folder/model.gguf" <<'PY'
import sys

import numpy as np
import xllamacpp
from gguf import GGUFWriter
from tiny_model import SQUARES, add_layer, begin, close, finish
from tiny_server import ask, leave, send, serve

random = np.random.default_rng(3)


def weights(*shape):
    return random.standard_normal(shape).astype(np.float32)


def write_model(path):
    """One layer of random weights; its output can only be one of 26 letters."""
    writer, tokens = begin(path, map(chr, range(97, 123)), context=2048)
    add_layer(writer, squares=[weights(64, 64) / 8 for _ in SQUARES])
    output = weights(len(tokens), 64)
    output[:259] = 0
    finish(writer, weights(len(tokens), 64), output)


def write_adapter(path):
    """A LoRA of rank 4 on the values of attention, which are what the prompt cache holds."""
    writer = GGUFWriter(path, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 4.0)
    writer.add_tensor("blk.0.attn_v.weight.lora_a", weights(4, 64))
    writer.add_tensor("blk.0.attn_v.weight.lora_b", weights(64, 4))
    close(writer)


def next_token(name, **extra):
    body = {"prompt": "abcabcabdkfjgh" * 8, "n_predict": 1, "n_probs": 1, "temperature": 0, **extra}
    reply = ask(server + "/completion", **body)
    best = reply["completion_probabilities"][0]
    print(f"{name:42} {best['token']} ({best['logprob']:.4f}), cache_n {reply['timings']['cache_n']}")
    return best["token"]


model, adapter = sys.argv[1], sys.argv[1] + ".lora"
write_model(model)
write_adapter(adapter)
lora = xllamacpp.CommonAdapterLoraInfo()
lora.path, lora.scale = adapter, 1.0
server = serve(model, n_ctx=2048, lora_adapters=[lora])
seen = [
    next_token("no lora in the request"),
    next_token("lora scale 0", lora=[{"id": 0, "scale": 0}]),
    next_token("no lora in the request"),
    next_token("no lora in the request, cache_prompt off", cache_prompt=False),
]
send(server + "/lora-adapters", [{"id": 0, "scale": 0}]).close()
seen.append(next_token("after POST /lora-adapters with scale 0"))
seen.append(next_token("the same, cache_prompt off", cache_prompt=False))
with_it, without, after, true_after, changed, true_changed = seen
as_seen = (true_after, true_changed) == (with_it, without) and after != with_it and changed != without
leave(as_seen and with_it != without)
PY
