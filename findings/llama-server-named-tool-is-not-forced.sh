#!/bin/sh
# A tool choice that names one tool, valid in all three APIs, forces nothing at llama-server; nor is "none" kept
# by its Anthropic door.
#
# xllamacpp 2026.10.11549 (llama.cpp 11549; the same with build 11434). The model here always wants tool "one".
#   /v1/chat/completions  tool_choice {"type": "function", "function": {"name": "two"}}  -> calls one
#   /v1/responses         tool_choice {"type": "function", "name": "two"}                -> calls one
#   /v1/messages          tool_choice {"type": "tool", "name": "two"}                    -> calls one
#   /v1/messages          tool_choice {"type": "none"}                                   -> calls one
#   /v1/chat/completions  tool_choice "none"                                             -> calls nothing, as asked
# All answer 200. OpenAI's object is read as "auto" (the log says once: "Wrong type supplied for parameter
# 'tool_choice', using default value"), Anthropic's "tool" as "any tool", its "none" as nothing at all, unlogged.
# Programs that force a tool to get structured data (LangChain, Instructor) get another tool's arguments, or prose.
# Exits 0 while that is so, 1 when it has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check xllamacpp==2026.10.11549 gguf==0.19.0
cat > "$folder/try.py" <<'PY'
import json
import os
import sys
import urllib.request

import numpy as np
import xllamacpp
from gguf import GGUFWriter

TEMPLATE = """
{%- if tools %}Call one of {% for t in tools %}{{ t | tojson }}{%- endfor %} as
<tool_call>
{"name": ..., "arguments": ...}
</tool_call>
{% endif %}
{%- for m in messages %}{{ m.role + ':' + (m.content or '') }}
{%- for c in m.tool_calls or [] %}<tool_call>
{"name": "{{ c.function.name }}", "arguments": {{ c.function.arguments | tojson }}}
</tool_call>{%- endfor %}{{ '\n' }}{%- endfor %}{{ 'assistant>' }}"""
CALL = ["<tool_call>\n", '{"name":▁"one",▁"arguments":▁', '{"x":▁"q"}', "}\n</tool_call>"]


def write(path, chain, template):
    """A model whose one layer does nothing: after ">" it says the words of `chain`, whatever was asked."""
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *dict.fromkeys(chain)]
    writer = GGUFWriter(path, "llama")
    writer.add_context_length(4096)
    writer.add_embedding_length(64)
    writer.add_block_count(1)
    writer.add_feed_forward_length(64)
    writer.add_head_count(1)
    writer.add_head_count_kv(1)
    writer.add_rope_dimension_count(64)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types([2, 3, 3, *[6] * 256, *[1] * (len(tokens) - 259)])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_chat_template(template)
    embedding = np.random.default_rng(1).choice([-1, 1], (len(tokens), 64)).astype(np.float32)
    output = np.zeros_like(embedding)
    ids = [3 + ord(">"), *(tokens.index(word) for word in chain), 2]
    for now, then in zip(ids, ids[1:]):
        output[then] += embedding[now] * (30 / 64)
    for name in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"):
        writer.add_tensor(f"blk.0.{name}.weight", np.zeros((64, 64), np.float32))
    for name in ("blk.0.attn_norm", "blk.0.ffn_norm", "output_norm"):
        writer.add_tensor(f"{name}.weight", np.ones(64, np.float32))
    writer.add_tensor("token_embd.weight", embedding)
    writer.add_tensor("output.weight", output)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def serve(path):
    params = xllamacpp.CommonParams()
    params.model.path, params.n_ctx, params.port = path, 4096, 0
    params.warmup, params.verbosity, params.cpuparams.n_threads = False, 0, 1
    return xllamacpp.Server(params)


def ask(path, **body):
    request = urllib.request.Request(
        server.listening_address + path, json.dumps(body).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request) as reply:
        return json.load(reply)


def called(path, **body):
    """The name of the tool that the reply calls, whichever API's shape it has."""
    reply = ask(path, temperature=0, **body)
    if "choices" in reply:
        calls = reply["choices"][0]["message"].get("tool_calls", [])
        return calls[0]["function"]["name"] if calls else None
    parts = reply["output"] if "output" in reply else reply["content"]
    return next((part["name"] for part in parts if part["type"] in ("function_call", "tool_use")), None)


write(sys.argv[1], CALL, TEMPLATE)
server = serve(sys.argv[1])
schema = {"type": "object", "properties": {"x": {"type": "string"}}, "required": ["x"]}
plain = [{"name": name, "description": name, "parameters": schema} for name in ("one", "two")]
chat = {"messages": [{"role": "user", "content": "hello"}]}
openai = chat | {"tools": [{"type": "function", "function": tool} for tool in plain]}
responses = {"input": "hello", "tools": [{"type": "function", **tool} for tool in plain]}
anthropic = chat | {"max_tokens": 50}
anthropic["tools"] = [{"name": name, "description": name, "input_schema": schema} for name in ("one", "two")]
asked = [
    ("/v1/chat/completions", openai, {"type": "function", "function": {"name": "two"}}, "one"),
    ("/v1/responses", responses, {"type": "function", "name": "two"}, "one"),
    ("/v1/messages", anthropic, {"type": "tool", "name": "two"}, "one"),
    ("/v1/messages", anthropic, {"type": "none"}, "one"),
    ("/v1/chat/completions", openai, "none", None),
]
as_seen = True
for path, body, choice, expected in asked:
    name = called(path, **body, tool_choice=choice)
    print(f"{path:21} tool_choice {json.dumps(choice):60} -> calls {name}")
    as_seen = as_seen and name == expected
sys.stdout.flush()
os._exit(0 if as_seen else 1)  # at once: the server's threads are native
PY
"$folder/venv/bin/python" "$folder/try.py" "$folder/model.gguf"
