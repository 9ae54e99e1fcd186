#!/bin/sh
# huggingface_hub 2.4.0: the first call of a process asks the hub for /api/agent-harnesses before what it was called for.
#
# That is a list of coding agents, by whose variables it finds the one that the process runs under; the user agent of all
# further requests names it. A mirror sees one more request, and a hub which agent asks.
# HF_HUB_DISABLE_TELEMETRY=1, set before the import, leaves both out.
#
# Exits 0 while that is so, 1 when it has changed. The hub here is a small server on loopback.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check huggingface_hub==2.4.0
"$folder/venv/bin/python" - "$folder" <<'PYTHON'
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

asked = []


class Hub(BaseHTTPRequestHandler):
    def do_GET(self):
        asked.append(self.path)
        self.send_response(404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


hub = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
threading.Thread(target=hub.serve_forever, daemon=True).start()
os.environ |= {"HF_HOME": sys.argv[1], "HF_ENDPOINT": f"http://127.0.0.1:{hub.server_port}"}
os.environ.pop("HF_HUB_DISABLE_TELEMETRY", None)

from huggingface_hub import HfApi  # noqa: E402 (reads the environment)

try:
    HfApi().model_info("owner/repo")
except Exception:
    pass
print("the hub was asked for", asked)
sys.exit(0 if "/api/agent-harnesses" in asked else 1)
PYTHON
