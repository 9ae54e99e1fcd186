#!/bin/sh
# llama-server keeps a JSON schema at /v1/chat/completions; at /v1/responses and /v1/messages it is dropped.
#
# xllamacpp 2026.10.11549 (llama.cpp 11549; the same with build 11434). One schema, asked for as each API has it:
#   /v1/chat/completions  response_format                  -> the reply begins with {, as the schema wants
#   /v1/responses         text: {format: json_schema}      -> "Yes, we do."
#   /v1/messages          output_config: {format: ...}     -> "Yes, we do."
# The two last answer 200 with prose: the field is not looked at and nothing is logged. The openai
# library's `client.responses.parse()` and the anthropic library's structured outputs send these, and then fail at
# parsing, or work as far as the model writes JSON by itself.
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


write(sys.argv[1], ["Yes,", "▁we", "▁do."], TEMPLATE)
server = serve(sys.argv[1])
schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
named = {"name": "number", "schema": schema}
messages = [{"role": "user", "content": "hello"}]
chat = ask(
    "/v1/chat/completions", messages=messages, max_tokens=20,
    response_format={"type": "json_schema", "json_schema": named},
)  # fmt: skip
responses = ask(
    "/v1/responses", input="hello", max_output_tokens=20, text={"format": {"type": "json_schema", **named}}
)
anthropic = ask(
    "/v1/messages", messages=messages, max_tokens=20,
    output_config={"format": {"type": "json_schema", "schema": schema}},
)  # fmt: skip
seen = {
    "chat/completions": chat["choices"][0]["message"]["content"],
    "responses": responses["output"][0]["content"][0]["text"],
    "messages": anthropic["content"][0]["text"],
}
for door, text in seen.items():
    print(f"/v1/{door}: {text!r}")
prose = "Yes, we do."
as_seen = seen["chat/completions"].startswith("{") and seen["responses"] == seen["messages"] == prose
sys.stdout.flush()
os._exit(0 if as_seen else 1)  # at once: the server's threads are native
PY
"$folder/venv/bin/python" "$folder/try.py" "$folder/model.gguf"
