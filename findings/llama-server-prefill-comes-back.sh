#!/bin/sh
# llama-server repeats a prefilled answer in its reply, unless one streams.
#
# xllamacpp 2026.10.11549 (llama.cpp 11549). The last message is an assistant's, "sta"; the model goes on with "ble".
#   /v1/chat/completions, /v1/messages, not streamed    "stable"
#   /v1/chat/completions, /v1/messages, streamed        "ble"
# Anthropic's API, where prefilling comes from, replies with the continuation alone, and so do programs that put
# prefill and reply together: they now have "stastable", and only where they do not stream. The token count is
# that of the continuation. (Build 11434 repeated it in streams as well.)
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


def streamed(path, **body):
    """The text of all deltas of a stream, OpenAI's or Anthropic's."""
    request = urllib.request.Request(
        server.listening_address + path,
        json.dumps({**body, "stream": True}).encode(),
        {"content-type": "application/json"},
    )
    text = ""
    with urllib.request.urlopen(request) as reply:
        for line in reply.read().decode().splitlines():
            if line.startswith("data: {"):
                event = json.loads(line[6:])
                delta = event["choices"][0]["delta"] if "choices" in event else event.get("delta", {})
                text += delta.get("content") or delta.get("text") or ""
    return text


write(sys.argv[1], list("stable"), TEMPLATE)
server = serve(sys.argv[1])
messages = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "sta"}]
body = {"messages": messages, "max_tokens": 20, "temperature": 0}
seen = {
    "/v1/chat/completions": ask("/v1/chat/completions", **body)["choices"][0]["message"]["content"],
    "/v1/messages": ask("/v1/messages", **body)["content"][0]["text"],
    "/v1/chat/completions streamed": streamed("/v1/chat/completions", **body),
    "/v1/messages streamed": streamed("/v1/messages", **body),
}
for door, text in seen.items():
    print(f"{door}: {text!r}")
sys.stdout.flush()
os._exit(0 if list(seen.values()) == ["stable", "stable", "ble", "ble"] else 1)  # at once: the server's threads are native
PY
"$folder/venv/bin/python" "$folder/try.py" "$folder/model.gguf"
