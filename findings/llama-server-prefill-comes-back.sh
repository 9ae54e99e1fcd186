#!/bin/sh
# llama-server repeats a prefilled answer in its reply, unless one streams.
#
# xllamacpp 2026.10.11549 (llama.cpp 11549). The last message is an assistant's, "sta"; the model goes on with "ble".
#   /v1/chat/completions, /v1/messages, not streamed    "stable"
#   /v1/chat/completions, /v1/messages, streamed        "ble"
# Anthropic's API, where prefilling comes from, replies with the continuation alone, and so do programs that put
# prefill and reply together: they now have "stastable", and only where they do not stream. The token count is
# that of the continuation. (Build 11434 repeated it in streams as well.)
# Exits 0 while that is so, 1 when it has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check xllamacpp==2026.10.11549 gguf==0.19.0
PYTHONPATH=$(dirname "$0") "$folder/venv/bin/python" -B - "$folder/model.gguf" <<'PY'
import json
import sys

from tiny_model import PLAIN, write_speaker
from tiny_server import ask, leave, send, serve


def streamed(path, **body):
    """The text of all deltas of a stream, OpenAI's or Anthropic's."""
    text = ""
    with send(server + path, {**body, "stream": True}) as reply:
        for line in reply.read().decode().splitlines():
            if line.startswith("data: {"):
                event = json.loads(line[6:])
                delta = event["choices"][0]["delta"] if "choices" in event else event.get("delta", {})
                text += delta.get("content") or delta.get("text") or ""
    return text


write_speaker(sys.argv[1], list("stable"), PLAIN)
server = serve(sys.argv[1])
messages = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "sta"}]
body = {"messages": messages, "max_tokens": 20, "temperature": 0}
seen = {
    "/v1/chat/completions": ask(server + "/v1/chat/completions", **body)["choices"][0]["message"]["content"],
    "/v1/messages": ask(server + "/v1/messages", **body)["content"][0]["text"],
    "/v1/chat/completions streamed": streamed("/v1/chat/completions", **body),
    "/v1/messages streamed": streamed("/v1/messages", **body),
}
for door, text in seen.items():
    print(f"{door}: {text!r}")
leave(list(seen.values()) == ["stable", "stable", "ble", "ble"])
PY
