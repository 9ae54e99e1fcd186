"""What a model file says of itself, and what is said of a file that is none."""

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest

from paddock.llama.gguf import Facts, GgufError, missing_shards, read_facts, shards, size_bytes
from paddock.llama.scripted import ScriptedModel, write, write_split
from tests.llama.headers import facts_of, header


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


def test_it_says_what_it_is_called_and_how_much_it_is(tmp_path: Path):
    named = {"general__name": "Some Model", "general__size_label": "30B-A3B"}
    facts = facts_of(tmp_path, "llama", **named)
    assert (facts.name, facts.size_label) == ("Some Model", "30B-A3B")
    script = ScriptedModel(say="Hi.", vocab=1000, name="scripted")
    facts = read_facts(write(tmp_path / "m.gguf", script))
    assert (facts.name, facts.n_vocab, facts.kind) == ("scripted", 1000, "model")
    assert facts.n_params == 2 * 1000 * 256 + 9 * 256 + 4 * (
        2 * 256 * 256 + 2 * 128 * 256 + 3 * 512 * 256
    )


@pytest.mark.parametrize(
    ("arch", "declared", "kind"),
    [
        ("clip", "mmproj", "projector"),
        ("clip", "model", "projector"),  # before there was a word for it
        ("llama", "adapter", "adapter"),
        ("llama", "model", "model"),
    ],
)
def test_what_is_no_model_says_so(tmp_path: Path, arch: str, declared: str, kind: str):
    tensors = {"v.blk.0.attn_q.weight": np.zeros((2, 2), np.float32)}
    facts = facts_of(tmp_path, arch, tensors, general__type=declared)
    assert (facts.kind, facts.n_params) == (kind, 4)
    assert kind == "model" or (facts.layer_bytes, facts.output_bytes) == ((), 0)


def test_facts_of_an_earlier_version_can_still_be_read():
    old = b'{"architecture":"llama","n_layers":2,"kv_layers":2,"size_bytes":9,"shards":["a.gguf"]}'
    facts = msgspec.json.decode(old, type=Facts)
    assert (facts.kind, facts.windowed, facts.recurrent_layers) == ("model", None, 0)
    assert (facts.windowed_layers, facts.bits_per_weight) == (0, None)


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


def test_a_header_that_makes_no_sense_is_told(tmp_path: Path):
    for count in (100_000, "many"):
        path = header(tmp_path / "m.gguf", "llama", {"block_count": count})
        with pytest.raises(GgufError, match="makes no sense"):
            read_facts(path)


def test_a_type_of_the_future_asks_for_a_newer_library(tmp_path: Path):
    tensors = {"token_embd.weight": np.zeros((1, 32), np.float32)}
    path = header(tmp_path / "m.gguf", "llama", {}, tensors)
    data = path.read_bytes()
    name = data.index(b"token_embd.weight")
    kind = name + len(b"token_embd.weight") + 4 + 2 * 8  # behind the number of dimensions and them
    path.write_bytes(data[:kind] + bytes([250]) + data[kind + 1 :])
    with pytest.raises(GgufError, match="newer than our gguf library"):
        read_facts(path)


def test_a_text_that_is_no_utf_8_is_shown_as_far_as_it_goes(tmp_path: Path):
    path = header(tmp_path / "m.gguf", "llama", {"general.name": "Flash-X"})
    path.write_bytes(path.read_bytes().replace(b"Flash-X", b"Flash-\xff"))
    assert read_facts(path).name == "Flash-\N{REPLACEMENT CHARACTER}"


def test_a_large_vocabulary_costs_little_memory(tmp_path: Path):
    tokens = [f"token{i}" for i in range(150_000)]
    keys = {"tokenizer.ggml.tokens": tokens, "tokenizer.ggml.token_type": [1] * len(tokens)}
    path = header(tmp_path / "m.gguf", "llama", keys)
    code = (
        "import resource, sys; from pathlib import Path; import gguf\n"
        "from paddock.llama.gguf import read_facts\n"
        "used = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "before = used(); facts = read_facts(Path(sys.argv[1])); print(facts.n_vocab, used() - before)"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)
    n_vocab, kib = map(int, done.stdout.split())
    assert n_vocab == 150_000
    assert kib < 30_000  # gguf's own reader takes ten times as much


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
