"""How much memory a profile will need, before anything is loaded: a simple sum. Pure.

A seam: llama.cpp's own plan (`--fit`'s projection) will take its place, device by device. Until
then the sum is meant to be a little too large: it counts every layer that keeps keys and values
with the whole context, also where the model slides a window over it, and all weights as on the GPU.
"""

from collections.abc import Mapping
from math import ceil

from paddock.llama.gguf import Facts

GPU, HOST = "gpu", "host"  # the ledger's two pools

_MIB = 1 << 20

# What a process needs on a GPU beside weights and context: 526 MiB of CUDA context, up to 198 that
# appear with the first real batch, up to 298 of compute buffer (measured: build 11434, H200). Each
# further GPU has a context of its own.
_GPU_ALLOWANCE = 1024
# Anonymous memory beside weights and context without a GPU: 136 MiB for a 1 GB model
# (measured: build 11434, CPU), twice that for wider ones.
_HOST_ALLOWANCE = 272
_DEFAULT_CONTEXT = 4096  # tokens, where neither profile nor file says one: fit's least (--fit-ctx)

# Bytes per value of a cache type: a block's size over its values (ggml's GGML_QUANT_SIZES).
_CACHE_BYTES: Mapping[str, float] = {
    "f32": 4, "f16": 2, "bf16": 2,
    "q8_0": 34 / 32, "q5_1": 24 / 32, "q5_0": 22 / 32, "q4_1": 20 / 32, "q4_0": 18 / 32,
    "iq4_nl": 18 / 32,
}  # fmt: skip


def estimate(
    facts: Facts | None,
    *,
    size_bytes: int,
    ctx_tokens: int | None,
    cache_type_k: str = "f16",
    cache_type_v: str = "f16",
    parallel: int = 1,
    gpus: int = 0,
) -> int:
    """MiB for all of one instance.

    `size_bytes` are all files it maps (shards, projector, draft); `ctx_tokens` is `--ctx-size`, None
    or 0 where the model decides, then once per slot of `parallel` (1 for a unified cache, the
    default). Without facts only the files and the allowance are known. An unknown cache type counts
    as f16.
    """
    context = _context_bytes(facts, ctx_tokens, parallel, cache_type_k, cache_type_v)
    allowance = _GPU_ALLOWANCE * gpus if gpus else _HOST_ALLOWANCE
    return ceil((size_bytes + context) / _MIB) + allowance


def _context_bytes(
    facts: Facts | None, ctx_tokens: int | None, parallel: int, type_k: str, type_v: str
) -> float:
    if facts is None:
        return 0
    tokens = ctx_tokens or (facts.n_ctx_train or _DEFAULT_CONTEXT) * parallel
    return tokens * _token_bytes(facts, type_k, type_v)


def _token_bytes(facts: Facts, type_k: str, type_v: str) -> float:
    """Keys and values of one token in all layers that keep them."""
    keys = (facts.key_length or 0) * _cache_bytes(type_k)
    values = (facts.value_length or 0) * _cache_bytes(type_v)
    return sum(facts.kv_heads) * (keys + values)


def _cache_bytes(cache_type: str) -> float:
    return _CACHE_BYTES.get(cache_type.lower(), 2)
