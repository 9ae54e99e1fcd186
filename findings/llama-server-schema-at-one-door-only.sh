#!/bin/sh
# llama-server keeps a JSON schema at /v1/chat/completions; at /v1/responses and /v1/messages it is dropped.
#
# xllamacpp 2026.10.11549 (llama.cpp 11549; the same with build 11434). One schema, asked for as each API has it:
#   /v1/chat/completions  response_format                  -> the reply begins with {, as the schema wants
#   /v1/responses         text: {format: json_schema}      -> "Yes, we do."
#   /v1/messages          output_config: {format: ...}     -> "Yes, we do."
# The two last answer 200 with prose: the field is not looked at and nothing is logged. The openai
# library's `client.responses.parse()` and the anthropic library's structured outputs send these, and then fail at
# parsing, or work as far as the model writes JSON by itself.
# Exits 0 while that is so, 1 when it has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check xllamacpp==2026.10.11549 gguf==0.19.0
PYTHONPATH=$(dirname "$0") "$folder/venv/bin/python" -B - "$folder/model.gguf" <<'PY'
import sys

from tiny_model import PLAIN, write_speaker
from tiny_server import ask, leave, serve

write_speaker(sys.argv[1], ["Yes,", "▁we", "▁do."], PLAIN)
server = serve(sys.argv[1])
schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
named = {"name": "number", "schema": schema}
messages = [{"role": "user", "content": "hello"}]
chat = ask(
    server + "/v1/chat/completions", messages=messages, max_tokens=20,
    response_format={"type": "json_schema", "json_schema": named},
)  # fmt: skip
responses = ask(
    server + "/v1/responses", input="hello", max_output_tokens=20, text={"format": {"type": "json_schema", **named}}
)
anthropic = ask(
    server + "/v1/messages", messages=messages, max_tokens=20,
    output_config={"format": {"type": "json_schema", "schema": schema}},
)  # fmt: skip
seen = {
    "chat/completions": chat["choices"][0]["message"]["content"],
    "responses": responses["output"][0]["content"][0]["text"],
    "messages": anthropic["content"][0]["text"],
}
for door, text in seen.items():
    print(f"/v1/{door}: {text!r}")
prose = "Yes, we do."
as_seen = seen["chat/completions"].startswith("{") and seen["responses"] == seen["messages"] == prose
leave(as_seen)
PY
