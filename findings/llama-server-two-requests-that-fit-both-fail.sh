#!/bin/sh
# With its default slots llama-server lets two requests that each fit break each other: both end with an error.
#
# xllamacpp 2026.10.11549 (llama.cpp 11549; the same with build 11434). Without -np it has four slots over one shared
# pool of --ctx-size tokens (here n_parallel 4 and kv_unified, which is what -np auto sets), and tells clients that
# each slot has the whole pool. Two chats of 1,000 tokens each that want 600 more, in a pool of 2,048:
#   n_ctx of each slot by /slots              2048
#   each of them alone                        200
#   both at once                              500 "Context size has been exceeded." for both
# Neither is made to wait for the other and neither is cut with finish_reason "length": when the pool is full, all
# that is running fails, in a stream as an error after the first words, and what was read is lost for both.
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
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import xllamacpp
from gguf import GGUFWriter

TEMPLATE = """{%- for m in messages %}{{ m.role + ':' + m.content + '\n' }}{%- endfor %}{{ 'assistant>' }}"""


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
    params.n_ctx, params.n_parallel, params.kv_unified = 2048, 4, True
    return xllamacpp.Server(params)


def ask(path, **body):
    request = urllib.request.Request(
        server.listening_address + path, json.dumps(body).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request) as reply:
        return json.load(reply)


def outcome(letter):
    """Status and message of a chat of 1,000 tokens that wants 600 more."""
    messages = [{"role": "user", "content": letter * 1000}]
    try:
        ask("/v1/chat/completions", messages=messages, max_tokens=600, ignore_eos=True)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)["error"]["message"]
    return 200, ""


write(sys.argv[1], ["Yes,", "▁we", "▁do."], TEMPLATE)
server = serve(sys.argv[1])
with urllib.request.urlopen(server.listening_address + "/slots") as reply:
    print("n_ctx of each slot:", [slot["n_ctx"] for slot in json.load(reply)])
alone = [outcome(letter) for letter in "ab"]
print("each alone:", alone)
with ThreadPoolExecutor() as pool:
    together = list(pool.map(outcome, "cd"))
print("both at once:", together)
sys.stdout.flush()
os._exit(0 if [status for status, _ in [*alone, *together]] == [200, 200, 500, 500] else 1)  # at once: the server's threads are native
PY
"$folder/venv/bin/python" "$folder/try.py" "$folder/model.gguf"
