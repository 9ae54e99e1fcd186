#!/bin/sh
# With its default slots llama-server lets two requests that each fit break each other: both end with an error.
#
# xllamacpp 2026.10.11549 (llama.cpp 11549; the same with build 11434). Without -np it has four slots over one shared
# pool of --ctx-size tokens (here n_parallel 4 and kv_unified, which is what -np auto sets), and reports to clients that
# each slot has the whole pool. Two chats of 1,000 tokens each that want 600 more, in a pool of 2,048:
#   n_ctx of each slot by /slots              2048
#   each of them alone                        200
#   both at once                              500 "Context size has been exceeded." for both
# Neither is made to wait for the other and neither is cut with finish_reason "length": when the pool is full, all
# that is running fails, in a stream as an error after the first words, and what was read is lost for both.
# Exits 0 while that is so, 1 when it has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check xllamacpp==2026.10.11549 gguf==0.19.0
PYTHONPATH=$(dirname "$0") "$folder/venv/bin/python" -B - "$folder/model.gguf" <<'PY'
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from urllib.error import HTTPError

from tiny_model import PLAIN, write_speaker
from tiny_server import ask, leave, serve


def outcome(letter):
    """Status and message of a chat of 1,000 tokens that wants 600 more."""
    messages = [{"role": "user", "content": letter * 1000}]
    try:
        ask(server + "/v1/chat/completions", messages=messages, max_tokens=600, ignore_eos=True)
    except HTTPError as error:
        return error.code, json.load(error)["error"]["message"]
    return 200, ""


write_speaker(sys.argv[1], ["Yes,", "▁we", "▁do."], PLAIN)
server = serve(sys.argv[1], n_ctx=2048, n_parallel=4, kv_unified=True)
print("n_ctx of each slot:", [slot["n_ctx"] for slot in ask(server + "/slots")])
alone = [outcome(letter) for letter in "ab"]
print("each alone:", alone)
with ThreadPoolExecutor() as pool:
    together = list(pool.map(outcome, "cd"))
print("both at once:", together)
leave([status for status, _ in [*alone, *together]] == [200, 200, 500, 500])
PY
