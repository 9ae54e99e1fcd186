"""Where the bytes of a model's weights belong: to which layer, to the experts, to input or output.

The places are llama.cpp's: `LLM_TENSOR_INFOS` in `src/llama-arch.cpp` (build 11434) says which
tensors without a layer's number are input, output, or go with the first layer.
"""

import re
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

_LAYER = re.compile(r"(?:^|\.)blk\.(\d+)\.")  # also t5's `enc.blk.0.`
_EXPERTS = re.compile(r"\.ffn_(up|down|gate|gate_up)_(ch|)exps")  # LLM_FFN_EXPS_REGEX
_INPUT = frozenset(
    {"token_embd", "position_embd", "token_types", "per_layer_token_embd",
     "masked_embd_centroids", "masked_embd_ordering"}
)  # fmt: skip
_FIRST_LAYER = frozenset(
    {"token_embd_norm", "rope_freqs", "rope_factors_long", "rope_factors_short",
     "per_layer_model_proj", "per_layer_proj_norm", "hrm.z_l_init", "conv1d",
     "nextn.pre_projection"}
)  # fmt: skip
# They end in a vector, not in tokens.
_WITHOUT_TOKENS = frozenset(
    {"bert", "modern-bert", "nomic-bert", "nomic-bert-moe", "neo-bert", "jina-bert-v2",
     "jina-bert-v3", "eurobert"}
)  # fmt: skip


class Tensor(NamedTuple):
    """One tensor in the file."""

    name: str
    n_elements: int
    n_bytes: int
    type: str  # ggml's name: `Q4_K`


class Weights(msgspec.Struct, frozen=True, kw_only=True):
    """Sums over tensors, as in `Facts`."""

    n_params: int
    types: dict[str, int]
    layer_bytes: tuple[int, ...]
    expert_bytes: tuple[int, ...]
    input_bytes: int
    output_bytes: int


def weigh(tensors: Iterable[Tensor], *, architecture: str, n_layers: int) -> Weights:
    """Put every tensor of all shards in its place."""
    scales = _Scales(n_layers)
    for tensor in tensors:
        scales.add(tensor)
    return scales.read(has_tokens=architecture not in _WITHOUT_TOKENS)


class _Scales:
    def __init__(self, n_layers: int) -> None:
        self._n_params = 0
        self._types: Counter[str] = Counter()
        self._layers, self._experts = [0] * n_layers, [0] * n_layers
        self._input: Counter[str] = Counter()
        self._output: Counter[str] = Counter()

    def add(self, tensor: Tensor) -> None:
        self._n_params += tensor.n_elements
        self._types[tensor.type] += tensor.n_bytes
        stem = tensor.name.rpartition(".")[0]  # less `.weight` or `.bias`
        layer = _layer(tensor.name, stem)
        if layer is not None and layer < len(self._layers):
            kind = self._experts if _EXPERTS.search(tensor.name) else self._layers
            kind[layer] += tensor.n_bytes
        else:
            place = self._input if stem in _INPUT else self._output
            place[tensor.name] += tensor.n_bytes

    def read(self, *, has_tokens: bool) -> Weights:
        is_tied = has_tokens and "output.weight" not in self._output
        tied = self._input["token_embd.weight"] if is_tied else 0
        return Weights(
            n_params=self._n_params,
            types=dict(self._types.most_common()),
            layer_bytes=tuple(self._layers),
            expert_bytes=tuple(self._experts),
            input_bytes=self._input.total(),
            output_bytes=self._output.total() + tied,
        )


def _layer(name: str, stem: str) -> int | None:
    if found := _LAYER.search(name):
        return int(found[1])
    return 0 if stem in _FIRST_LAYER else None
