#!/bin/sh
# huggingface_hub 2.4.0: a connection that breaks more often than every 10 MiB never brings a file, however often it is resumed.
#
# The library writes pieces of 10 MiB (constants.DOWNLOAD_CHUNK_SIZE) and resumes from what is written: what had come of
# a piece is lost with the cut. Here a hub serves ranges of a file of 30 MiB and ends each reply after 8 MiB:
# hf_hub_download asks again and again from byte 0, and gives up after its five tries, with 48 MiB fetched.
# With DOWNLOAD_CHUNK_SIZE = 128 KiB the same file comes in four replies.
#
# Exits 0 while that is so, 1 when it has changed. The hub here is a small server on loopback.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check huggingface_hub==2.4.0
"$folder/venv/bin/python" - "$folder" <<'PYTHON'
import os
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SIZE, CUT = 30 << 20, 8 << 20
starts = []


class Hub(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def head(self):
        found = re.match(r"bytes=(\d+)-", self.headers.get("Range") or "")
        start = int(found[1]) if found else 0
        self.send_response(206 if found else 200)
        if found:
            self.send_header("Content-Range", f"bytes {start}-{SIZE - 1}/{SIZE}")
        self.send_header("X-Repo-Commit", "a" * 40)
        self.send_header("ETag", '"' + "b" * 40 + '"')
        self.send_header("Content-Length", str(SIZE - start))
        self.end_headers()
        return start

    def do_HEAD(self):
        self.head()

    def do_GET(self):
        if "/resolve/" not in self.path:
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        start = self.head()
        starts.append(start)
        self.wfile.write(b"x" * min(CUT, SIZE - start))
        self.close_connection = True

    def log_message(self, *_):
        pass


hub = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
threading.Thread(target=hub.serve_forever, daemon=True).start()
os.environ |= {
    "HF_HOME": sys.argv[1],
    "HF_ENDPOINT": f"http://127.0.0.1:{hub.server_port}",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
}

from huggingface_hub import constants, hf_hub_download  # noqa: E402 (reads the environment)


def came(name):
    starts.clear()
    try:
        hf_hub_download("owner/repo", name)
    except Exception as error:
        print(type(error).__name__, end=" ")
        return False
    return True


usual = came("one.gguf")
print("in pieces of 10 MiB:", "whole" if usual else "never whole", starts)
constants.DOWNLOAD_CHUNK_SIZE = 128 << 10
small = came("two.gguf") or False
print("in pieces of 128 KiB:", "whole" if small else "never whole", starts)
sys.exit(0 if small and not usual else 1)
PYTHON
