#!/bin/sh
# llama-server calls it its own fault (500) when a request can never work, so that client libraries send it three times.
#
# xllamacpp 2026.10.11549 (llama.cpp 11549; the same with build 11434) and openai 3.57.0:
#   a picture for a model without eyes                  500 "image input is not supported", asked 3 times
#   a text of 700 tokens to embed, physical batch 512   500 "too large to process", asked 3 times
#   a prompt longer than the context                    400, asked once
# A 5xx means "try again later" to every SDK (openai and anthropic: twice more, with pauses), and to agents, which
# then wait and go on asking; the two here are refused for good, and the last line shows that the server knows how.
# Exits 0 while that is so, 1 when it has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check xllamacpp==2026.10.11549 gguf==0.19.0 openai==3.57.0 httpx==0.28.1
PYTHONPATH=$(dirname "$0") "$folder/venv/bin/python" -B - "$folder/model.gguf" <<'PY'
import sys

import httpx
import xllamacpp
from openai import APIStatusError, OpenAI
from tiny_model import PLAIN, write_speaker
from tiny_server import leave, serve

write_speaker(sys.argv[1], ["Yes,", "▁we", "▁do."], PLAIN)
picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
mean = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN


def asked(server, what):
    """Status of the refusal, and how often the library asked."""
    times = []
    watched = httpx.Client(event_hooks={"request": [times.append]})
    client = OpenAI(base_url=server + "/v1", api_key="none", http_client=watched)
    try:
        what(client)
    except APIStatusError as error:
        print(error.status_code, f"asked {len(times)} times:", error.body["message"])
        return error.status_code, len(times)
    return 200, len(times)


def chat(content):
    return lambda client: client.chat.completions.create(
        model="x", messages=[{"role": "user", "content": content}], max_tokens=1
    )


chats, embeddings = serve(sys.argv[1]), serve(sys.argv[1], embedding=True, pooling_type=mean)
seen = [
    asked(chats, chat([{"type": "text", "text": "What is it?"}, picture])),
    asked(embeddings, lambda client: client.embeddings.create(model="x", input="a" * 700)),
    asked(chats, chat("a" * 5000)),
]
leave(seen == [(500, 3), (500, 3), (400, 1)])
PY
