"""Scripted models: small, valid GGUF files that llama-server really loads, with a fixed answer.

All weights are zero except the token embedding, the norms and the output matrix, so every layer
hands the residual stream on unchanged and the next token depends on the last one only. The output
matrix stores a chain of tokens that begins after the chat template's `assistant\\n`: whoever asks
gets `say`, and a test can tell *which* model answered. Computing costs what a real model of the
same shape costs. Files are sparse unless `dense`: their holes are zero weights.

For demonstrations and tests. Writing needs numpy, which is imported only then.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Arch = Literal["llama", "gemma3", "qwen3moe", "mamba", "jamba"]
FileType = Literal["f32", "f16", "q8_0", "q4_0"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedModel:
    """What it says and what shape it has.

    `jamba` is hybrid: every second layer has attention. `gemma3` slides a window over its keys and
    values in five of six layers.
    """

    say: str
    name: str = "scripted"
    arch: Arch = "llama"
    think: str | None = None  # reasoning, said between <think> tags before the answer
    tool: tuple[str, str] | None = None  # name and JSON arguments: called once, then the answer
    endless: bool = False  # repeat the answer until max_tokens
    layers: int = 4
    embd: int = 256
    heads: int = 4
    kv_heads: int = 2
    ff: int = 512  # of one expert, where there are experts
    experts: int = 8  # qwen3moe only
    experts_used: int = 2
    vocab: int = 0  # pad the vocabulary to so many tokens
    ctx: int = 32768  # training context in the header
    window: int = 512  # tokens, gemma3 only
    ftype: FileType = "q8_0"
    target_mib: int | None = None  # size: scales `ff`, or `experts`, or `layers` of a mamba
    dense: bool = False  # real, incompressible bytes instead of holes: same answer, real disk I/O
    seed: int = 1

    @property
    def head_dim(self) -> int:
        return self.embd // self.heads

    def has_attention(self, layer: int) -> bool:
        return layer % 2 == 1 if self.arch == "jamba" else self.arch != "mamba"


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
