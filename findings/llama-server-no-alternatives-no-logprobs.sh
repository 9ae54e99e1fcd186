#!/bin/sh
# Asked for log probabilities without alternatives, llama-server gives none; asked for them at all, it gives twenty.
#
# xllamacpp 2026.10.11549 (llama.cpp 11549; the same with build 11434):
#   /v1/chat/completions  logprobs true                      each token with 20 alternatives (OpenAI's API: none)
#   /v1/chat/completions  logprobs true, top_logprobs 2      each token with 2
#   /v1/chat/completions  logprobs true, top_logprobs 0      no logprobs in the reply
#   /v1/completions       logprobs 0                         "logprobs": null
# In OpenAI's API 0 is the way to get the probability of each token that was chosen, and no others: what scoring an
# answer needs. Here the reply has no such field, and a program fails over None.
# Exits 0 while that is so, 1 when it has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check xllamacpp==2026.10.11549 gguf==0.19.0
PYTHONPATH=$(dirname "$0") "$folder/venv/bin/python" -B - "$folder/model.gguf" <<'PY'
import sys

from tiny_model import PLAIN, write_speaker
from tiny_server import ask, leave, serve

write_speaker(sys.argv[1], ["Yes,", "▁we", "▁do."], PLAIN)
server = serve(sys.argv[1])
body = {"temperature": 0, "max_tokens": 1}
seen = []
for extra in ({}, {"top_logprobs": 2}, {"top_logprobs": 0}):
    messages = [{"role": "user", "content": "hello"}]
    choice = ask(server + "/v1/chat/completions", messages=messages, **body, logprobs=True, **extra)["choices"][0]
    found = choice.get("logprobs")
    seen.append(found and len(found["content"][0]["top_logprobs"]))
    print(f"chat, logprobs true, {extra}: alternatives {seen[-1]}")
choice = ask(server + "/v1/completions", prompt="hello>", **body, logprobs=0)["choices"][0]
print("completions, logprobs 0:", choice["logprobs"])
leave(seen == [20, 2, None] and choice["logprobs"] is None)
PY
