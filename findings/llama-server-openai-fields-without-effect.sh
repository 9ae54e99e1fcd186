#!/bin/sh
# Three fields of OpenAI's API that change the meaning of a request are taken by llama-server and do nothing.
#
# xllamacpp 2026.10.11549 (llama.cpp 11549; the same with build 11434). All answer 200, nothing is logged.
#   /v1/embeddings    dimensions 8    -> all 64 numbers
#   /v1/completions   suffix "..."    -> prompt_tokens as without it: the model never saw what comes after the gap
#   /v1/completions   echo true, logprobs 1, max_tokens 1   -> no prompt in the text, no logprobs of the prompt
# An index made for 512 of a matryoshka model's numbers gets them all; an editor that completes in the middle by
# `suffix` gets text that ignores the rest of the file (llama-server wants /infill for that); an evaluation that
# scores given answers by the logprobs of its prompt (lm-eval's multiple choice) has nothing to score.
# Exits 0 while that is so, 1 when it has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check xllamacpp==2026.10.11549 gguf==0.19.0
PYTHONPATH=$(dirname "$0") "$folder/venv/bin/python" -B - "$folder/model.gguf" <<'PY'
import sys

import xllamacpp
from tiny_model import PLAIN, write_speaker
from tiny_server import ask, leave, serve

write_speaker(sys.argv[1], ["Yes,", "▁we", "▁do."], PLAIN)
server = serve(sys.argv[1], embedding=True, pooling_type=xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN)
embedding = ask(server + "/v1/embeddings", input="hello", dimensions=8)["data"][0]["embedding"]
print(f"dimensions 8: {len(embedding)} numbers")
server = serve(sys.argv[1])
prompt = "user:hello\nassistant>"
plain, filled, echoed = (
    ask(server + "/v1/completions", prompt=prompt, temperature=0, max_tokens=9, **extra)
    for extra in ({}, {"suffix": " and this comes after"}, {"echo": True, "logprobs": 1})
)
for name, reply in (("plain", plain), ("suffix", filled), ("echo", echoed)):
    print(f"{name}: {reply['choices'][0]['text']!r}, prompt_tokens {reply['usage']['prompt_tokens']}")
tokens = [token["token"] for token in echoed["choices"][0]["logprobs"]["content"]]
print(f"logprobs of {tokens}")
as_seen = len(embedding) == 64 and filled["usage"]["prompt_tokens"] == plain["usage"]["prompt_tokens"]
as_seen = as_seen and "".join(tokens) == echoed["choices"][0]["text"] == "Yes, we do."
leave(as_seen)
PY
