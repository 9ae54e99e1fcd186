#!/bin/sh
# A stream of several prompts from llama-server has events that are `null`, which OpenAI's library hands on as None.
#
# xllamacpp 2026.10.11549 (llama.cpp 11549; the same with build 11434) and openai 2.20.0, /v1/completions with stream, three prompts in
# `prompt` (valid in OpenAI's API, and how completions are asked in batches): each prompt but the first begins with
#   data: null
# between the chunks of the others, and so does /completion. With one prompt, or with `n` choices of one, there is none.
# `for chunk in client.completions.create(prompt=[..], stream=True): chunk.choices` ends with AttributeError: 'NoneType' object
# has no attribute 'choices', at the first chunk or in the middle, as the slots are free. Without stream all is well.
# Exits 0 while that is so, 1 when it has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check xllamacpp==2026.10.11549 gguf==0.19.0 openai==2.20.0
PYTHONPATH=$(dirname "$0") "$folder/venv/bin/python" -B - "$folder/model.gguf" <<'PY'
import sys

import openai
from tiny_model import PLAIN, write_speaker
from tiny_server import leave, send, serve

path = sys.argv[1]
write_speaker(path, ["Yes,", "▁we", "▁do."], PLAIN)
server = serve(path, n_parallel=4)
nulls = {}
for name, fields in {
    "one prompt": {"prompt": ">"},
    "one prompt, n 3": {"prompt": ">", "n": 3},
    "three prompts": {"prompt": [">"] * 3},
}.items():
    with send(server + "/v1/completions", {"stream": True, "max_tokens": 2, **fields}) as reply:
        lines = [line.strip() for line in reply]
    nulls[name] = lines.count(b"data: null")
    print(name, "data: null", nulls[name], "times")
client = openai.OpenAI(base_url=server + "/v1", api_key="none")
try:
    for chunk in client.completions.create(model="any", prompt=[">"] * 3, max_tokens=2, stream=True):
        text = [choice.text for choice in chunk.choices]
    said = "read to its end"
except AttributeError as error:
    said = str(error)
whole = client.completions.create(model="any", prompt=[">"] * 3, max_tokens=2)
print("the library, streamed:", said, "| whole:", len(whole.choices), "choices")
as_seen = list(nulls.values()) == [0, 0, 2] and "NoneType" in said and len(whole.choices) == 3
leave(as_seen)
PY
