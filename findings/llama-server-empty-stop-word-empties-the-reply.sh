#!/bin/sh
# An empty stop word ends every reply of llama-server before its first word.
#
# xllamacpp 2026.10.11549 (llama.cpp 11549; the same with build 11434):
#   no stop            "Yes, we do."
#   stop ""            "", finish_reason "stop", 1 token
#   stop ["", "\n\n"]  "", finish_reason "stop", 1 token
#   stop_sequences [""] at /v1/messages    no content at all, stop_reason "end_turn"
# A settings page whose field for stop words is empty sends just this ("".split(",") is [""] in most languages).
# The reply looks like a model that chose to say nothing: 200, a natural end, nothing logged.
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
body = {"messages": [{"role": "user", "content": "hello"}], "temperature": 0, "max_tokens": 20}
seen = []
for stop in ([], "", ["", "\n\n"]):
    reply = ask(server + "/v1/chat/completions", **body, stop=stop)
    choice = reply["choices"][0]
    seen.append(choice["message"]["content"])
    print(f"stop {stop!r}: {seen[-1]!r}, {choice['finish_reason']}, {reply['usage']['completion_tokens']} tokens")
reply = ask(server + "/v1/messages", **body, stop_sequences=[""])
print(f"stop_sequences ['']: content {reply['content']}, stop_reason {reply['stop_reason']}")
leave(seen == ["Yes, we do.", "", ""] and reply["content"] == [])
PY
