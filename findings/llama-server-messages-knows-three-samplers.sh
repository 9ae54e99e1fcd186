#!/bin/sh
# Of all that llama-server samples by, its Anthropic door knows temperature, top_p and top_k; the rest is dropped.
#
# xllamacpp 2026.10.11549 (llama.cpp 11549; the same with build 11434), what /slots says was in effect:
#                      /v1/chat/completions   /v1/messages
#   top_k 7            7                      7
#   min_p 0.5          0.5                    0.05 (the default)
#   repeat_penalty 1.5 1.5                    1.0
#   seed 5             5                      4294967295 (random)
#   grammar "z"        "z"                    none
# 200, nothing logged. The other fields that llama.cpp adds to OpenAI's API are the same for all who know them from
# there; here a model that needs min_p or a penalty is sampled without, and no seed makes two answers alike.
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
said = {"top_k": 7, "min_p": 0.5, "repeat_penalty": 1.5, "seed": 5, "grammar": 'root ::= "z"'}
in_effect = []
for door in ("/v1/chat/completions", "/v1/messages"):
    ask(server + door, messages=[{"role": "user", "content": "hello"}], max_tokens=1, **said)
    used = ask(server + "/slots")[0]["params"]
    in_effect.append({name: used[name] for name in said})
    print(door, in_effect[-1])
chat, messages = in_effect
as_seen = {name: chat[name] for name in ("top_k", "min_p", "repeat_penalty", "seed")} == {
    name: said[name] for name in ("top_k", "min_p", "repeat_penalty", "seed")
}
unheard = [name for name in said if messages[name] != chat[name]]
leave(as_seen and unheard == ["min_p", "repeat_penalty", "seed", "grammar"])
PY
