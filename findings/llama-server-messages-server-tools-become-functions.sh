#!/bin/sh
# Anthropic's server tools become functions without arguments at llama-server, which the model calls and nobody runs.
#
# xllamacpp 2026.10.11549 (llama.cpp 11549; the same with build 11434), a tool that the provider's side is to run:
#   /v1/messages    {"type": "web_search_20250305", "name": "web_search", "max_uses": 3}
#                   the model sees a function web_search with the parameters {} and calls it; stop_reason "tool_use"
#   /v1/responses   {"type": "web_search"}     left out: the model sees no tool
# A program that offers web search beside its own tools gets a tool_use block for a tool that is not its own (Anthropic
# sends server_tool_use and the result), finds nobody to run it, and fails or asks again.
# Exits 0 while that is so, 1 when it has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check xllamacpp==2026.10.11549 gguf==0.19.0
PYTHONPATH=$(dirname "$0") "$folder/venv/bin/python" -B - "$folder/model.gguf" <<'PY'
import sys

from tiny_model import CALL, TOOLS, write_speaker
from tiny_server import ask, last_prompt, leave, serve

write_speaker(sys.argv[1], [part.replace("one", "web_search") for part in CALL], TOOLS)
server = serve(sys.argv[1])
tool = {"type": "web_search_20250305", "name": "web_search", "max_uses": 3}
body = {"messages": [{"role": "user", "content": "News?"}], "max_tokens": 99, "temperature": 0}
reply = ask(server + "/v1/messages", **body, tools=[tool])
offered = '"web_search", "description": "", "parameters": {}' in last_prompt(server)
kinds = [block["type"] for block in reply["content"]]
print("messages: offered", offered, "stop_reason", reply["stop_reason"], "blocks", kinds)
ask(server + "/v1/responses", input="News?", tools=[{"type": "web_search"}], max_output_tokens=1)
shown = "web_search" in last_prompt(server)
print("responses: shown", shown)
leave(offered and reply["stop_reason"] == "tool_use" and kinds == ["tool_use"] and not shown)
PY
