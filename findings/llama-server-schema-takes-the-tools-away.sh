#!/bin/sh
# A request with tools and a response_format can call no tool at llama-server any more.
#
# xllamacpp 2026.10.11549 (llama.cpp 11549; the same with build 11434), /v1/chat/completions. The model here always
# wants to call the tool "one".
#   tools                                         -> calls one
#   tools and response_format json_schema         -> text that fits the schema, no call
#   tools and response_format json_object         -> text, no call
# OpenAI's API takes both together: the schema is for the final answer, calls come before it. Here the schema is
# put over everything that is generated, tool_choice "auto" notwithstanding; 200, nothing logged. An agent that
# fixes the shape of its result (LangChain, Pydantic AI, the Vercel SDK) never uses a tool and invents the data.
# Exits 0 while that is so, 1 when it has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check xllamacpp==2026.10.11549 gguf==0.19.0
PYTHONPATH=$(dirname "$0") "$folder/venv/bin/python" -B - "$folder/model.gguf" <<'PY'
import sys

from tiny_model import CALL, TOOLS, write_speaker
from tiny_server import ask, leave, serve

write_speaker(sys.argv[1], CALL, TOOLS)
server = serve(sys.argv[1])
schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
takes_x = {"type": "object", "properties": {"x": {"type": "string"}}, "required": ["x"]}
tool = {"type": "function", "function": {"name": "one", "description": "one", "parameters": takes_x}}
formats = {
    "no response_format": {},
    "json_schema": {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}},
    "json_object": {"response_format": {"type": "json_object"}},
}
seen = {}
for name, wanted in formats.items():
    reply = ask(
        server + "/v1/chat/completions", messages=[{"role": "user", "content": "hello"}],
        tools=[tool], temperature=0, max_tokens=30, **wanted,
    )  # fmt: skip
    message = reply["choices"][0]["message"]
    seen[name] = [call["function"]["name"] for call in message.get("tool_calls", [])]
    print(f"tools and {name}: calls {seen[name]}, text {message['content']!r}")
leave(list(seen.values()) == [["one"], [], []])
PY
