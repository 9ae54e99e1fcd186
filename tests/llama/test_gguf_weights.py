"""Every byte of the weights has its place: a layer, its experts, the input or the output."""

from pathlib import Path

import numpy as np
import pytest

from paddock.llama.gguf import Facts
from paddock.llama.gguf_read import read_facts
from paddock.llama.scripted import Arch, ScriptedModel, write, write_split
from tests.llama.headers import facts_of


def total(facts: Facts) -> int:
    layers = sum(facts.layer_bytes) + sum(facts.expert_bytes)
    return layers + facts.input_bytes + facts.output_bytes


@pytest.mark.parametrize("arch", ["llama", "gemma3", "qwen3moe", "mamba", "jamba"])
def test_the_places_together_are_all_weights(tmp_path: Path, arch: Arch):
    facts = read_facts(write(tmp_path / "m.gguf", ScriptedModel(say="Hi.", arch=arch, layers=5)))
    assert total(facts) == sum(facts.types.values())
    assert len(facts.layer_bytes) == len(facts.expert_bytes) == 5
    assert min(facts.layer_bytes) > 0
    assert bool(sum(facts.expert_bytes)) == (arch == "qwen3moe")


def test_experts_are_weighed_apart_but_their_router_is_not(tmp_path: Path):
    script = ScriptedModel(say="Hi.", arch="qwen3moe", experts=6, ff=64, embd=64, ftype="f16")
    facts = read_facts(write(tmp_path / "m.gguf", script))
    assert facts.expert_bytes == (6 * 3 * 64 * 64 * 2,) * 4
    assert facts.layer_bytes[0] > 6 * 64 * 4  # the router: ffn_gate_inp, f32


def test_shards_weigh_what_the_whole_does(tmp_path: Path):
    script = ScriptedModel(say="Hi.", arch="qwen3moe")
    whole = read_facts(write(tmp_path / "m.gguf", script))
    first, *_ = write_split(tmp_path / "s", script, shards=5)
    split = read_facts(first)
    for fact in ("layer_bytes", "expert_bytes", "input_bytes", "output_bytes", "types", "n_params"):
        assert getattr(split, fact) == getattr(whole, fact)


def test_a_mixed_quantisation_shows_each_type_with_the_largest_first(tmp_path: Path):
    script = ScriptedModel(say="Hi.", ftype="q4_0", ff=4096)
    facts = read_facts(write(tmp_path / "m.gguf", script))
    assert list(facts.types) == ["Q4_0", "F16", "F32"]
    assert facts.n_params > 4 * 3 * 4096 * 256
    assert 4.5 < (facts.bits_per_weight or 0) < 5.5


def test_an_embedding_that_is_the_output_too_counts_in_both_places(tmp_path: Path):
    embedding = np.zeros((10, 8), np.float32)
    tied = {"token_embd.weight": embedding, "output_norm.weight": np.zeros(8, np.float32)}
    facts = facts_of(tmp_path, "gemma3", tied, block_count=1)
    assert (facts.input_bytes, facts.output_bytes) == (320, 320 + 32)
    own = facts_of(tmp_path, "gemma3", tied | {"output.weight": embedding}, block_count=1)
    assert (own.input_bytes, own.output_bytes) == (320, 320 + 32)
    assert (facts.tied_bytes, own.tied_bytes) == (320, 0)
    assert (own.n_params, facts.n_params) == (168, 88)


def test_an_encoder_has_no_output_matrix(tmp_path: Path):
    tensors = {
        "token_embd.weight": np.zeros((10, 8), np.float32),
        "position_embd.weight": np.zeros((4, 8), np.float32),
        "cls.weight": np.zeros((8, 8), np.float32),
    }
    facts = facts_of(tmp_path, "bert", tensors, block_count=1)
    assert (facts.input_bytes, facts.output_bytes, facts.tied_bytes) == (320 + 128, 256, 0)


def test_tensors_without_a_layer_go_where_llama_cpp_puts_them(tmp_path: Path):
    tensors = {
        "per_layer_token_embd.weight": np.zeros((10, 16), np.float32),  # input
        "per_layer_model_proj.weight": np.zeros((8, 16), np.float32),  # first layer
        "blk.1.ffn_down_exps.bias": np.zeros((2, 8), np.float32),
        "blk.1.ffn_gate_up_exps.weight": np.zeros((2, 8), np.float32),
        "blk.1.ffn_up_shexp.weight": np.zeros((2, 8), np.float32),  # always used: no expert
        "enc.blk.1.attn_q.weight": np.zeros(1, np.float32),
        "blk.7.attn_q.weight": np.zeros(1, np.float32),  # of a layer that there is not
    }
    facts = facts_of(tmp_path, "gemma3n", tensors, block_count=2)
    assert (facts.input_bytes, facts.layer_bytes) == (640, (512, 64 + 4))
    assert (facts.expert_bytes, facts.output_bytes) == ((0, 128), 4)
