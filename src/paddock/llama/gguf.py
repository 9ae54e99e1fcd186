"""The facts of a GGUF file: its shape, what it keeps of a context, and where its weights belong.

`gguf_read` reads them from the files with the gguf library, which imports numpy; nothing imports
`gguf_read` but `gguf_child`, a process of its own that `facts.py` starts, whose answers it remembers.
Split files: `llama_split_path` in llama.cpp's `src/llama.cpp`.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from paddock.errors import PaddockError

_SHARD = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf")


# What is wrong with a file. `absent` and `short` (of its own tensors) no engine can load; of all others
# only the engine can say whether it loads them: `other` is no GGUF, `closed` cannot be read by us,
# `damaged` or `odd` has a header that cannot be followed or makes no sense, `foreign` is of a version
# that we do not read.
Fault = Literal["absent", "short", "other", "closed", "damaged", "odd", "foreign"]


class GgufError(PaddockError):
    """The facts of this file cannot be read."""

    code = "model_unreadable"
    status = 502

    def __init__(
        self, message: str, *, hint: str = "", detail: tuple[str, ...] = (), kind: Fault = "odd"
    ) -> None:
        super().__init__(message, hint=hint, detail=detail)
        self.kind: Fault = kind

    @property
    def is_final(self) -> bool:
        """Whether no engine can load it."""
        return self.kind in ("absent", "short")


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What the header says. None, 0 and empty where it says nothing.

    Tuples with one value per layer have `n_layers` of them, those for multi-token prediction
    (`nextn_layers`, the last ones) included. Bytes are those of the tensors in the file.
    """

    architecture: str
    n_layers: int
    kv_layers: int  # layers that keep keys and values
    n_ctx_train: int | None = None
    n_embd: int | None = None
    heads: int | None = None
    kv_heads: tuple[int, ...] = ()  # per layer; 0 where a layer keeps no keys and values
    key_length: int | None = None  # values per head and token
    value_length: int | None = None  # 0: multi-head latent attention, values lie within the keys
    experts: int = 0
    experts_used: int = 0
    size_bytes: int  # of all shards
    file_type: str | None = None  # `MOSTLY_Q4_K_M`
    shards: tuple[str, ...]  # paths; one where the file is not split
    header_bytes: tuple[int, ...] = ()  # per shard: where its header ends

    name: str = ""  # general.name
    size_label: str = ""  # general.size_label: `30B-A3B`
    kind: str = "model"  # general.type: `model`, `projector`, `adapter`, `imatrix`
    n_vocab: int | None = None  # tokens
    n_params: int = 0  # elements of all tensors
    nextn_layers: int = 0  # for multi-token prediction; an ordinary context keeps nothing for them

    recurrent: tuple[bool, ...] = ()  # per layer: it keeps a state, whatever the context's length
    state_bytes: int = 0  # of one sequence in all recurrent layers, f32
    window: int | None = None  # tokens that layers with a sliding window see (and keep)
    windowed: tuple[bool, ...] | None = None  # per layer; None where nobody knows which slide
    key_length_swa: int | None = None  # in those layers, where it is another than `key_length`
    value_length_swa: int | None = None

    layer_bytes: tuple[int, ...] = ()  # per layer, without its experts
    expert_bytes: tuple[int, ...] = ()  # per layer: the tensors that `--cpu-moe` would move
    input_bytes: int = 0  # always in host memory: the token embedding and its like
    output_bytes: int = 0  # with the token embedding again where it is the output matrix too
    types: dict[str, int] = {}  # bytes by ggml's name of the type (`Q4_K`), the largest first

    has_template: bool = False
    template: tuple[str, ...] = ()  # what its text mentions: see gguf_template.py

    # What llama.cpp may not take, in words: a key of another type, shards that do not belong together.
    # Whether it does is for the engine to say.
    doubts: tuple[str, ...] = ()

    @property
    def tied_bytes(self) -> int:
        """Of the token embedding, where it is the output matrix too; it may lie in two places then."""
        counted = sum(self.layer_bytes) + sum(self.expert_bytes)
        return counted + self.input_bytes + self.output_bytes - sum(self.types.values())

    @property
    def recurrent_layers(self) -> int:
        return sum(self.recurrent)

    @property
    def windowed_layers(self) -> int:
        """Layers that keep keys and values of a window only."""
        layers = zip(self.windowed or (), self.kv_heads, strict=False)
        return sum(1 for slides, heads in layers if slides and heads)

    @property
    def bits_per_weight(self) -> float | None:
        return 8 * sum(self.types.values()) / self.n_params if self.n_params else None


class HeaderAnswer(msgspec.Struct, omit_defaults=True):
    """What `gguf_child` answers for one file: its facts, or what is wrong with it."""

    facts: Facts | None = None
    message: str = ""
    hint: str = ""
    kind: Fault = "odd"


def shards(path: Path) -> list[Path]:
    """All files of the model that `path` is, or is a shard of, whether they exist or not."""
    name = _SHARD.fullmatch(path.name)
    if name is None:
        return [path]
    count = int(name["count"])
    numbers = range(1, count + 1)
    return [path.with_name(f"{name['stem']}-{i:05d}-of-{count:05d}.gguf") for i in numbers]


def missing_shards(path: Path) -> list[Path]:
    return [shard for shard in shards(path) if not is_there(shard)]


def is_there(path: Path) -> bool:
    """Whether the file exists. One that we may not look at counts: opening it gives the reason."""
    try:
        return path.is_file()
    except OSError:
        return True


def absent(missing: Sequence[Path], shards: int = 1) -> GgufError:
    """The error for missing files of a model with so many shards."""
    hint = f"the model has {shards} shards; download all of them" if shards > 1 else ""
    return GgufError(f"missing: {', '.join(map(str, missing))}", hint=hint, kind="absent")


def size_bytes(path: Path) -> int:
    """Of all shards together; OSError where one is missing."""
    return sum(shard.stat().st_size for shard in shards(path))
