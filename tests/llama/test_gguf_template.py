"""What a chat template mentions, on the ways in which real ones say it."""

from pathlib import Path

import pytest

from paddock.llama.gguf_read import read_facts
from paddock.llama.gguf_template import handled
from paddock.llama.scripted import ScriptedModel, write
from tests.engine.server import ENGINES, engine_command, ready
from tests.llama.headers import facts_of

SMALL = ("--ctx-size", "1024", "--parallel", "1", "--threads", "1", "--no-warmup")


@pytest.mark.parametrize("kind", ENGINES)
def test_llama_server_finds_the_same_in_a_scripted_models_template(tmp_path: Path, kind: str):
    model = write(tmp_path / "m.gguf", ScriptedModel(say="Hi."))
    with ready(engine_command(kind), tmp_path, "--model", str(model), *SMALL) as server:
        caps = server.call("GET", "/props")[1]["chat_template_caps"]
    assert (caps["supports_tools"], caps["supports_system_role"]) == (True, True)
    assert read_facts(model).template == ("tools", "thinking", "system")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{{ '<|im_start|>' + message['role'] + message.content }}", "system"),
        ("{%- if messages[0].role == 'system' %}x{% endif %}", "system"),
        ("{{ raise_exception('System role not supported') }}{% if role == 'system' %}", ""),
        ("{{ messages[0]['content'] }} system tools", ""),
        ("{%- if tools is defined and tools %}{{ tools | tojson }}{% endif %}", "tools"),
        ("{{ message.tools }}{{ 'tools' }}", ""),
        ("{%- if enable_thinking is false %}", "thinking"),
        ("{{ content.split('</think>')[-1] }}", "thinking"),
        ("{{ message.thinking }}", "thinking"),
        ("[THINK]{{ x }}[/THINK]", "thinking"),
        ("{%- if part.type == 'image' or part.type == \"image_url\" %}", "images"),
        ("{% if part['type'] == 'audio' %}", "audio"),
        ("", ""),
    ],
)
def test_a_word_stands_for_what_the_text_mentions(text: str, words: str):
    assert " ".join(handled(text)) == words


def test_a_second_template_for_tools_counts(tmp_path: Path):
    plain = {"tokenizer__chat_template": "{{ messages }}"}
    assert facts_of(tmp_path, "llama", **plain).template == ()
    tool_use = {"tokenizer__chat_template__tool_use": "{{ tools }}"}
    assert facts_of(tmp_path, "llama", **plain, **tool_use).template == ("tools",)


def test_without_a_template_there_is_none(tmp_path: Path):
    facts = facts_of(tmp_path, "llama", block_count=1)
    assert (facts.has_template, facts.template) == (False, ())
