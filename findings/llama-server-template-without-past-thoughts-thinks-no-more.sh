#!/bin/sh
# A chat template that leaves the thoughts of past turns out has thinking switched off by llama-server.
#
# xllamacpp 2026.10.11549 (llama.cpp 11549; the same with build 11434). Two templates, both with the usual
# `{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>{% endif %}`, asked alike:
#   one that renders the reasoning_content of earlier answers    -> the model thinks
#   the same without that part                                   -> the prompt ends with an empty <think></think>
# llama-server looks for a rendered reasoning_content to learn whether the model can think; where it finds none, it
# passes enable_thinking = false, which the template then obeys. Whoever shortens a template to save context (past
# thoughts are what one cuts) has a model that answers worse and no sign of it; chat_template_kwargs
# {"enable_thinking": true} brings the thoughts back, as plain text within the content.
# Exits 0 while that is so, 1 when it has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check xllamacpp==2026.10.11549 gguf==0.19.0
PYTHONPATH=$(dirname "$0") "$folder/venv/bin/python" -B - "$folder/model.gguf" <<'PY'
import sys

from tiny_model import PAST_THOUGHTS, THINKING, THOUGHTS, write_speaker
from tiny_server import ask, leave, serve

seen = []
for name, past in (("with past thoughts", PAST_THOUGHTS), ("without", "")):
    model = f"{sys.argv[1]} {name}"
    write_speaker(model, THOUGHTS, THINKING.replace(PAST_THOUGHTS, past), more=[("\n", "Yes,")])
    server = serve(model)
    messages = [{"role": "user", "content": "hello"}]
    prompt = ask(server + "/apply-template", messages=messages)["prompt"]
    reply = ask(server + "/v1/chat/completions", messages=messages, max_tokens=20, temperature=0)
    message = reply["choices"][0]["message"]
    seen.append((prompt.endswith("assistant>"), "reasoning_content" in message))
    print(f"template {name}: prompt {prompt!r}, reply {message}")
forced = ask(
    server + "/v1/chat/completions", messages=messages, max_tokens=20, temperature=0,
    chat_template_kwargs={"enable_thinking": True},
)["choices"][0]["message"]  # fmt: skip
print(f"and with enable_thinking true: {forced}")
seen.append("<think>" in forced["content"])
leave(seen == [(True, True), (False, False), True])
PY
