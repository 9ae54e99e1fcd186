#!/bin/sh
# Asked for no token at all, llama-server generates one.
#
# xllamacpp 2026.10.11549 (llama.cpp 11549; the same with build 11434). Its README says of n_predict: "When 0, no
# tokens will be generated but the prompt is evaluated into the cache."
#   /completion            n_predict 0     content "Yes,", tokens_predicted 1
#   /v1/completions        max_tokens 0    text "Yes,", completion_tokens 1
#   /v1/chat/completions   max_tokens 0    content "Yes,", completion_tokens 1
# Programs that read a prompt into the cache ahead of time, or that only want it counted, get a word that they did not
# ask for; put behind the prompt and sent again, it changes what is generated.
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
native = ask(server + "/completion", prompt="hello>", temperature=0, n_predict=0)
text = ask(server + "/v1/completions", prompt="hello>", temperature=0, max_tokens=0)
messages = [{"role": "user", "content": "hello"}]
chat = ask(server + "/v1/chat/completions", messages=messages, temperature=0, max_tokens=0)
seen = [
    (native["content"], native["tokens_predicted"]),
    (text["choices"][0]["text"], text["usage"]["completion_tokens"]),
    (chat["choices"][0]["message"]["content"], chat["usage"]["completion_tokens"]),
]
print("completion, v1/completions, chat:", seen)
leave(seen == [("Yes,", 1)] * 3)
PY
