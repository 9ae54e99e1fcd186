#!/bin/sh
# Two usual ways to hand an earlier answer back to /v1/responses are refused by llama-server.
#
# xllamacpp 2026.10.11549 (llama.cpp 11549; the same with build 11434), a conversation of three turns, the second:
#   {"role": "assistant", "content": "Yes."}                           400 "Cannot determine type of 'item'"
#   {"type": "reasoning", "id": ..., "summary": []}, then a message    400 "item['content'] is not an array"
#   the first with "type": "message" beside it                         200
#   {"type": "message", "role": "assistant", "content": [{"type": "output_text", ...}]}     200
#   {"role": "user", "content": "Yes."}                                                     200
# The first is how OpenAI's guide to the Responses API keeps a conversation by hand, with `role` and `content` alone;
# the second is what OpenAI's own reasoning items look like (content is optional there), so a conversation that began
# with a model in the cloud cannot go on here. A program's first question works and its second fails.
# Exits 0 while that is so, 1 when it has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check xllamacpp==2026.10.11549 gguf==0.19.0
PYTHONPATH=$(dirname "$0") "$folder/venv/bin/python" -B - "$folder/model.gguf" <<'PY'
import json
import sys
from urllib.error import HTTPError

from tiny_model import PLAIN, write_speaker
from tiny_server import ask, leave, serve

write_speaker(sys.argv[1], ["Yes,", "▁we", "▁do."], PLAIN)
door = serve(sys.argv[1]) + "/v1/responses"
message = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Yes."}]}
reasoning = {"type": "reasoning", "id": "rs_1", "summary": []}
seen = []
for middle in (
    [{"role": "assistant", "content": "Yes."}],
    [reasoning, message],
    [{"type": "message", "role": "assistant", "content": "Yes."}],
    [message],
    [{"role": "user", "content": "Yes."}],
):
    turns = [{"role": "user", "content": "Shall we?"}, *middle, {"role": "user", "content": "Sure?"}]
    try:
        ask(door, input=turns)
        seen.append(200)
    except HTTPError as error:
        seen.append(json.load(error)["error"]["message"])
    print(json.dumps(middle), "->", seen[-1])
leave(seen == ["Cannot determine type of 'item'", "item['content'] is not an array", 200, 200, 200])
PY
