#!/bin/sh
# litellm 1.81.10 with openai 2.20.0: an OpenAI-style error inside a chat's stream is classified by words in
# its MESSAGE. `"type": "invalid_request_error"` and `"code"` of the error are not looked at: it becomes an
# APIConnectionError, which programs (aider) take for a broken line and ask again and again. The same error
# whose message holds the text "invalid_request_error" becomes a BadRequestError, which ends the turn.
#
# Seen 2026-11-30:
#   type invalid_request_error, message "no such disk" -> APIConnectionError
#   type invalid_request_error, message "no such disk [invalid_request_error]" -> BadRequestError
# Exits 1 where that has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check litellm==1.81.10 openai==2.20.0
cat >"$folder/try.py" <<'PY'
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import litellm

litellm.suppress_debug_info = True


class Server(BaseHTTPRequestHandler):
    def log_message(self, *_): ...

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        message = asked["messages"][0]["content"]
        error = {"message": message, "type": "invalid_request_error", "code": "bad", "param": None}
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        self.wfile.write(b"data: " + json.dumps({"error": error}).encode() + b"\n\n")


server = HTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
base = f"http://127.0.0.1:{server.server_port}/v1"


def outcome(message):
    messages = [{"role": "user", "content": message}]
    try:
        for _ in litellm.completion(
            "openai/m", messages, api_base=base, api_key="-", stream=True, num_retries=0
        ):
            pass
    except Exception as error:
        return type(error).__name__
    return "no error"


seen = {m: outcome(m) for m in ("no such disk", "no such disk [invalid_request_error]")}
for message, name in seen.items():
    print(f'type invalid_request_error, message "{message}" -> {name}')
sys.exit(list(seen.values()) != ["APIConnectionError", "BadRequestError"])
PY
"$folder/venv/bin/python" "$folder/try.py"
