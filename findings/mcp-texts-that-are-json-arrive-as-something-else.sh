#!/bin/sh
# mcp 2.3.0: a tool whose text may be left out gets None for the text "null", and is never called with a text that is JSON.
#
# The official Python library, MCPServer and Client, a tool `def note(text: str | None = None)`, and what the tool gets for a text:
#   hello         "hello"          as does every text with `text: str`
#   null          None
#   {"a": 1}      nothing: the call fails, "Input should be a valid string [… input_type=dict]"
#   ["a"]         nothing: the same; with `text: str | list[str]` it is the list, not the text
#   "hello"       "\"hello\"", 12, true: the text
# Arguments whose type is not just `str` are parsed as JSON first if they are texts, for clients that send lists as text. The published
# schema says that a string is right (anyOf string, null). So a tool that writes a file, a commit message or a prompt works until an
# agent wants to write JSON; and it cannot repeat the call in any form that works.
# Exits 0 while that is so, 1 when it has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check mcp==2.3.0
cat > "$folder/try.py" <<'PY'
import asyncio
import logging
import sys

from mcp.client import Client
from mcp.server.mcpserver import MCPServer

logging.disable()
server = MCPServer("notes")


@server.tool()
def plain(text: str) -> str:
    return repr(text)


@server.tool()
def note(text: str | None = None) -> str:
    return repr(text)


@server.tool()
def either(text: str | list[str]) -> str:
    return repr(text)


async def main():
    seen = {}
    async with Client(server) as client:
        schema = {one.name: one.input_schema["properties"]["text"] for one in (await client.list_tools()).tools}
        print(schema["note"])
        for text in ("hello", "null", '{"a": 1}', '["a"]', '"hello"', "12", "true"):
            for name in ("plain", "note", "either"):
                result = await client.call_tool(name, {"text": text})
                said = result.content[0].text
                seen[text, name] = "fails" if result.is_error else said
                print(f"{name:7} {text:9} {' '.join(said.split())[:110]}")
    return {"type": "string"} in schema["note"]["anyOf"], seen


valid, seen = asyncio.run(main())
for text in ("hello", '"hello"', "12", "true"):
    valid = valid and {seen[text, name] for name in ("plain", "note", "either")} == {repr(text)}
valid = valid and all(seen[text, "plain"] == repr(text) for text, _ in seen)
odd = {
    ("null", "note"): "None",
    ('{"a": 1}', "note"): "fails",
    ('["a"]', "note"): "fails",
    ("null", "either"): "fails",
    ('{"a": 1}', "either"): "fails",
    ('["a"]', "either"): "['a']",
}
sys.exit(not (valid and all(seen[key] == value for key, value in odd.items())))
PY
"$folder/venv/bin/python" "$folder/try.py"
