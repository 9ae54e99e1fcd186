"""The facts of a GGUF file that decide how much memory it needs.

`python -m paddock.llama.gguf FILE` prints them as JSON. The daemon reads them that way, in a
process of its own: the gguf library brings numpy, and takes seconds over a vocabulary of 150,000
tokens. Here it is imported only by `read_facts`.

Keys and their meaning: the GGUF specification (ggml's docs/gguf.md) and llama.cpp's
`src/llama-arch.cpp`; split files: `llama_split_path` in `src/llama.cpp`.
"""

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from paddock.errors import PaddockError

if TYPE_CHECKING:
    from gguf import GGUFReader

_SHARD = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf")


class GgufError(PaddockError):
    """The file is not a whole GGUF model."""

    code = "model_unreadable"
    status = 502


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What the header says. None and 0 where it says nothing."""

    architecture: str
    n_layers: int
    kv_layers: int  # layers that keep keys and values; the others are recurrent
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


def shards(path: Path) -> list[Path]:
    """All files of the model that `path` is, or is a shard of, whether they exist or not."""
    name = _SHARD.fullmatch(path.name)
    if name is None:
        return [path]
    count = int(name["count"])
    numbers = range(1, count + 1)
    return [path.with_name(f"{name['stem']}-{i:05d}-of-{count:05d}.gguf") for i in numbers]


def missing_shards(path: Path) -> list[Path]:
    return [shard for shard in shards(path) if not shard.is_file()]


def size_bytes(path: Path) -> int:
    """Of all shards together; OSError where one is missing."""
    return sum(shard.stat().st_size for shard in shards(path))


def read_facts(path: Path) -> Facts:
    """Read the header of a model, of its first shard where it is split. GgufError says what is wrong."""
    files = shards(path)
    if missing := missing_shards(path):
        hint = f"the model has {len(files)} shards; download all of them" if files[1:] else ""
        raise GgufError(f"missing: {', '.join(map(str, missing))}", hint=hint)
    readers = [_open(file) for file in files]
    return _facts(_Header(readers[0].fields), files)


def _open(file: Path) -> "GGUFReader":
    """Open and check one file. The reader maps it, tensors included: a short file fails here."""
    from gguf import GGUFReader

    try:
        return GGUFReader(file)
    except (ValueError, IndexError, KeyError, OSError) as error:
        raise GgufError(f"{file} {_complaint(file)}", hint="download it again") from error


def _complaint(file: Path) -> str:
    with file.open("rb") as start:
        magic = start.read(4)
    return "is truncated or damaged" if magic == b"GGUF" else "is not a GGUF file"


class _Header:
    """Values by key; `{arch}` in a key stands for the architecture."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = fields
        self.architecture = str(self.get("general.architecture") or "unknown")

    def get(self, key: str) -> Any:
        field = self._fields.get(key.replace("{arch}", getattr(self, "architecture", "")))
        return None if field is None else field.contents()

    def number(self, key: str) -> int | None:
        """A number; of a list with one per layer, the largest."""
        value = self.get(key)
        return max(value, default=None) if isinstance(value, list) else value

    def per_layer(self, key: str, n_layers: int) -> tuple[int, ...] | None:
        value = self.get(key)
        if value is None:
            return None
        return tuple(value) if isinstance(value, list) else (value,) * n_layers


def _facts(header: _Header, files: list[Path]) -> Facts:
    n_layers = header.number("{arch}.block_count") or 0
    kv_heads = _kv_heads(header, n_layers)
    return Facts(
        architecture=header.architecture,
        n_layers=n_layers,
        kv_layers=sum(1 for heads in kv_heads if heads),
        n_ctx_train=header.number("{arch}.context_length"),
        n_embd=header.number("{arch}.embedding_length"),
        heads=header.number("{arch}.attention.head_count"),
        kv_heads=kv_heads,
        key_length=_head_length(header, "key"),
        value_length=0 if _is_latent(header) else _head_length(header, "value"),
        experts=header.number("{arch}.expert_count") or 0,
        experts_used=header.number("{arch}.expert_used_count") or 0,
        size_bytes=sum(file.stat().st_size for file in files),
        file_type=_file_type(header.number("general.file_type")),
        shards=tuple(map(str, files)),
    )


def _kv_heads(header: _Header, n_layers: int) -> tuple[int, ...]:
    """Per layer. Without its own key there are as many as heads (llama-model.cpp, load_hparams)."""
    heads = header.per_layer("{arch}.attention.head_count", n_layers)
    own = header.per_layer("{arch}.attention.head_count_kv", n_layers)
    recurrent = _recurrent(header, n_layers)
    per_layer = own or heads or (0,) * n_layers
    return tuple(0 if is_r else n for n, is_r in zip(per_layer, recurrent, strict=False))


def _recurrent(header: _Header, n_layers: int) -> tuple[bool, ...]:
    """Which layers are recurrent though they have a head count (src/models/qwen35.cpp and its kin).

    The others say it by a head count of 0.
    """
    if (own := header.per_layer("{arch}.attention.recurrent_layers", n_layers)) is not None:
        return tuple(map(bool, own))
    interval = header.number("{arch}.full_attention_interval")
    return tuple(bool(interval and (i + 1) % interval) for i in range(n_layers))


def _is_latent(header: _Header) -> bool:
    """Then llama.cpp caches no values (llama-kv-cache.cpp, `has_v`)."""
    return bool(header.number("{arch}.attention.key_length_mla"))


def _head_length(header: _Header, kind: str) -> int | None:
    """Its own key, else n_embd / heads (llama-model.cpp, load_hparams)."""
    own = header.number(f"{{arch}}.attention.{kind}_length")
    embd = header.number("{arch}.embedding_length")
    heads = header.number("{arch}.attention.head_count")
    return own or (embd // heads if embd and heads else None)


def _file_type(number: int | None) -> str | None:
    from gguf import LlamaFileType

    try:
        return None if number is None else LlamaFileType(number).name
    except ValueError:
        return f"type {number}"  # newer than our gguf


def _main(argv: list[str]) -> int:
    """Facts on stdout; a failure as JSON with `code` and `message` on stderr, exit code 1."""
    try:
        sys.stdout.buffer.write(msgspec.json.encode(read_facts(Path(argv[0]))) + b"\n")
    except GgufError as error:
        report = {"code": error.code, "message": error.message, "hint": error.hint}
        sys.stderr.buffer.write(msgspec.json.encode(report) + b"\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(_main(sys.argv[1:]))
