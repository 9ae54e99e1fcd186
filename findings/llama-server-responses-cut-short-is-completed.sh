#!/bin/sh
# A reply that llama-server cut short is "completed" at /v1/responses: nothing in it says that it is not whole.
#
# xllamacpp 2026.10.11549 (llama.cpp 11549; the same with build 11434), max_output_tokens 1 for an answer of 4 tokens:
#   /v1/chat/completions      finish_reason "length"
#   /v1/responses             status "completed", no incomplete_details, the message in it "completed" as well
#   /v1/responses, streamed   response.completed, the same
# OpenAI's API answers with status "incomplete" and incomplete_details {"reason": "max_output_tokens"}, and a stream
# ends with response.incomplete. An agent takes half a file for a whole one and writes it; the full context ends
# a reply in the same way.
# Exits 0 while that is so, 1 when it has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check xllamacpp==2026.10.11549 gguf==0.19.0
PYTHONPATH=$(dirname "$0") "$folder/venv/bin/python" -B - "$folder/model.gguf" <<'PY'
import json
import sys

from tiny_model import PLAIN, write_speaker
from tiny_server import ask, leave, send, serve

write_speaker(sys.argv[1], ["Yes,", "▁we", "▁do."], PLAIN)
server = serve(sys.argv[1])
messages = [{"role": "user", "content": "hello"}]
chat = ask(server + "/v1/chat/completions", messages=messages, temperature=0, max_tokens=1)
body = {"input": messages, "temperature": 0, "max_output_tokens": 1}
whole = ask(server + "/v1/responses", **body)
with send(server + "/v1/responses", {**body, "stream": True}) as reply:
    last = [json.loads(line[6:]) for line in reply if line.startswith(b"data: {")][-1]
print("chat:", chat["choices"][0]["finish_reason"])
print("responses:", whole["status"], whole["output"][0]["status"], whole.get("incomplete_details"))
print("streamed:", last["type"], last["response"]["status"], last["response"].get("incomplete_details"))
seen = [whole["status"], whole["output"][0]["status"], last["type"], last["response"]["status"]]
as_seen = seen == ["completed", "completed", "response.completed", "completed"]
leave(as_seen and chat["choices"][0]["finish_reason"] == "length" and "incomplete_details" not in whole)
PY
