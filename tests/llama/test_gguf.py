"""What a model file says of itself, and what is said of a file that is none."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from paddock.llama.gguf import GgufError, missing_shards, read_facts, shards, size_bytes
from paddock.llama.scripted import ScriptedModel, write, write_split


def test_a_dense_model_keeps_keys_and_values_in_every_layer(tmp_path: Path):
    facts = read_facts(write(tmp_path / "m.gguf", ScriptedModel(say="Hi.", layers=3, ctx=8192)))
    assert (facts.architecture, facts.n_layers, facts.kv_layers) == ("llama", 3, 3)
    assert (facts.n_ctx_train, facts.n_embd, facts.heads) == (8192, 256, 4)
    assert (facts.kv_heads, facts.key_length, facts.value_length) == ((2, 2, 2), 64, 64)
    assert (facts.experts, facts.experts_used, facts.file_type) == (0, 0, "MOSTLY_Q8_0")
    assert facts.size_bytes == (tmp_path / "m.gguf").stat().st_size


def test_a_hybrid_keeps_them_in_its_attention_layers_only(tmp_path: Path):
    facts = read_facts(write(tmp_path / "m.gguf", ScriptedModel(say="Hi.", arch="jamba")))
    assert (facts.n_layers, facts.kv_layers, facts.kv_heads) == (4, 2, (0, 2, 0, 2))


def test_a_recurrent_model_keeps_none(tmp_path: Path):
    facts = read_facts(write(tmp_path / "m.gguf", ScriptedModel(say="Hi.", arch="mamba")))
    assert (facts.kv_layers, facts.key_length) == (0, None)


def test_experts_are_counted(tmp_path: Path):
    script = ScriptedModel(say="Hi.", arch="qwen3moe", experts=6, experts_used=2)
    facts = read_facts(write(tmp_path / "m.gguf", script))
    assert (facts.experts, facts.experts_used) == (6, 2)


def test_any_shard_stands_for_the_whole_model(tmp_path: Path):
    files = write_split(tmp_path / "m", ScriptedModel(say="Hi."), shards=3)
    total = sum(file.stat().st_size for file in files)
    for file in files:
        facts = read_facts(file)
        assert (facts.architecture, facts.n_layers, facts.size_bytes) == ("llama", 4, total)
        assert facts.shards == tuple(map(str, files))
        assert size_bytes(file) == total


def test_a_missing_shard_is_named(tmp_path: Path):
    first, second, third = write_split(tmp_path / "m", ScriptedModel(say="Hi."), shards=3)
    second.unlink()
    assert missing_shards(third) == [second]
    with pytest.raises(GgufError, match=second.name) as failure:
        read_facts(first)
    assert "3 shards" in failure.value.hint


def test_a_plain_name_is_its_own_only_shard():
    assert shards(Path("/m/a-7b.gguf")) == [Path("/m/a-7b.gguf")]
    assert shards(Path("/m/a-00002-of-00002.gguf"))[0] == Path("/m/a-00001-of-00002.gguf")


@pytest.mark.parametrize("length", [6, 2_000, 100_000])
def test_a_truncated_file_is_known_by_its_length(tmp_path: Path, length: int):
    whole = write(tmp_path / "m.gguf", ScriptedModel(say="Hi."))
    (tmp_path / "cut.gguf").write_bytes(whole.read_bytes()[:length])
    with pytest.raises(GgufError, match=r"cut\.gguf is truncated"):
        read_facts(tmp_path / "cut.gguf")


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>" * 9])
def test_another_file_is_no_gguf(tmp_path: Path, content: bytes):
    (tmp_path / "m.gguf").write_bytes(content)
    with pytest.raises(GgufError, match="is not a GGUF file"):
        read_facts(tmp_path / "m.gguf")


def in_a_process(path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "paddock.llama.gguf", str(path)]
    return subprocess.run(command, capture_output=True, text=True)


def test_the_daemon_reads_facts_in_a_process_of_its_own(tmp_path: Path):
    done = in_a_process(write(tmp_path / "m.gguf", ScriptedModel(say="Hi.")))
    assert done.returncode == 0
    assert json.loads(done.stdout)["architecture"] == "llama"
    failed = in_a_process(tmp_path / "nowhere.gguf")
    assert failed.returncode == 1
    assert json.loads(failed.stderr)["code"] == "model_unreadable"


def test_importing_it_brings_no_numpy():
    check = "import sys, paddock.llama.gguf, paddock.placement.estimate; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check]).returncode == 0
