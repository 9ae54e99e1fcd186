#!/bin/sh
# Three fields of OpenAI's API that change the meaning of a request are taken by llama-server and do nothing.
#
# xllamacpp 2026.10.11549 (llama.cpp 11549; the same with build 11434). All answer 200, nothing is logged.
#   /v1/embeddings    dimensions 8    -> all 64 numbers
#   /v1/completions   suffix "..."    -> prompt_tokens as without it: the model never saw what comes after the gap
#   /v1/completions   echo true, logprobs 1, max_tokens 1   -> no prompt in the text, no logprobs of the prompt
# An index made for 512 of a matryoshka model's numbers gets them all; an editor that completes in the middle by
# `suffix` gets text that ignores the rest of the file (llama-server wants /infill for that); an evaluation that
# scores given answers by the logprobs of its prompt (lm-eval's multiple choice) has nothing to score.
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


def serve(path, **settings):
    params = xllamacpp.CommonParams()
    params.model.path, params.n_ctx, params.port = path, 4096, 0
    params.warmup, params.verbosity, params.cpuparams.n_threads = False, 0, 1
    for name, value in settings.items():
        setattr(params, name, value)
    return xllamacpp.Server(params)


def ask(path, **body):
    request = urllib.request.Request(
        server.listening_address + path, json.dumps(body).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request) as reply:
        return json.load(reply)


write(sys.argv[1], ["Yes,", "▁we", "▁do."], TEMPLATE)
server = serve(sys.argv[1], embedding=True, pooling_type=xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN)
embedding = ask("/v1/embeddings", input="hello", dimensions=8)["data"][0]["embedding"]
print(f"dimensions 8: {len(embedding)} numbers")
server = serve(sys.argv[1])
prompt = "user:hello\nassistant>"
plain, filled, echoed = (
    ask("/v1/completions", prompt=prompt, temperature=0, max_tokens=9, **extra)
    for extra in ({}, {"suffix": " and this comes after"}, {"echo": True, "logprobs": 1})
)
for name, reply in (("plain", plain), ("suffix", filled), ("echo", echoed)):
    print(f"{name}: {reply['choices'][0]['text']!r}, prompt_tokens {reply['usage']['prompt_tokens']}")
tokens = [token["token"] for token in echoed["choices"][0]["logprobs"]["content"]]
print(f"logprobs of {tokens}")
as_seen = len(embedding) == 64 and filled["usage"]["prompt_tokens"] == plain["usage"]["prompt_tokens"]
as_seen = as_seen and "".join(tokens) == echoed["choices"][0]["text"] == "Yes, we do."
sys.stdout.flush()
os._exit(0 if as_seen else 1)  # at once: the server's threads are native
PY
"$folder/venv/bin/python" "$folder/try.py" "$folder/model.gguf"
