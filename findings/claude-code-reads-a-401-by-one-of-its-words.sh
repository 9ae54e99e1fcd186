#!/bin/sh
# Claude Code replaces a 401's message by one of its own where it contains "x-api-key", and shows any other one as it is.
#
# @anthropic-ai/claude-code 2.1.197, `claude -p`, with ANTHROPIC_BASE_URL and ANTHROPIC_API_KEY set, against a server that
# answers each request with 401 and an error of Anthropic's shape. What its user reads:
#   message "this server wants another key"             "Failed to authenticate. API Error: 401 this server wants another key"
#   message "send another key as x-api-key"             "Invalid API key · Fix external API key"
# So a hint of a proxy that names the header in which to send a key is never read.
# Exits 0 while that is so, 1 when it has changed; after some eight minutes, as it asks for long before it shows either.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
(cd "$dir" && npm install --silent --no-audit --no-fund @anthropic-ai/claude-code@2.1.197 >/dev/null 2>&1)
python3 -B - "$dir" <<'PY'
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

folder = sys.argv[1]
MESSAGES = ["this server wants another key", "send another key as x-api-key"]
now = {"message": ""}


class Refusal(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.do_GET()

    def do_GET(self):
        error = {"type": "authentication_error", "message": now["message"]}
        body = json.dumps({"type": "error", "error": error}).encode()
        self.send_response(401)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Refusal)
threading.Thread(target=server.serve_forever, daemon=True).start()
own = {name: value for name, value in os.environ.items() if not name.startswith(("ANTHROPIC", "CLAUDE"))}
own |= {
    "HOME": folder,
    "CLAUDE_CONFIG_DIR": folder + "/config",
    "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{server.server_port}",
    "ANTHROPIC_API_KEY": "some-key",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "HTTPS_PROXY": "http://127.0.0.1:9",  # nothing of this is for anybody outside
    "NO_PROXY": "127.0.0.1",
}
seen = []
for message in MESSAGES:
    now["message"] = message
    command = [folder + "/node_modules/.bin/claude", "-p", "hi"]
    done = subprocess.run(command, env=own, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
    seen.append((done.stdout + done.stderr).strip())
    print(f"the server says {message!r}; Claude Code shows {seen[-1]!r}")
as_seen = MESSAGES[0] in seen[0] and "Invalid API key" in seen[1] and MESSAGES[1] not in seen[1]
sys.exit(0 if as_seen else 1)
PY
