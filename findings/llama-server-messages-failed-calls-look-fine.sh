#!/bin/sh
# At llama-server's Anthropic door the mark of a failed tool call, `is_error`, never reaches the model.
#
# xllamacpp 2026.10.11549 (llama.cpp 11549; the same with build 11434), /v1/messages, a tool_result "3 rows":
#   is_error false    tool:3 rows
#   is_error true     tool:3 rows
#   is_error true and no content (Anthropic's API allows it)    tool:
# A program that rolled back, timed out or was refused, and says so by is_error as the API and MCP have it, looks to the
# model as if it had worked; only where the text itself speaks of an error does it learn of it.
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
prompts = []
for fields in ({"content": "3 rows"}, {"content": "3 rows", "is_error": True}, {"is_error": True}):
    result = {"type": "tool_result", "tool_use_id": "1", **fields}
    turns = [{"role": "user", "content": "Delete them."}, call, {"role": "user", "content": [result]}]
    ask(server + "/v1/messages", messages=turns, max_tokens=1)
    prompts.append(last_prompt(server).rpartition("</tool_call>\n")[2])
    print(fields, "->", repr(prompts[-1]))
leave(prompts == ["tool:3 rows\nassistant>"] * 2 + ["tool:\nassistant>"])
PY
