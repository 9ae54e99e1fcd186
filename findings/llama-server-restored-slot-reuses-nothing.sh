#!/bin/sh
# llama-server answers that it restored a slot, and then reads the whole prompt again.
#
# A model with a sliding window (gemma3) or a recurrent state: `POST /slots/0?action=restore` says 200 with
# `n_restored` = all tokens, and the next turn of that conversation has `cache_n` 0 ("forcing full prompt
# re-processing due to lack of cache data"). The file holds no context checkpoints. Nothing in the reply says so;
# only `cache_n` of the next request does.
#
# Seen with llama-server 11434; build 11549 saves checkpoints, and reuses nearly all.
# Run it in a checkout with `make venv native`. Exit status: 0 as described, 1 if it is reused now.
set -eu
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/before" "$folder/after" "$folder/slots"
.venv/bin/python - "$folder" <<'PY'
import sys
from pathlib import Path

from paddock.llama.scripted import ScriptedModel, write
from tests.engine.server import engine_command, ready

folder = Path(sys.argv[1])
model = write(folder / "m.gguf", ScriptedModel(say="Yes.", arch="gemma3", window=256))
flags = ["--model", str(model), "--ctx-size", "8192", "--parallel", "1", "--threads", "1"]
flags += ["--slot-save-path", f"{folder}/slots/"]
asked = {"role": "user", "content": "The horses stand in the paddock and wait for their turn. " * 20}


def cached(server, *messages):
    status, reply = server.call("POST", "/v1/chat/completions", {"messages": messages, "max_tokens": 4})
    assert status == 200, reply
    return reply["timings"]["cache_n"]


with ready(engine_command("native"), folder / "before", *flags) as server:
    cached(server, asked)
    server.call("POST", "/slots/0?action=save", {"filename": "s"})
with ready(engine_command("native"), folder / "after", *flags) as server:
    status, reply = server.call("POST", "/slots/0?action=restore", {"filename": "s"})
    answer = {"role": "assistant", "content": "Yes."}
    reused = cached(server, asked, answer, {"role": "user", "content": "And then?"})
print(f"restore: {status}, n_restored {reply['n_restored']}; the next turn's cache_n: {reused}")
sys.exit(1 if reused else 0)
PY
