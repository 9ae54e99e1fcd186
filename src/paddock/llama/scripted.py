"""Scripted models: small, valid GGUF files that llama-server really loads, with a fixed answer.

All weights are zero except the token embedding, the norms and the output matrix, so every layer
hands the residual stream on unchanged and the next token depends on the last one only. The output
matrix stores a chain of tokens that begins after the chat template's `assistant\\n`: whoever asks
gets `say`, and a test can tell *which* model answered. Computing costs what a real model of the
same shape costs. Files are sparse unless `dense`: their holes are zero weights.

For demonstrations and tests. Writing needs numpy, which is imported only then.
"""

from pathlib import Path

from paddock.llama.scripted_model import Arch, FileType, ScriptedModel

__all__ = ["Arch", "FileType", "ScriptedModel", "write", "write_split"]


def write(path: Path, model: ScriptedModel) -> Path:
    """Write `model` as one file and return its path."""
    from paddock.llama.scripted_file import write_shards

    return write_shards(path, model, shards=1)[0]


def write_split(stem: Path, model: ScriptedModel, *, shards: int) -> list[Path]:
    """Write `STEM-00001-of-0000N.gguf` and its siblings; llama-server is given the first."""
    from paddock.llama.scripted_file import write_shards

    if shards < 2:
        raise ValueError(f"a split file has at least 2 shards, not {shards}")
    return write_shards(stem.with_name(stem.name + ".gguf"), model, shards=shards)
