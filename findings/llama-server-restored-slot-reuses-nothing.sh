#!/bin/sh
# llama-server answers that it restored a slot, and then reads the whole prompt again.
#
# A model with a sliding window (gemma3) or a recurrent state: `POST /slots/0?action=restore` says 200 with
# `n_restored` = all tokens, and the next turn of that conversation has `cache_n` 0 ("forcing full prompt
# re-processing due to lack of cache data"). The file holds no context checkpoints. Nothing in the reply says so;
# only `cache_n` of the next request does.
#
# Seen with xllamacpp 2026.9.11063 (llama.cpp 11063), and with llama-server 11434; xllamacpp 2026.10.11549 saves
# checkpoints and reuses nearly all: run here too, for comparison.
# Exits 0 while that is so, 1 when it has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/try.py" <<'PY'
"""`try.py FOLDER write|save|restore`: each in a process of its own."""
import sys

from tiny_model import PLAIN, add_layer, begin, finish, signs
from tiny_server import ask, leave, serve

folder, step = sys.argv[1:]
PATH = f"{folder}/model.gguf"


def write():
    """A gemma3 of six layers, five with a window of 256 tokens; all weights of its layers are zero."""
    writer, tokens = begin(PATH, ["a"], context=8192, architecture="gemma3", layers=6)
    writer.add_key_length(64)
    writer.add_value_length(64)
    writer.add_sliding_window(256)
    writer.add_chat_template(PLAIN)
    for layer in range(6):
        add_layer(
            writer, layer, more_norms=["post_attention_norm", "post_ffw_norm", "attn_q_norm", "attn_k_norm"]
        )
    finish(writer, signs(tokens))


if step == "write":
    write()
    sys.exit()
server = serve(PATH, n_ctx=8192, slot_save_path=f"{folder}/")
asked = {"role": "user", "content": "The horses stand in the paddock and wait for their turn. " * 20}
if step == "save":
    reply = ask(server + "/v1/chat/completions", messages=[asked], max_tokens=1, temperature=0)
    answer = reply["choices"][0]["message"]["content"]
    ask(server + "/slots/0?action=save", filename="slot")
    with open(f"{folder}/answer", "w") as file:
        file.write(answer)
else:
    restored = ask(server + "/slots/0?action=restore", filename="slot")["n_restored"]
    with open(f"{folder}/answer") as file:
        answer = {"role": "assistant", "content": file.read()}
    messages = [asked, answer, {"role": "user", "content": "And then?"}]
    reused = ask(server + "/v1/chat/completions", messages=messages, max_tokens=4)["timings"]["cache_n"]
    print(f"n_restored {restored}; the next turn's cache_n: {reused}")
leave(as_seen=True)
PY
for version in 2026.9.11063 2026.10.11549; do
    python3 -m venv --clear "$folder/venv"
    "$folder/venv/bin/pip" install --quiet --disable-pip-version-check xllamacpp==$version gguf==0.19.0
    for step in write save restore; do
        PYTHONPATH=$(dirname "$0") "$folder/venv/bin/python" -B "$folder/try.py" "$folder" $step
    done > "$folder/$version"
    echo "xllamacpp $version: $(cat "$folder/$version")"
done
grep -q "n_restored [1-9].*cache_n: 0$" "$folder/2026.9.11063"
