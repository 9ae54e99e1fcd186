#!/bin/sh
# llama-server's /v1/completions gives log probabilities in the shape of a chat: the openai library finds none.
#
# xllamacpp 2026.10.11549 (llama.cpp 11549; the same with build 11434) and openai 3.57.0, logprobs 2:
#   the reply has        logprobs: {"content": [{"token", "logprob", "bytes", "top_logprobs": [...]}]}
#   OpenAI's API has     logprobs: {"tokens": [...], "token_logprobs": [...], "top_logprobs": [{...}], "text_offset": [...]}
#   the library gives    choices[0].logprobs.tokens None, .token_logprobs None, .top_logprobs None
# 200, and the object is there, so nothing fails before somebody reads a list in it: lm-eval, DSPy and older evaluations.
# Exits 0 while that is so, 1 when it has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check xllamacpp==2026.10.11549 gguf==0.19.0 openai==3.57.0
PYTHONPATH=$(dirname "$0") "$folder/venv/bin/python" -B - "$folder/model.gguf" <<'PY'
import sys

from openai import OpenAI
from tiny_model import PLAIN, write_speaker
from tiny_server import leave, serve

write_speaker(sys.argv[1], ["Yes,", "▁we", "▁do."], PLAIN)
client = OpenAI(base_url=serve(sys.argv[1]) + "/v1", api_key="none")
reply = client.completions.create(model="x", prompt="hello>", max_tokens=1, temperature=0, logprobs=2)
found = reply.choices[0].logprobs
print("tokens, token_logprobs, top_logprobs:", found.tokens, found.token_logprobs, found.top_logprobs)
print("what came:", sorted(found.model_extra))
leave([found.tokens, found.token_logprobs, found.top_logprobs] == [None] * 3 and list(found.model_extra) == ["content"])
PY
