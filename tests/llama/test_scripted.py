"""Scripted models are real: llama-server loads each kind of them, and it gives its scripted answer."""

import json
from pathlib import Path

import pytest

from paddock.llama.gguf import shards
from paddock.llama.scripted import Arch, ScriptedModel, write, write_split
from tests.engine.server import ENGINES, engine_command, ready

SMALL = ("--ctx-size", "1024", "--parallel", "1", "--threads", "1", "--no-warmup")
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


@pytest.mark.parametrize("kind", ENGINES)
@pytest.mark.parametrize("arch", ["llama", "gemma3", "qwen3moe", "mamba", "jamba"])
def test_a_model_of_each_architecture_answers_its_sentence(tmp_path: Path, kind: str, arch: Arch):
    sentence = f"Hello, this is {arch} speaking."
    model = write(tmp_path / "m.gguf", ScriptedModel(say=sentence, arch=arch, experts=4))
    with ready(engine_command(kind), tmp_path, "--model", str(model), *SMALL) as server:
        assert server.answer() == sentence


@pytest.mark.parametrize("kind", ENGINES)
def test_a_padded_vocabulary_changes_neither_the_answer_nor_the_log(tmp_path: Path, kind: str):
    model = write(tmp_path / "m.gguf", ScriptedModel(say="Still the same.", vocab=5000))
    flags = ("--model", str(model), *SMALL, "--verbosity", "5")
    with ready(engine_command(kind), tmp_path, *flags) as server:
        assert server.answer() == "Still the same."
        log = server.err.read_text() + server.out.read_text()
    assert "n_vocab               = 5000" in log
    assert log.count("<|pad") < 10


@pytest.mark.parametrize("kind", ENGINES)
def test_a_split_model_is_loaded_from_its_first_shard(tmp_path: Path, kind: str):
    first, *rest = write_split(tmp_path / "m", ScriptedModel(say="All of one piece."), shards=3)
    assert first.name == "m-00001-of-00003.gguf"
    assert [first, *rest] == shards(first)
    with ready(engine_command(kind), tmp_path, "--model", str(first), *SMALL) as server:
        assert server.answer() == "All of one piece."


def test_it_thinks_and_calls_tools_when_scripted_to(tmp_path: Path):
    script = ScriptedModel(
        say="It rains.", think="Shall I look?", tool=("get_weather", '{"city": "Paris"}')
    )
    model = write(tmp_path / "m.gguf", script)
    with ready(engine_command("embedded"), tmp_path, "--model", str(model), *SMALL) as server:
        plain = server.chat()
        assert (plain["content"], plain["reasoning_content"].strip()) == ("It rains.", script.think)
        (call,) = server.chat(tools=[WEATHER])["tool_calls"]
        assert call["function"]["name"] == "get_weather"
        assert json.loads(call["function"]["arguments"]) == {"city": "Paris"}


def test_an_endless_one_is_only_stopped_by_the_limit(tmp_path: Path):
    model = write(tmp_path / "m.gguf", ScriptedModel(say="On and on.", endless=True))
    with ready(engine_command("embedded"), tmp_path, "--model", str(model), *SMALL) as server:
        assert server.chat(max_tokens=40)["content"].startswith("On and on.On and on.")


@pytest.mark.parametrize("arch", ["llama", "gemma3", "qwen3moe", "mamba", "jamba"])
def test_a_target_size_is_met_and_takes_no_room_on_disk(tmp_path: Path, arch: Arch):
    script = ScriptedModel(say="Big.", arch=arch, target_mib=64)
    facts = write(tmp_path / "m.gguf", script).stat()
    assert 62 << 20 < facts.st_size < 66 << 20
    assert facts.st_blocks * 512 < facts.st_size / 8


def test_a_dense_one_is_really_there_and_says_the_same(tmp_path: Path):
    script = ScriptedModel(say="Every byte.", target_mib=16, ftype="q4_0", dense=True)
    model = write(tmp_path / "m.gguf", script)
    assert model.stat().st_blocks * 512 >= model.stat().st_size - 4096
    with ready(engine_command("embedded"), tmp_path, "--model", str(model), *SMALL) as server:
        assert server.answer() == "Every byte."


def test_impossible_scripts_are_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="at least 2"):
        write_split(tmp_path / "m", ScriptedModel(say="Hm."), shards=1)
    with pytest.raises(ValueError, match="cannot fill 999"):
        write_split(tmp_path / "m", ScriptedModel(say="Hm."), shards=999)
    with pytest.raises(json.JSONDecodeError):
        write(tmp_path / "m.gguf", ScriptedModel(say="Hm.", tool=("f", "no json")))
