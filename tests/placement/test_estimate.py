"""The simple sum, held against what real loads on a real GPU took (build 11434 on an H200)."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from paddock.llama.gguf import Facts, read_facts
from paddock.llama.scripted import ScriptedModel, write
from paddock.placement.estimate import estimate

A = Facts(  # 8B llama, Q8_0: 128 KiB per token
    architecture="llama", n_layers=32, kv_layers=32, n_ctx_train=131072, kv_heads=(8,) * 32,
    key_length=128, value_length=128, size_bytes=8_540_000_000, shards=("a.gguf",),
)  # fmt: skip


def mib(facts: Facts | None = A, **given: Any) -> int:
    asked: dict[str, Any] = {"size_bytes": A.size_bytes, "ctx_tokens": 8192, "gpus": 1, **given}
    return estimate(facts, **asked)


@pytest.mark.parametrize(("ctx_tokens", "measured"), [(131072, 24834), (8192, 9354)])
def test_it_is_a_little_more_than_the_process_took(ctx_tokens: int, measured: int):
    assert measured < mib(ctx_tokens=ctx_tokens) < 1.1 * measured


def test_a_quantised_cache_takes_less():
    full, small = mib(), mib(cache_type_k="q8_0", cache_type_v="q8_0")
    assert full - small == 1024 * 15 // 32  # of 1024 MiB, q8_0 keeps 17/32
    assert mib(cache_type_k="Q8_0") < full
    assert mib(cache_type_k="of the future") == full


def test_without_a_context_the_trained_one_is_meant():
    assert mib(ctx_tokens=None) == mib(ctx_tokens=0) == mib(ctx_tokens=131072)
    assert mib(ctx_tokens=None, parallel=2) == mib(ctx_tokens=262144)


def test_only_layers_that_keep_keys_and_values_count():
    half = msgspec.structs.replace(A, kv_heads=(8, 0) * 16, kv_layers=16)
    assert mib() - mib(half) == 512


def test_latent_attention_keeps_no_values():
    latent = msgspec.structs.replace(A, kv_heads=(1,) * 32, key_length=576, value_length=0)
    assert mib(latent) - mib(latent, ctx_tokens=1) == 32 * 576 * 2 * 8192 >> 20


def test_without_facts_the_files_are_known():
    assert mib(None, gpus=0) - mib(None, size_bytes=0, gpus=0) == 8145


def test_it_takes_the_facts_of_a_real_file(tmp_path: Path):
    facts = read_facts(write(tmp_path / "m.gguf", ScriptedModel(say="Hi.", target_mib=64)))
    context = 4 * 2 * 2 * 64 * 2 * 32768 >> 20  # layers, heads, K and V, length, f16, tokens
    assert mib(facts, size_bytes=facts.size_bytes, ctx_tokens=None, gpus=0) == 64 + context + 272
