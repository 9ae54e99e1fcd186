"""What a model file says of itself, and what is said of a file that is none."""

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest

from paddock.llama.gguf import Facts, GgufError, missing_shards, shards, size_bytes
from paddock.llama.gguf_read import read_facts
from paddock.llama.scripted import ScriptedModel, write, write_split
from tests.broken import of_type
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


@pytest.mark.parametrize("length", [2**62, 2**63, 2**64 - 1])
def test_a_string_that_claims_more_than_any_machine_has_is_damage(tmp_path: Path, length: int):
    words = {"tokenizer.ggml.tokens": ["hello", "world"]}
    for old in (b"hello", b"tokenizer.ggml.tokens"):
        path = header(tmp_path / "m.gguf", "llama", words)
        claim, size = length.to_bytes(8, "little"), len(old).to_bytes(8, "little")
        path.write_bytes(path.read_bytes().replace(size + old, claim + old))
        with pytest.raises(GgufError, match="truncated or damaged") as failure:
            read_facts(path)
        assert failure.value.kind == "damaged"


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


def test_a_header_that_makes_no_sense_is_reported_with_its_key(tmp_path: Path):
    for count in (100_000, "many"):
        path = header(tmp_path / "m.gguf", "llama", {"block_count": count})
        with pytest.raises(GgufError, match=r"makes no sense: llama\.block_count is") as failure:
            read_facts(path)
        assert not failure.value.is_final  # the engine may have its own idea of it


@pytest.mark.parametrize("number", [4, 31, 36, 77, 2**32 - 1])
def test_a_tensor_type_that_we_do_not_know_hides_nothing_else(tmp_path: Path, number: int):
    known = read_facts(write(tmp_path / "a.gguf", ScriptedModel(say="Hi.", ftype="f32")))
    facts = read_facts(of_type(tmp_path / "m.gguf", number))
    assert facts.types[f"type {number}"] > 0
    assert sum(facts.types.values()) == sum(known.types.values())
    assert (facts.n_params, facts.layer_bytes) == (known.n_params, known.layer_bytes)
    assert facts.output_bytes == known.output_bytes
    assert facts.doubts == (f"it has tensors of type {number}",)


@pytest.mark.parametrize("version", [0, 1, 4, 9, 65535])
def test_a_version_that_we_do_not_read_is_the_engines_to_judge(tmp_path: Path, version: int):
    path = write(tmp_path / "m.gguf", ScriptedModel(say="Hi."))
    path.write_bytes(b"GGUF" + version.to_bytes(4, "little") + path.read_bytes()[8:])
    with pytest.raises(GgufError, match=f"a GGUF of version {version}") as failure:
        read_facts(path)
    assert (failure.value.kind, failure.value.is_final) == ("foreign", False)
    assert "llama-server" in failure.value.hint


def test_a_file_one_byte_shorter_than_its_tensors_is_short_and_a_longer_one_is_not(tmp_path: Path):
    data = write(tmp_path / "m.gguf", ScriptedModel(say="Hi.", ftype="f32")).read_bytes()
    path = tmp_path / "cut.gguf"
    path.write_bytes(data + bytes(1000))
    assert read_facts(path).doubts == ()
    path.write_bytes(data[:-1])
    with pytest.raises(GgufError, match=f"it has {len(data) - 1:,} of {len(data):,} bytes") as cut:
        read_facts(path)
    assert (cut.value.kind, cut.value.is_final) == ("short", True)


def test_a_whole_model_may_be_named_as_a_shard(tmp_path: Path):
    """llama-server loads it: how many shards there are is said in the header."""
    path = write(tmp_path / "m-00001-of-00003.gguf", ScriptedModel(say="Hi."))
    facts = read_facts(path)
    assert (facts.shards, facts.doubts) == ((str(path),), ())


def test_shards_that_do_not_belong_together_are_doubted(tmp_path: Path):
    first, second = write_split(tmp_path / "m", ScriptedModel(say="Hi."), shards=2)
    joined = tmp_path / "joined.gguf"
    joined.write_bytes(first.read_bytes() + second.read_bytes())
    assert "split.count is 2, and there is one file" in read_facts(joined).doubts
    for number in (1, 2, 3):
        (tmp_path / f"n-0000{number}-of-00003.gguf").write_bytes(first.read_bytes())
    doubts = read_facts(tmp_path / "n-00001-of-00003.gguf").doubts
    assert "split.count is 2, and there are 3 files" in doubts
    assert "split.no of n-00002-of-00003.gguf is 0, and by its name it is 1" in doubts


def test_a_model_without_a_tokenizer_is_doubted(tmp_path: Path):
    none = facts_of(tmp_path, "llama", block_count=2)
    assert none.doubts == ("tokenizer.ggml.model is missing", "tokenizer.ggml.tokens is missing")
    half = {"tokenizer.ggml.model": "gpt2", "block_count": 2}
    path = header(tmp_path / "m.gguf", "llama", half)
    missing = ("tokenizer.ggml.tokens is missing", "tokenizer.ggml.merges is missing")
    assert read_facts(path).doubts == missing
    whole = write(tmp_path / "m.gguf", ScriptedModel(say="Hi."))
    assert read_facts(whole).doubts == ()


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
        "from paddock.llama.gguf_read import read_facts\n"
        "used = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "before = used(); facts = read_facts(Path(sys.argv[1])); print(facts.n_vocab, used() - before)"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)
    n_vocab, kib = map(int, done.stdout.split())
    assert n_vocab == 150_000
    assert kib < 30_000  # gguf's own reader takes ten times as much


def test_the_daemon_reads_facts_in_a_process_of_its_own(tmp_path: Path):
    paths = [write(tmp_path / "m.gguf", ScriptedModel(say="Hi.")), tmp_path / "nowhere.gguf"]
    command = [sys.executable, "-m", "paddock.llama.gguf_child"]
    question = "".join(f"{path}\0" for path in paths)
    done = subprocess.run(command, input=question, capture_output=True, text=True, check=True)
    good, bad = map(json.loads, done.stdout.splitlines())
    assert good["facts"]["architecture"] == "llama"
    assert (bad["kind"], bad["message"]) == ("absent", f"missing: {paths[1]}")


def test_the_daemon_imports_no_numpy():
    check = "import sys, paddock.serve; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check]).returncode == 0
