#!/bin/sh
# A stop word that occurs in the reasoning ends llama-server's reply before the answer begins.
#
# xllamacpp 2026.10.11549 (llama.cpp 11549; the same with build 11434), /v1/chat/completions and a model that thinks:
#   no stop          reasoning "Let us see.", content "Yes, we do."
#   stop ["see"]     reasoning "Let us ",     content "", finish_reason "stop"
#   stop ["\n\n"]   reasoning "Let us see.", content "", finish_reason "stop"
# Stop words are compared with all raw text, the tags around the reasoning included: "</think>" and the blank
# lines after it end what had a stop of a blank line, as one-paragraph prompts and completion tools send it. The
# client, who sees reasoning and answer apart, gets a finished reply without one.
# Exits 0 while that is so, 1 when it has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check xllamacpp==2026.10.11549 gguf==0.19.0
PYTHONPATH=$(dirname "$0") "$folder/venv/bin/python" -B - "$folder/model.gguf" <<'PY'
import sys

from tiny_model import THINKING, THOUGHTS, write_speaker
from tiny_server import ask, leave, serve

write_speaker(sys.argv[1], THOUGHTS, THINKING)
server = serve(sys.argv[1])
seen = []
for stop in ([], ["see"], ["\n\n"]):
    messages = [{"role": "user", "content": "hello"}]
    reply = ask(server + "/v1/chat/completions", messages=messages, temperature=0, max_tokens=20, stop=stop)
    choice = reply["choices"][0]
    seen.append(choice["message"]["content"])
    print(f"stop {stop}: finish_reason {choice['finish_reason']}, {choice['message']}")
leave(seen == ["Yes, we do.", "", ""])
PY
