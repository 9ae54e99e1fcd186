#!/bin/sh
# Documents in a message to llama-server's Anthropic door never reach the model, and nothing says so.
#
# xllamacpp 2026.10.11549 (llama.cpp 11549; the same with build 11434), /v1/messages, what the model is given:
#   text "Q"                                                       user:Q
#   document (source text "The key is under the mat."), text "Q"   user:Q
#   search_result with the same text, text "Q"                     user:Q
#   tool_result with a document in it                              an empty result
# 200 and no line in the log: blocks of a type that it does not know are left out, those in plain text too. A program
# that hands a file over as a document block (Anthropic's way, with or without citations) gets an answer made up.
# (OpenAI's door refuses what it cannot take: 400 "unsupported content[].type".)
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
key, question = "The key is under the mat.", {"type": "text", "text": "Q"}
document = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": key}}
found = {"type": "search_result", "source": "a", "title": "b", "content": [{"type": "text", "text": key}]}
call = {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "one", "input": {}}]}
result = {"type": "tool_result", "tool_use_id": "1", "content": [document]}
prompts = []
for blocks in ([question], [document, question], [found, question], [result]):
    before = [call] if blocks == [result] else []
    ask(server + "/v1/messages", messages=[*before, {"role": "user", "content": blocks}], max_tokens=1)
    prompts.append(last_prompt(server))
    print([block["type"] for block in blocks], "->", repr(prompts[-1]))
leave(prompts[:3] == ["user:Q\nassistant>"] * 3 and key not in prompts[3])
PY
