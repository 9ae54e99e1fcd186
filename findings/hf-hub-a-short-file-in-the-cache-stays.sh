#!/bin/sh
# huggingface_hub 2.4.0 returns a cached file that is shorter than the hub says, each time it is asked, online too.
#
# A file of 1,000 bytes is in the cache, and 10 bytes of it are left (a disk that was full, a copy of the cache that
# broke off). hf_hub_download asks the hub, which answers with the length, 1000, and the same ETag:
#   hf_hub_download(...)                      returns the file of 10 bytes; one HEAD, no GET
#   hf_hub_download(..., dry_run=True)        file_size 1000, is_cached True, will_download False
#   scan_cache_dir().warnings                 none
#   hf_hub_download(..., force_download=True) fetches it
# The length is at hand in every one of these calls and is not compared; the name (the ETag) decides alone.
# The loader then refuses a file that has just been "downloaded" again.
# Exits 0 while that is so, 1 when it has changed. The hub here is a small server on loopback.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check huggingface_hub==2.4.0
cat > "$folder/try.py" <<'PY'
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

asked = []


class Hub(BaseHTTPRequestHandler):
    def log_message(self, *_): ...

    def do_HEAD(self):
        asked.append(self.command)
        self.send_response(200)
        self.send_header("content-length", "1000")
        self.send_header("etag", f'"{"e" * 40}"')
        self.send_header("x-repo-commit", "a" * 40)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(b"w" * 1000)

    do_GET = do_HEAD


hub = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
threading.Thread(target=hub.serve_forever, daemon=True).start()
os.environ |= {
    "HF_HOME": sys.argv[1],
    "HF_ENDPOINT": f"http://127.0.0.1:{hub.server_port}",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
}

from huggingface_hub import hf_hub_download, scan_cache_dir  # noqa: E402 (reads the environment)

path = hf_hub_download("owner/repo", "weights.gguf")
os.truncate(os.path.realpath(path), 10)
asked.clear()
again = os.path.getsize(hf_hub_download("owner/repo", "weights.gguf"))
requests = list(asked)
print(f"asked again: {again} bytes, requests {requests}")
plan = hf_hub_download("owner/repo", "weights.gguf", dry_run=True)
print(f"dry run: file_size {plan.file_size}, is_cached {plan.is_cached}, will_download {plan.will_download}")
warnings = scan_cache_dir(os.path.join(sys.argv[1], "hub")).warnings
print(f"scan_cache_dir: {len(warnings)} warnings")
forced = os.path.getsize(hf_hub_download("owner/repo", "weights.gguf", force_download=True))
print(f"forced: {forced} bytes")
as_seen = (again, requests, plan.will_download, len(warnings), forced) == (10, ["HEAD"], False, 0, 1000)
sys.exit(0 if as_seen else 1)
PY
"$folder/venv/bin/python" "$folder/try.py" "$folder/cache"
