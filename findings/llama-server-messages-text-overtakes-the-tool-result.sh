#!/bin/sh
# At llama-server's Anthropic door what a user says after a tool's result comes before it.
#
# xllamacpp 2026.10.11549 (llama.cpp 11549; the same with build 11434), /v1/messages. The last message has a
# tool_result "18 degrees" and behind it a text "And tomorrow?", as coding agents add reminders and questions to results:
#   what was sent             call one(), result "18 degrees", text "And tomorrow?"
#   what the model is given   call one(), user: And tomorrow?, tool: 18 degrees
#   with two messages         call one(), tool: 18 degrees, user: And tomorrow?
# All texts of a message are put before all results in it, so that a call and its result are torn apart: models answer
# the result instead of the question, and templates that want the result right behind the call refuse it. Anthropic's
# API wants tool results first in a message and the text after them, which is the one order that is turned round here.
# Exits 0 while that is so, 1 when it has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check xllamacpp==2026.10.11549 gguf==0.19.0
PYTHONPATH=$(dirname "$0") "$folder/venv/bin/python" -B - "$folder/model.gguf" <<'PY'
import sys

from tiny_model import TOOLS, write_speaker
from tiny_server import ask, last_prompt, leave, serve

write_speaker(sys.argv[1], ["Yes,", "▁we", "▁do."], TOOLS)
server = serve(sys.argv[1])
call = {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "one", "input": {}}]}
result = {"type": "tool_result", "tool_use_id": "1", "content": "18 degrees"}
text = {"type": "text", "text": "And tomorrow?"}
one, two = [{"role": "user", "content": [result, text]}], [{"role": "user", "content": [x]} for x in (result, text)]
orders = []
for turns in (one, two):
    ask(server + "/v1/messages", messages=[{"role": "user", "content": "Weather?"}, call, *turns], max_tokens=1)
    prompt = last_prompt(server)
    print(prompt, end="\n\n")
    orders.append(prompt.index("tool:18 degrees") < prompt.index("user:And tomorrow?"))
leave(orders == [False, True])
PY
