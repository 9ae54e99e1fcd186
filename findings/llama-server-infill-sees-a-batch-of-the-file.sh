#!/bin/sh
# However long its context is, llama-server's /infill reads at most 1,536 tokens before the cursor and 512 behind it.
#
# xllamacpp 2026.10.11549 (llama.cpp 11549; the same with build 11434), context 8,192, 3,000 tokens on either side:
#   --batch-size 2048, the default    1,536 of the prefix and 512 of the suffix; tokens_evaluated 2,049
#   --batch-size 4096                 3,000 of the prefix and 1,024 of the suffix
# The share is three quarters and one quarter of the batch, which is meant for speed; the context plays no part, and
# neither reply nor log says that something was left out. Whoever gives a model of completions a large context, so that
# it sees the whole file, has to raise the batch as well.
# Exits 0 while that is so, 1 when it has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check xllamacpp==2026.10.11549 gguf==0.19.0
PYTHONPATH=$(dirname "$0") "$folder/venv/bin/python" -B - "$folder/model.gguf" <<'PY'
import sys

import numpy as np
from tiny_model import add_layer, begin, finish, signs
from tiny_server import ask, last_prompt, leave, serve

path = sys.argv[1]
writer, tokens = begin(path, ["<PRE>", "<SUF>", "<MID>"], context=8192)
for part in ("pre", "suf", "mid"):
    writer.add_uint32(f"tokenizer.ggml.fim_{part}_token_id", tokens.index(f"<{part.upper()}>"))
add_layer(writer)
finish(writer, signs(tokens), np.zeros((len(tokens), 64), np.float32))
seen = []
for batch in (2048, 4096):
    server = serve(path, n_ctx=8192, n_batch=batch)
    reply = ask(server + "/infill", input_prefix="a" * 3000, input_suffix="b" * 3000, n_predict=1)
    prompt = last_prompt(server)
    seen.append((prompt.count("a"), prompt.count("b")))
    print(f"batch {batch}: {seen[-1]} letters before and behind, {reply['tokens_evaluated']} tokens in all")
leave(all(abs(a - b) < 8 for a, b in zip(sum(seen, ()), (1536, 512, 3000, 1024), strict=True)))
PY
