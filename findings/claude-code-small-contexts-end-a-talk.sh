#!/bin/sh
# Claude Code takes CLAUDE_CODE_AUTO_COMPACT_WINDOW for at least 100,000 tokens, so a conversation on a smaller context
# ends in refusals for good. CLAUDE_CODE_MAX_CONTEXT_TOKENS (documented to act only beside DISABLE_COMPACT) mends that,
# but not for a model whose name begins with "claude-".
#
# @anthropic-ai/claude-code 2.1.197, `claude -p` and `--continue`, with both set to 65536, against a server that answers
# each request at once, counts a token for four bytes and refuses 65,536 of them with 400. Messages of 6,250 tokens:
#   ANTHROPIC_MODEL     summaries asked for   requests too long for the context
#   scout               2                     0
#   anthropic-scout     2                     0
#   claude-scout        0                     7: each message from then on
# The first two say "Prompt is too long" now and then without asking, sum up at the next message and go on.
# A gateway's picker shows only names that begin with "claude" or "anthropic": the latter is the one to take.
# Exits 0 while that is so, 1 when it has changed; after some two minutes.
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

folder, context = sys.argv[1], 65_536
seen = {"summaries": 0, "refused": 0}


class Messages(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        content = self.rfile.read(int(self.headers["content-length"]))
        tokens, asked = len(content) // 4, json.loads(content)
        if tokens >= context:
            seen["refused"] += 1
            error = {"type": "invalid_request_error", "message": f"{tokens} tokens exceed the context of {context}"}
            return self.answer(400, "application/json", json.dumps({"type": "error", "error": error}))
        is_summary = "detailed summary" in json.dumps(asked["messages"][-1])
        seen["summaries"] += is_summary
        text = "<summary>Words.</summary>" if is_summary else "Yes."
        usage = {"input_tokens": tokens, "output_tokens": 3}
        message = {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": usage}
        events = [
            {"type": "message_start", "message": message},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}},
            {"type": "message_stop"},
        ]
        lines = [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events]
        self.answer(200, "text/event-stream", "".join(lines))

    def do_GET(self):
        self.answer(200, "application/json", '{"data": []}')

    def answer(self, status, kind, text):
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Messages)
threading.Thread(target=server.serve_forever, daemon=True).start()
own = {name: value for name, value in os.environ.items() if not name.startswith(("ANTHROPIC", "CLAUDE"))}
own |= {
    "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{server.server_port}",
    "ANTHROPIC_API_KEY": "some-key",
    "CLAUDE_CODE_AUTO_COMPACT_WINDOW": str(context),
    "CLAUDE_CODE_MAX_CONTEXT_TOKENS": str(context),
    "CLAUDE_CODE_MAX_OUTPUT_TOKENS": "16384",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "HTTPS_PROXY": "http://127.0.0.1:9",  # nothing of this is for anybody outside
    "NO_PROXY": "127.0.0.1",
}
as_seen = True
for model in ("scout", "anthropic-scout", "claude-scout"):
    seen.update(summaries=0, refused=0)
    work = f"{folder}/{model}"
    os.mkdir(work)
    mine = own | {"HOME": work, "CLAUDE_CONFIG_DIR": work + "/config", "ANTHROPIC_MODEL": model}
    for turn in range(12):
        command = [folder + "/node_modules/.bin/claude", "-p", *(["--continue"] if turn else [])]
        said = "word " * 5_000 if turn else "hi"
        done = subprocess.run(command, env=mine, cwd=work, input=said, capture_output=True, text=True, timeout=300)
    print(f"{model}: {seen}, at last {done.stdout.strip()[:60]!r}", flush=True)
    as_seen = as_seen and (seen["refused"] > 0) == (model == "claude-scout") and (seen["summaries"] > 0) == (model != "claude-scout")
sys.exit(0 if as_seen else 1)
PY
