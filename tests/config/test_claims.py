"""A typed text is held against the file only where it can hardly be meant otherwise."""

from typing import Any

import pytest

from paddock.config.claims import contradictions
from paddock.llama.gguf import Facts


def facts(**other: Any) -> Facts:
    known: dict[str, Any] = {
        "n_layers": 48,
        "n_params": 30_500_000_000,
        "experts": 128,
        "experts_used": 8,
    }
    given: dict[str, Any] = {
        "architecture": "qwen3moe",
        "kv_layers": 48,
        "size_bytes": 9,
        "shards": ("a.gguf",),
    }
    return Facts(**(given | known | other))


MOE = facts()
DENSE = facts(architecture="qwen3", experts=0, n_params=8_190_000_000, n_layers=36)


@pytest.mark.parametrize(
    ("file", "text", "answer"),
    [
        (MOE, "# a dense model", "the file says MoE, not dense"),
        (MOE, "Dense 30B", "the file says MoE, not dense"),
        (DENSE, "Qwen3 MoE", "the file says dense, not MoE"),
        (DENSE, "a mixture of experts", "the file says dense, not MoE"),
        (DENSE, "the 14B one", "the file has 8.2 B parameters, not 14B"),
        (MOE, "8x7b", "the file has 30.5 B parameters, not 8x7b"),
        (DENSE, "48 layers", "the file has 36 layers, not 48"),
        (DENSE, "a 64-layer model", "the file has 36 layers, not 64"),
        (facts(experts=0, n_params=270_000_000), "1B", "the file has 270 M parameters, not 1B"),
    ],
)
def test_what_the_file_says_otherwise(file: Facts, text: str, answer: str):
    assert contradictions(file, [text]) == (answer,)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (MOE, "MoE, 128 experts, 48 layers"),
        (MOE, "30B-A3B"),
        (MOE, "the first layers are dense, the MoE begins after them"),
        (MOE, "MoE, not dense"),
        (MOE, "as fast as a dense 3B would be, better than the 14B"),
        (DENSE, "Qwen3-8B, dense, 36 layers, or 37 with the output"),
        (DENSE, "with the 0.6B as draft"),
        (DENSE, "needs 24GB, 4bit, 8 bits, 128K"),
        (DENSE, "Gemma E4B and A3B"),
        (DENSE, "20 layers on the GPU"),
        (DENSE, "12 layers of them"),
        (DENSE, "--n-cpu-moe was of no use"),
        (DENSE, "# EXTRA_ARGS = --override-tensor moe 14B"),
        (DENSE, ""),
        (facts(n_params=2_610_000_000), "gemma-2-2b"),
        (facts(n_layers=47, nextn_layers=1), "46 layers"),
        (facts(kind="projector", experts=0), "MoE 30B"),
        (facts(n_params=0, n_layers=0), "30B with 48 layers"),
    ],
)
def test_what_is_no_contradiction(file: Facts, text: str):
    assert contradictions(file, [text]) == ()


def test_each_is_said_once():
    assert len(contradictions(MOE, ["dense", "# dense", "dense 70B"])) == 2
