"""Opens all files of a model and puts its facts together. Brings numpy: see gguf.py.

Keys and their meaning: the GGUF specification (ggml's docs/gguf.md) and llama.cpp's
`src/llama-arch.cpp`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from gguf import LlamaFileType

from paddock.llama import gguf_layers as layers
from paddock.llama.gguf import Facts, GgufError
from paddock.llama.gguf_header import Header, Reader
from paddock.llama.gguf_template import handled
from paddock.llama.gguf_weights import weigh

_TEMPLATES = ("tokenizer.chat_template", "tokenizer.chat_template.tool_use")


def read(files: list[Path]) -> Facts:
    """The facts of a model in these files, all of its shards. GgufError says what is wrong."""
    readers = [_open(file) for file in files]
    try:
        return _facts(Header(readers[0].fields), readers, files)
    except (ValueError, TypeError, LookupError) as error:  # a key of another type than it should be
        raise GgufError(f"{files[0]} has a header that makes no sense: {error}") from error


def _plain(text: str) -> str:
    """Words of whoever made the file, without what a terminal would obey."""
    return "".join(letter if letter.isprintable() else " " for letter in text).strip()


def _open(file: Path) -> Reader:
    """Open and check one file. The reader maps it, tensors included: a short file fails here."""
    try:
        return Reader(file)
    except (ValueError, IndexError, KeyError, OSError, OverflowError, MemoryError) as error:
        raise _complaint(file, str(error)) from error


def _complaint(file: Path, error: str) -> GgufError:
    try:
        with file.open("rb") as start:
            magic = start.read(4)
    except OSError as denied:
        return GgufError(f"{file} cannot be read: {denied.strerror}")
    if magic != b"GGUF":
        return GgufError(f"{file} is not a GGUF file", hint="download it again")
    if "GGMLQuantizationType" in error or "version" in error:  # the library's words, gguf 0.19
        return GgufError(f"{file} is newer than our gguf library", hint="pip install -U gguf")
    return GgufError(f"{file} is truncated or damaged", hint="download it again")


def _facts(header: Header, readers: Sequence[Reader], files: list[Path]) -> Facts:
    kv_heads = layers.kv_heads(header)
    return Facts(
        architecture=_plain(header.architecture),
        n_layers=header.n_layers,
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
        name=_plain(header.text("general.name")),
        size_label=_plain(header.text("general.size_label")),
        kind=_kind(header),
        n_vocab=_n_vocab(header),
        nextn_layers=header.n_layers - header.n_trunk,
        recurrent=layers.recurrent(header),
        state_bytes=layers.state_bytes(header),
        window=layers.window(header),
        windowed=layers.windowed(header),
        key_length_swa=header.number("{arch}.attention.key_length_swa"),
        value_length_swa=header.number("{arch}.attention.value_length_swa"),
        **_weights(header, readers),
        **_template(header),
    )


def _kind(header: Header) -> str:
    """gguf's GGUFType, with `mmproj` in words; older projectors say so by their architecture only."""
    kind = _plain(header.text("general.type")) or "model"
    return "projector" if header.architecture == "clip" or kind == "mmproj" else kind


def _n_vocab(header: Header) -> int | None:
    """The tokens; without any the number in the header (llama-vocab.cpp, `no_vocab`)."""
    return header.length("tokenizer.ggml.tokens") or header.number("{arch}.vocab_size")


def _weights(header: Header, readers: Sequence[Reader]) -> dict[str, Any]:
    """Places only for a model: nothing else has layers, input and output in this sense."""
    tensors = (tensor for reader in readers for tensor in reader.tensors)
    weights = weigh(tensors, architecture=header.architecture, n_layers=header.n_layers)
    if _kind(header) != "model":
        return {"n_params": weights.n_params, "types": weights.types}
    return msgspec.structs.asdict(weights)


def _template(header: Header) -> dict[str, Any]:
    texts = [text for text in map(header.text, _TEMPLATES) if text]
    return {"has_template": bool(texts), "template": handled(*texts)}


def _is_latent(header: Header) -> bool:
    """Then llama.cpp caches no values (llama-kv-cache.cpp, `has_v`)."""
    return bool(header.number("{arch}.attention.key_length_mla"))


def _head_length(header: Header, kind: str) -> int | None:
    """Its own key, else n_embd / heads (llama-model.cpp, load_hparams)."""
    own = header.number(f"{{arch}}.attention.{kind}_length")
    embd = header.number("{arch}.embedding_length")
    heads = header.number("{arch}.attention.head_count")
    return own or (embd // heads if embd and heads else None)


def _file_type(number: int | None) -> str | None:
    try:
        return None if number is None else LlamaFileType(number).name
    except ValueError:
        return f"type {number}"  # newer than our gguf
