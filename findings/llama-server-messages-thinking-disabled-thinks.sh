#!/bin/sh
# At llama-server's Anthropic door `thinking: {"type": "disabled"}` does not switch thinking off.
#
# xllamacpp 2026.10.11549 (llama.cpp 11549; the same with build 11434), a model whose template has enable_thinking:
#   /v1/chat/completions  reasoning_effort "none"                          -> no reasoning
#   /v1/responses         reasoning: {effort: "none"}                      -> no reasoning
#   /v1/messages          thinking: {type: "disabled"}                     -> thinks
#   /v1/messages          chat_template_kwargs: {enable_thinking: false}   -> no reasoning
# The other fields of `thinking` are read (budget_tokens is a budget here too), this one is not; 200, nothing logged.
# A client that switches thinking off for titles and summaries with few max_tokens gets thoughts and no text.
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

write_speaker(sys.argv[1], THOUGHTS, THINKING, more=[("\n", "Yes,")])
server = serve(sys.argv[1])
chat = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 20, "temperature": 0}
openai = ask(server + "/v1/chat/completions", **chat, reasoning_effort="none")["choices"][0]["message"]
responses = ask(server + "/v1/responses", input="hello", temperature=0, reasoning={"effort": "none"})["output"]
disabled = ask(server + "/v1/messages", **chat, thinking={"type": "disabled"})["content"]
by_kwargs = ask(server + "/v1/messages", **chat, chat_template_kwargs={"enable_thinking": False})["content"]
thinks = {
    "chat/completions, effort none": "reasoning_content" in openai,
    "responses, effort none": "reasoning" in [part["type"] for part in responses],
    "messages, thinking disabled": "thinking" in [part["type"] for part in disabled],
    "messages, enable_thinking false": "thinking" in [part["type"] for part in by_kwargs],
}
for door, does in thinks.items():
    print(f"/v1/{door}: {'thinks' if does else 'does not think'}")
leave(list(thinks.values()) == [False, False, True, False])
PY
