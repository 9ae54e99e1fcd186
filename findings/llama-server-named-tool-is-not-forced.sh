#!/bin/sh
# A tool choice that names one tool, valid in all three APIs, forces nothing at llama-server; nor is "none" kept
# by its Anthropic door.
#
# xllamacpp 2026.10.11549 (llama.cpp 11549; the same with build 11434). The model here always wants tool "one".
#   /v1/chat/completions  tool_choice {"type": "function", "function": {"name": "two"}}  -> calls one
#   /v1/responses         tool_choice {"type": "function", "name": "two"}                -> calls one
#   /v1/messages          tool_choice {"type": "tool", "name": "two"}                    -> calls one
#   /v1/messages          tool_choice {"type": "none"}                                   -> calls one
#   /v1/chat/completions  tool_choice "none"                                             -> calls nothing, as asked
# All answer 200. OpenAI's object is read as "auto" (the log says once: "Wrong type supplied for parameter
# 'tool_choice', using default value"), Anthropic's "tool" as "any tool", its "none" as nothing at all, unlogged.
# Programs that force a tool to get structured data (LangChain, Instructor) get another tool's arguments, or prose.
# Exits 0 while that is so, 1 when it has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check xllamacpp==2026.10.11549 gguf==0.19.0
PYTHONPATH=$(dirname "$0") "$folder/venv/bin/python" -B - "$folder/model.gguf" <<'PY'
import json
import sys

from tiny_model import CALL, TOOLS, write_speaker
from tiny_server import ask, leave, serve


def called(path, **body):
    """The name of the tool that the reply calls, whichever API's shape it has."""
    reply = ask(server + path, temperature=0, **body)
    if "choices" in reply:
        calls = reply["choices"][0]["message"].get("tool_calls", [])
        return calls[0]["function"]["name"] if calls else None
    parts = reply["output"] if "output" in reply else reply["content"]
    return next((part["name"] for part in parts if part["type"] in ("function_call", "tool_use")), None)


write_speaker(sys.argv[1], CALL, TOOLS)
server = serve(sys.argv[1])
schema = {"type": "object", "properties": {"x": {"type": "string"}}, "required": ["x"]}
plain = [{"name": name, "description": name, "parameters": schema} for name in ("one", "two")]
chat = {"messages": [{"role": "user", "content": "hello"}]}
openai = chat | {"tools": [{"type": "function", "function": tool} for tool in plain]}
responses = {"input": "hello", "tools": [{"type": "function", **tool} for tool in plain]}
anthropic = chat | {"max_tokens": 50}
anthropic["tools"] = [{"name": name, "description": name, "input_schema": schema} for name in ("one", "two")]
asked = [
    ("/v1/chat/completions", openai, {"type": "function", "function": {"name": "two"}}, "one"),
    ("/v1/responses", responses, {"type": "function", "name": "two"}, "one"),
    ("/v1/messages", anthropic, {"type": "tool", "name": "two"}, "one"),
    ("/v1/messages", anthropic, {"type": "none"}, "one"),
    ("/v1/chat/completions", openai, "none", None),
]
as_seen = True
for path, body, choice, expected in asked:
    name = called(path, **body, tool_choice=choice)
    print(f"{path:21} tool_choice {json.dumps(choice):60} -> calls {name}")
    as_seen = as_seen and name == expected
leave(as_seen)
PY
