#!/bin/sh
# Texts of one message are joined by a line's end in a chat; llama-server's Anthropic door puts them together with nothing.
#
# xllamacpp 2026.10.11549 (llama.cpp 11549; the same with build 11434). Two text blocks, "Be brief." and "Today is Monday.":
#   /v1/chat/completions   system, user or tool message      Be brief.\\nToday is Monday.
#   /v1/messages           a user's message                  Be brief.\\nToday is Monday.
#   /v1/messages           system                            Be brief.Today is Monday.
#   /v1/messages           in a tool_result                  Be brief.Today is Monday.
# Agents write their system prompt in blocks (for prompt caching), and MCP servers answer with one block for each
# finding: lists, paths and numbers at the borders run into each other ("a.py" "b.py" becomes "a.pyb.py").
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
blocks = [{"type": "text", "text": text} for text in ("Be brief.", "Today is Monday.")]
hello = {"role": "user", "content": "hello"}
function = {"name": "one", "arguments": "{}"}
calls = {"role": "assistant", "content": "", "tool_calls": [{"id": "1", "type": "function", "function": function}]}
use = {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "one", "input": {}}]}
result = {"type": "tool_result", "tool_use_id": "1", "content": blocks}
bodies = [
    ("chat/completions", {"messages": [{"role": "system", "content": blocks}, hello]}),
    ("chat/completions", {"messages": [hello, calls, {"role": "tool", "tool_call_id": "1", "content": blocks}]}),
    ("messages", {"messages": [{"role": "user", "content": blocks}]}),
    ("messages", {"system": blocks, "messages": [hello]}),
    ("messages", {"messages": [hello, use, {"role": "user", "content": [result]}]}),
]
kept = []
for path, body in bodies:
    ask(f"{server}/v1/{path}", **body, max_tokens=1)
    prompt = last_prompt(server)
    kept.append("Be brief.\nToday is Monday." in prompt)
    print(path, repr(prompt))
leave(kept == [True, True, True, False, False] and "Be brief.Today is Monday." in prompt)
PY
