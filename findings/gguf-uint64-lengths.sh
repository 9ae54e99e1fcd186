#!/bin/sh
# llama.cpp does not load a GGUF that stores its lengths as the format's own specification says.
#
# ggml's docs/gguf.md: "By convention, most counts/lengths/etc are `uint64` unless otherwise specified",
# with `[llm].context_length: uint64`, `[llm].block_count: uint64`, and "it is recommended that readers
# support both" uint64 and uint32. llama.cpp reads each of them as uint32 and nothing else: one value of
# another width and the whole file is refused ("has wrong type u64 but expected type u32"). The gguf
# package has add_uint64 and writes such files without a word; its own add_context_length writes uint32.
#
# Seen with xllamacpp 2026.10.11549 and gguf 0.19.0, and the same with llama-server 11434.
# Exit status: 0 as described, 1 if llama.cpp takes uint64 now, 2 if even uint32 does not load here.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check xllamacpp==2026.10.11549 gguf==0.19.0
cat > "$folder/make.py" <<'PY'
"""A whole model of one layer: `make.py FILE u32|u64` chooses the type of context_length alone."""
import sys

import numpy as np
from gguf import GGUFWriter

path, kind = sys.argv[1:]
writer = GGUFWriter(path, "llama")
add = writer.add_uint64 if kind == "u64" else writer.add_uint32
add("llama.context_length", 512)
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
square = np.zeros((64, 64), np.float32)
for name in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"):
    writer.add_tensor(f"blk.0.{name}.weight", square)
for name in ("blk.0.attn_norm", "blk.0.ffn_norm", "output_norm"):
    writer.add_tensor(f"{name}.weight", np.ones(64, np.float32))
for name in ("token_embd", "output"):
    writer.add_tensor(f"{name}.weight", np.zeros((len(tokens), 64), np.float32))
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
PY
cat > "$folder/load.py" <<'PY'
"""Loads the file as llama-server does, and ends."""
import os
import sys

import xllamacpp

params = xllamacpp.CommonParams()
params.model.path, params.n_ctx, params.port = sys.argv[1], 256, 0
params.warmup = False
server = xllamacpp.Server(params)
print("loaded", flush=True)
os._exit(0)
PY
for kind in u32 u64; do
    "$folder/venv/bin/python" "$folder/make.py" "$folder/$kind.gguf" $kind
    "$folder/venv/bin/python" "$folder/load.py" "$folder/$kind.gguf" > "$folder/$kind.log" 2>&1 || true
    echo "context_length as $kind: $(grep -ho '^loaded\|has wrong type.*' "$folder/$kind.log" | head -1)"
done
grep -q '^loaded' "$folder/u32.log" || exit 2
grep -q 'context_length has wrong type u64 but expected type u32' "$folder/u64.log" || exit 1
