#!/bin/sh
# llama-server's usage for several choices counts one of them, and there can be no more choices than slots.
#
# xllamacpp 2026.10.11549 (llama.cpp 11549; the same with build 11434), /v1/chat/completions, answers of 4 tokens each:
#   n 1                  completion_tokens 4
#   n 3                  three choices, completion_tokens 4 (OpenAI's API: 12)
#   n 3, streamed        three chunks with usage, each with 4 (OpenAI's API: one, for all)
#   n 3 with two slots   400 "Field 'n': Value must be between 1 <= value <= 2, but got 3"
# Whoever samples several answers to vote on them accounts for a part of what was computed; a client that reads the
# first chunk with usage as the last of the stream (it has no choices) loses what the other choices still say.
# Exits 0 while that is so, 1 when it has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check xllamacpp==2026.10.11549 gguf==0.19.0
PYTHONPATH=$(dirname "$0") "$folder/venv/bin/python" -B - "$folder/model.gguf" <<'PY'
import json
import sys
from urllib.error import HTTPError

from tiny_model import PLAIN, write_speaker
from tiny_server import ask, leave, send, serve

write_speaker(sys.argv[1], ["Yes,", "▁we", "▁do."], PLAIN)
four, two = (serve(sys.argv[1], n_parallel=slots, kv_unified=True) + "/v1/chat/completions" for slots in (4, 2))
body = {"messages": [{"role": "user", "content": "hello"}], "temperature": 0, "max_tokens": 9}
counts = []
for n in (1, 3):
    reply = ask(four, **body, n=n)
    counts.append((len(reply["choices"]), reply["usage"]["completion_tokens"]))
with send(four, {**body, "n": 3, "stream": True, "stream_options": {"include_usage": True}}) as reply:
    chunks = [json.loads(line[6:]) for line in reply if line.startswith(b"data: {")]
usages = [chunk["usage"]["completion_tokens"] for chunk in chunks if chunk.get("usage")]
print("choices and completion_tokens of n 1, n 3:", counts, "; usage in the stream:", usages)
try:
    ask(two, **body, n=3)
    refused = ""
except HTTPError as error:
    refused = json.load(error)["error"]["message"]
print("n 3 with two slots:", refused)
leave(counts == [(1, 4), (3, 4)] and usages == [4, 4, 4] and "<= 2, but got 3" in refused)
PY
