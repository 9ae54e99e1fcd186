#!/bin/sh
# huggingface_hub 2.4.0: fetching one file of a repository makes its other, complete files unfindable offline,
# and gives them to `hf cache prune`.
#
# The cache keeps a snapshot for each commit, and `refs/main` names one. A repository with weights.gguf and
# README.md, of which only the README changes upstream:
#   hf_hub_download(weights.gguf)                               fetched, into the snapshot of commit a
#   hf_hub_download(README.md), or config.json, or mmproj       main is commit b now: snapshot b has this file alone
#   hf_hub_download(weights.gguf, local_files_only=True)        LocalEntryNotFoundError, though it is there and current
#   snapshot_download(local_files_only=True)                    returns a folder without weights, no error
#   hf cache prune --yes                                        deletes commit a "(detached)", the weights with it
# The weights did not change, only another file's commit did. A program that keeps the path (llama-server's --model)
# loses its file to a clean-up that says "unreferenced". Asking for the weights once more while online links them
# into the new snapshot, without a download.
# Exits 0 while that is so, 1 when it has changed. The hub here is a small server on loopback.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check huggingface_hub==2.4.0
cat > "$folder/try.py" <<'PY'
import hashlib
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

files = {"weights.gguf": b"w" * 1000, "README.md": b"first"}
commit = "a" * 40
sent = []


class Hub(BaseHTTPRequestHandler):
    def log_message(self, *_): ...

    def do_HEAD(self):
        name = self.path.partition("/resolve/main/")[2] or self.path.rpartition("/")[2]
        if name not in files:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("content-length", str(len(files[name])))
        self.send_header("etag", f'"{hashlib.sha1(files[name]).hexdigest()}"')
        self.send_header("x-repo-commit", commit)
        self.end_headers()
        if self.command == "GET":
            sent.append(name)
            self.wfile.write(files[name])

    do_GET = do_HEAD


hub = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
threading.Thread(target=hub.serve_forever, daemon=True).start()
os.environ |= {
    "HF_HOME": sys.argv[1],
    "HF_ENDPOINT": f"http://127.0.0.1:{hub.server_port}",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
}

from huggingface_hub import hf_hub_download, snapshot_download  # noqa: E402 (reads the environment)
from huggingface_hub.errors import LocalEntryNotFoundError  # noqa: E402

weights = hf_hub_download("owner/repo", "weights.gguf")
files["README.md"], commit = b"second", "b" * 40
hf_hub_download("owner/repo", "README.md")
try:
    offline = hf_hub_download("owner/repo", "weights.gguf", local_files_only=True)
except LocalEntryNotFoundError as error:
    offline = type(error).__name__
print("weights.gguf is there:", os.path.exists(weights), "- asked for offline:", offline)
snapshot = os.listdir(snapshot_download("owner/repo", local_files_only=True))
print("snapshot_download offline:", snapshot)
prune = [os.path.join(os.path.dirname(sys.executable), "hf"), "cache", "prune", "--yes"]
said = subprocess.run(prune, capture_output=True, text=True, check=True).stdout
print("hf cache prune:", " ".join(line.strip() for line in said.splitlines() if "detached" in line))
print("weights.gguf is there:", os.path.exists(weights))
as_seen = offline == "LocalEntryNotFoundError" and snapshot == ["README.md"] and not os.path.exists(weights)
sys.exit(0 if as_seen and sent == ["weights.gguf", "README.md"] else 1)
PY
"$folder/venv/bin/python" "$folder/try.py" "$folder/cache"
