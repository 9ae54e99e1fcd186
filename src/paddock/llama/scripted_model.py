"""What a scripted model says, and its shape. Pure data: `scripted.py` writes it."""

from dataclasses import dataclass
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
