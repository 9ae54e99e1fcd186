#!/bin/sh
# openai 3.57.0 for Python: leaving a stream's loop does not end the stream, so the server generates on, for nobody.
#
# llama-server (xllamacpp 2026.10.11549), which ends a reply as soon as its client is gone, and a reply of 60,000 tokens.
# One second after the first chunk, is its slot still busy?
#   for chunk in client.chat.completions.create(…, stream=True): break      yes, also when the function has returned
#   the same with an exception in the loop                                  yes
#   async for chunk in await client.chat.completions.create(…): break       yes
#   with client.chat.completions.create(…, stream=True) as stream: …break   no
#   stream.close()                                                          no
#   gc.collect()                                                            no
# Nothing holds the stream in the first three, but it is part of a circle of references, which Python's collector finds at some
# time later. Until then the reply fills the buffers of the connection, and takes a slot from all others. A program that
# stops at a stop word of its own, or at the first line, keeps its server busy with all that it did not want.
# Exits 0 while that is so, 1 when it has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check xllamacpp==2026.10.11549 gguf==0.19.0 openai==3.57.0
PYTHONPATH=$(dirname "$0") "$folder/venv/bin/python" -B - "$folder/model.gguf" <<'PY'
import asyncio
import gc
import sys
import time

import openai
from tiny_model import PLAIN, write_speaker
from tiny_server import ask, leave, serve

path = sys.argv[1]
write_speaker(path, ["Yes,", "▁we", "▁do."], PLAIN, context=65536)
server = serve(path, n_ctx=65536)
client = openai.OpenAI(base_url=server + "/v1", api_key="none")
request = {
    "model": "any",
    "messages": [{"role": "user", "content": "hello"}],
    "stream": True,
    "max_tokens": 60000,
    "extra_body": {"ignore_eos": True},
}


def is_busy():
    return any(slot["is_processing"] for slot in ask(server + "/slots"))


def left():
    for _ in client.chat.completions.create(**request):
        break


def raised():
    try:
        for _ in client.chat.completions.create(**request):
            raise ValueError
    except ValueError:
        pass


async def left_async():
    client = openai.AsyncOpenAI(base_url=server + "/v1", api_key="none")
    async for _ in await client.chat.completions.create(**request):
        break
    await asyncio.sleep(1)
    return is_busy()


def within():
    with client.chat.completions.create(**request) as stream:
        for _ in stream:
            break


def closed():
    stream = client.chat.completions.create(**request)
    next(iter(stream))
    stream.close()


seen = {}
for act in (left, raised, within, closed):
    act()
    time.sleep(1)
    seen[act.__name__] = is_busy()
    gc.collect()
    time.sleep(1)
    seen[act.__name__ + ", collected"] = is_busy()
seen["left_async"] = asyncio.run(left_async())
for name, busy in seen.items():
    print(f"{name:20} {'busy' if busy else 'free'}")
leave([name for name, busy in seen.items() if busy] == ["left", "raised", "left_async"])
PY
