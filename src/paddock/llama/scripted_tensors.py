"""The tensors of a scripted model: names, shapes and types as llama.cpp's loaders expect them.

Shapes are in numpy's order, the reverse of GGUF's. Sources of names and shapes: llama.cpp's
`src/models/{llama,gemma3,qwen3moe,mamba,jamba}.cpp`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import prod
from typing import Literal

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType
from numpy.typing import NDArray

from paddock.llama.scripted_model import ScriptedModel
from paddock.llama.scripted_vocabulary import Vocabulary

F32, F16 = GGMLQuantizationType.F32, GGMLQuantizationType.F16
CONV, STATE = 4, 16  # of the recurrent layers: convolution width, state size

Fill = Literal["zeros", "ones", "embedding", "output"]


@dataclass(frozen=True, slots=True)
class ScriptedTensor:
    name: str
    shape: tuple[int, ...]
    type: GGMLQuantizationType
    fill: Fill = "zeros"

    @property
    def nbytes(self) -> int:
        block, size = GGML_QUANT_SIZES[self.type]
        return prod(self.shape) // block * size


def scaled(model: ScriptedModel, vocab_size: int) -> ScriptedModel:
    """The model with `target_mib` turned into a shape of about that size."""
    if model.target_mib is None:
        return model
    if model.arch == "qwen3moe":
        experts = _fitting(model, vocab_size, "experts", step=1)
        return replace(model, experts=max(model.experts_used, experts))
    if model.arch == "mamba":
        return replace(model, layers=max(1, _fitting(model, vocab_size, "layers", step=1)))
    return replace(model, ff=max(32, _fitting(model, vocab_size, "ff", step=32)))


def _fitting(model: ScriptedModel, vocab_size: int, knob: str, *, step: int) -> int:
    """The value of `knob` at the target; size is linear in it."""
    now: int = getattr(model, knob)
    size = _total(model, vocab_size)
    changes = {knob: now + step}
    one_more = _total(replace(model, **changes), vocab_size) - size  # type: ignore[arg-type]
    missing = ((model.target_mib or 0) << 20) - size
    return now + step * round(missing / one_more)


def _total(model: ScriptedModel, vocab_size: int) -> int:
    return sum(t.nbytes for t in tensors(model, vocab_size))


def tensors(model: ScriptedModel, vocab_size: int) -> Iterator[ScriptedTensor]:
    """Every tensor, in file order."""
    yield ScriptedTensor("token_embd.weight", (vocab_size, model.embd), F16, "embedding")
    for layer in range(model.layers):
        block = f"blk.{layer}."
        yield _norm(block + "attn_norm", model.embd)
        mix = _attention if model.has_attention(layer) else _recurrent
        yield from mix(model, block)
        if model.arch != "mamba":
            yield _norm(block + "ffn_norm", model.embd)
            yield from (_experts if model.arch == "qwen3moe" else _feed_forward)(model, block)
        if model.arch == "gemma3":
            yield _norm(block + "post_attention_norm", model.embd)
            yield _norm(block + "post_ffw_norm", model.embd)
    yield _norm("output_norm", model.embd)
    yield ScriptedTensor("output.weight", (vocab_size, model.embd), F16, "output")


def _norm(name: str, width: int) -> ScriptedTensor:
    return ScriptedTensor(f"{name}.weight", (width,), F32, "ones")


def _weight(model: ScriptedModel, name: str, *shape: int) -> ScriptedTensor:
    """A zero matrix of the model's file type; rows that hold no whole blocks are f16."""
    wanted = GGMLQuantizationType[model.ftype.upper()]
    block, _ = GGML_QUANT_SIZES[wanted]
    return ScriptedTensor(f"{name}.weight", shape, F16 if shape[-1] % block else wanted)


def _attention(model: ScriptedModel, block: str) -> Iterator[ScriptedTensor]:
    width, kv_width = model.heads * model.head_dim, model.kv_heads * model.head_dim
    yield _weight(model, block + "attn_q", width, model.embd)
    yield _weight(model, block + "attn_k", kv_width, model.embd)
    yield _weight(model, block + "attn_v", kv_width, model.embd)
    yield _weight(model, block + "attn_output", model.embd, width)
    if model.arch in ("gemma3", "qwen3moe"):
        yield _norm(block + "attn_q_norm", model.head_dim)
        yield _norm(block + "attn_k_norm", model.head_dim)


def _recurrent(model: ScriptedModel, block: str) -> Iterator[ScriptedTensor]:
    inner, rank = inner_size(model), time_step_rank(model)
    yield _weight(model, block + "ssm_in", 2 * inner, model.embd)
    yield ScriptedTensor(block + "ssm_conv1d.weight", (inner, CONV), F32)
    yield ScriptedTensor(block + "ssm_conv1d.bias", (inner,), F32)
    yield ScriptedTensor(block + "ssm_x.weight", (rank + 2 * STATE, inner), F16)
    yield ScriptedTensor(block + "ssm_dt.weight", (inner, rank), F16)
    yield ScriptedTensor(block + "ssm_dt.bias", (inner,), F32)
    yield ScriptedTensor(block + "ssm_a", (inner, STATE), F32)
    yield ScriptedTensor(block + "ssm_d", (inner,), F32)
    yield _weight(model, block + "ssm_out", model.embd, inner)
    if model.arch == "jamba":
        yield _norm(block + "ssm_dt_norm", rank)
        yield _norm(block + "ssm_b_norm", STATE)
        yield _norm(block + "ssm_c_norm", STATE)


def inner_size(model: ScriptedModel) -> int:
    return 2 * model.embd


def time_step_rank(model: ScriptedModel) -> int:
    return max(model.embd // 16, 8)


def _feed_forward(model: ScriptedModel, block: str) -> Iterator[ScriptedTensor]:
    yield _weight(model, block + "ffn_gate", model.ff, model.embd)
    yield _weight(model, block + "ffn_up", model.ff, model.embd)
    yield _weight(model, block + "ffn_down", model.embd, model.ff)


def _experts(model: ScriptedModel, block: str) -> Iterator[ScriptedTensor]:
    yield ScriptedTensor(block + "ffn_gate_inp.weight", (model.experts, model.embd), F32)
    yield _weight(model, block + "ffn_gate_exps", model.experts, model.ff, model.embd)
    yield _weight(model, block + "ffn_up_exps", model.experts, model.ff, model.embd)
    yield _weight(model, block + "ffn_down_exps", model.experts, model.embd, model.ff)


class ScriptedWeights:
    """The numbers of the tensors that are not zero."""

    def __init__(self, model: ScriptedModel, words: Vocabulary) -> None:
        signs = np.random.default_rng(model.seed).choice(
            [-1.0, 1.0], (len(words.tokens), model.embd)
        )
        self._embedding = signs.astype(np.float16)
        self._chain = words.chain

    def of(self, tensor: ScriptedTensor) -> NDArray[np.float16 | np.float32]:
        if tensor.fill == "embedding":
            return self._embedding
        if tensor.fill == "output":
            return self._output(tensor.shape)
        return np.ones(tensor.shape, np.float32)

    def _output(self, shape: tuple[int, ...]) -> NDArray[np.float16]:
        """Logit 30 for the successor; every other one is noise of about 30 / sqrt(embd)."""
        rows = np.zeros(shape, np.float32)
        for token, follower in self._chain:
            rows[follower] += self._embedding[token] * (30.0 / shape[1])
        return rows.astype(np.float16)
