"""Writes a scripted model into one GGUF file or several shards, with holes where weights are zero."""

from itertools import pairwise
from math import ceil
from pathlib import Path
from typing import BinaryIO

import numpy as np
from gguf import GGML_QUANT_SIZES, GGUFWriter, LlamaFileType

from paddock.llama.scripted_model import ScriptedModel
from paddock.llama.scripted_template import chat_template
from paddock.llama.scripted_tensors import (
    CONV,
    STATE,
    ScriptedTensor,
    ScriptedWeights,
    inner_size,
    scaled,
    tensors,
    time_step_rank,
)
from paddock.llama.scripted_vocabulary import Vocabulary, vocabulary_of

_FILE_TYPES = {
    "f32": LlamaFileType.ALL_F32,
    "f16": LlamaFileType.MOSTLY_F16,
    "q8_0": LlamaFileType.MOSTLY_Q8_0,
    "q4_0": LlamaFileType.MOSTLY_Q4_0,
}
_CHUNK = 1 << 20  # blocks or bytes written at once


def write_shards(path: Path, model: ScriptedModel, *, shards: int) -> list[Path]:
    """Write `path`, or its `-00001-of-0000N` shards where `shards` is above one."""
    words = vocabulary_of(model)
    model = scaled(model, len(words.tokens))
    layout = list(tensors(model, len(words.tokens)))
    if shards > len(layout):
        raise ValueError(f"{len(layout)} tensors cannot fill {shards} shards")
    writer = GGUFWriter(path, model.arch)
    _add_header(writer, model)
    _add_tokenizer(writer, model, words)
    groups = _groups(layout, shards)
    _add_layout(writer, groups)
    paths = writer.format_shard_names(path)
    _write_all(writer, groups, _Filler(model, ScriptedWeights(model, words)))
    return paths


def _groups(layout: list[ScriptedTensor], shards: int) -> list[list[ScriptedTensor]]:
    bounds = [len(layout) * i // shards for i in range(shards + 1)]
    return [layout[a:b] for a, b in pairwise(bounds)]


def _add_layout(writer: GGUFWriter, groups: list[list[ScriptedTensor]]) -> None:
    """Announce the tensors. The writer's own splitting is by size; ours is by count of shards."""
    for number, group in enumerate(groups):
        if number:
            writer.tensors.append({})
        for t in group:
            dtype = np.dtype(np.float32)  # only a placeholder: raw_dtype decides
            writer.add_tensor_info(t.name, t.shape, dtype, t.nbytes, raw_dtype=t.type)


def _write_all(writer: GGUFWriter, groups: list[list[ScriptedTensor]], filler: "_Filler") -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for file, group in zip(writer.fout or [], groups, strict=True):
        _write_data(file, group, filler, writer.data_alignment)
    writer.close()


def _write_data(
    file: BinaryIO, group: list[ScriptedTensor], filler: "_Filler", alignment: int
) -> None:
    offset = _aligned(file.tell(), alignment)
    for tensor in group:
        file.seek(offset)
        filler.write(file, tensor)
        offset += _aligned(tensor.nbytes, alignment)
    file.truncate(offset)


def _aligned(offset: int, alignment: int) -> int:
    return ceil(offset / alignment) * alignment


class _Filler:
    """Writes one tensor's bytes, or leaves a hole."""

    def __init__(self, model: ScriptedModel, weights: ScriptedWeights) -> None:
        self._weights = weights
        self._dense = model.dense
        self._random = np.random.default_rng(model.seed)

    def write(self, file: BinaryIO, tensor: ScriptedTensor) -> None:
        if tensor.fill != "zeros":
            file.write(self._weights.of(tensor).tobytes())
        elif self._dense:
            self._write_zeros(file, tensor)

    def _write_zeros(self, file: BinaryIO, tensor: ScriptedTensor) -> None:
        """Zero weights in full: quantised, the scale (2 bytes) is zero and the rest is random."""
        block, size = GGML_QUANT_SIZES[tensor.type]
        left = tensor.nbytes // size
        while left:
            count = min(left, _CHUNK)
            rows = np.zeros((count, size), np.uint8)
            if block > 1:
                rows[:, 2:] = self._random.integers(1, 255, (count, size - 2), np.uint8)
            file.write(rows.tobytes())
            left -= count


def _add_header(writer: GGUFWriter, model: ScriptedModel) -> None:
    writer.add_name(model.name)
    writer.add_file_type(_FILE_TYPES[model.ftype])
    writer.add_quantization_version(2)
    writer.add_context_length(model.ctx)
    writer.add_embedding_length(model.embd)
    writer.add_block_count(model.layers)
    writer.add_feed_forward_length(0 if model.arch == "mamba" else model.ff)
    writer.add_layer_norm_rms_eps(1e-5)
    _add_attention(writer, model)
    if model.arch == "gemma3":
        writer.add_sliding_window(model.window)
    if model.arch in ("mamba", "jamba"):
        _add_recurrence(writer, model)
    if model.arch == "qwen3moe":
        writer.add_expert_count(model.experts)
        writer.add_expert_used_count(model.experts_used)
        writer.add_expert_feed_forward_length(model.ff)


def _add_attention(writer: GGUFWriter, model: ScriptedModel) -> None:
    if model.arch == "mamba":
        writer.add_head_count(0)
        return
    writer.add_head_count(model.heads)
    writer.add_head_count_kv(_kv_heads(model))
    writer.add_rope_dimension_count(model.head_dim)
    if model.arch != "jamba":
        writer.add_key_length(model.head_dim)
        writer.add_value_length(model.head_dim)


def _kv_heads(model: ScriptedModel) -> int | list[int]:
    """One number, or one per layer where some layers have no attention."""
    if model.arch != "jamba":
        return model.kv_heads
    return [model.kv_heads if model.has_attention(i) else 0 for i in range(model.layers)]


def _add_recurrence(writer: GGUFWriter, model: ScriptedModel) -> None:
    writer.add_ssm_conv_kernel(CONV)
    writer.add_ssm_inner_size(inner_size(model))
    writer.add_ssm_state_size(STATE)
    writer.add_ssm_time_step_rank(time_step_rank(model))


def _add_tokenizer(writer: GGUFWriter, model: ScriptedModel, words: Vocabulary) -> None:
    writer.add_vocab_size(len(words.tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(words.tokens)
    writer.add_token_types([int(kind) for kind in words.kinds])
    writer.add_token_merges(words.merges)
    writer.add_bos_token_id(words.end_of_text)
    writer.add_eos_token_id(words.end_of_turn)
    writer.add_pad_token_id(words.end_of_text)
    writer.add_add_bos_token(False)
    writer.add_chat_template(chat_template(calls_tool=model.tool is not None))
