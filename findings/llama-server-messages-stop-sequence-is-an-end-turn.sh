#!/bin/sh
# At llama-server's Anthropic door a reply that a stop sequence ended says it ended by itself.
#
# xllamacpp 2026.10.11549 (llama.cpp 11549; the same with build 11434), /v1/messages with stop_sequences ["we"]:
#   not streamed   stop_reason "end_turn", stop_sequence "we"
#   streamed       stop_reason "end_turn", stop_sequence "we"
# Anthropic's API has stop_reason "stop_sequence" for this. Programs branch on stop_reason: one that asks the model to
# write until "</answer>" takes the reply for a whole one that lacks its end mark, and never looks at the field beside
# it, which is right.
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
door = serve(sys.argv[1]) + "/v1/messages"
body = {"messages": [{"role": "user", "content": "hello"}], "temperature": 0, "max_tokens": 9, "stop_sequences": ["we"]}
whole = ask(door, **body)
with send(door, {**body, "stream": True}) as reply:
    events = [json.loads(line[6:]) for line in reply if line.startswith(b"data: {")]
streamed = next(event["delta"] for event in events if event["type"] == "message_delta")
seen = [(reply["stop_reason"], reply["stop_sequence"]) for reply in (whole, streamed)]
print("not streamed, streamed:", seen)
leave(seen == [("end_turn", "we")] * 2)
PY
