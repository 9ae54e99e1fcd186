"""Opens all files of a model and puts its facts together. Imports numpy: see gguf.py.

Keys and their meaning: the GGUF specification (ggml's docs/gguf.md) and llama.cpp's
`src/llama-arch.cpp`.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from gguf import LlamaFileType

from paddock import excerpt
from paddock.llama import gguf_layers as layers
from paddock.llama.gguf import Facts, GgufError
from paddock.llama.gguf_file import GgufFile
from paddock.llama.gguf_header import MOST_TOKENS, GgufHeader
from paddock.llama.gguf_shards import UNNAMED, misfits, must_be_whole, opened, weighed
from paddock.llama.gguf_template import handled
from paddock.llama.gguf_weights import weigh

_TOKENIZER = ("tokenizer.ggml.model", "tokenizer.ggml.tokens")
_TOKENIZER_PARTS = {  # by tokenizer.ggml.model
    "gpt2": (*_TOKENIZER, "tokenizer.ggml.merges"),
    "llama": (*_TOKENIZER, "tokenizer.ggml.scores"),
    "no_vocab": _TOKENIZER[:1],
}
_TEMPLATES = ("tokenizer.chat_template", "tokenizer.chat_template.tool_use")


def read_facts(path: Path) -> Facts:
    """Read the headers of a model's files, of which the first has the keys. GgufError says what is wrong.

    In this process, with numpy; `facts.read` and `facts.read_in_child` do without.
    """
    files = opened(path)
    for file in files:
        must_be_whole(file)
    return _facts(_header(files[0]), files)


def _header(file: GgufFile) -> GgufHeader:
    try:
        return GgufHeader(file.fields)
    except ValueError as error:
        message = f"{file.path} has a header that makes no sense: {error}"
        raise GgufError(message, kind="odd") from error


def _facts(header: GgufHeader, files: Sequence[GgufFile]) -> Facts:
    kv_heads = layers.kv_heads(header)
    facts = Facts(
        architecture=excerpt.name(header.architecture),
        n_layers=header.n_layers,
        kv_layers=sum(1 for heads in kv_heads if heads),
        n_ctx_train=header.number("{arch}.context_length", most=MOST_TOKENS),
        n_embd=header.number("{arch}.embedding_length"),
        heads=header.largest("{arch}.attention.head_count"),
        kv_heads=kv_heads,
        key_length=_head_length(header, "key"),
        value_length=0 if _is_latent(header) else _head_length(header, "value"),
        experts=header.number("{arch}.expert_count") or 0,
        experts_used=header.number("{arch}.expert_used_count") or 0,
        size_bytes=sum(file.size for file in files),
        file_type=_file_type(header.number("general.file_type")),
        shards=tuple(str(file.path) for file in files),
        header_bytes=tuple(file.header_end for file in files),
        name=excerpt.name(header.text("general.name")),
        size_label=excerpt.name(header.text("general.size_label")),
        kind=_kind(header),
        n_vocab=_n_vocab(header),
        nextn_layers=header.n_layers - header.n_trunk,
        recurrent=layers.recurrent(header),
        state_bytes=layers.state_bytes(header),
        window=layers.window(header),
        windowed=layers.windowed(header),
        key_length_swa=header.number("{arch}.attention.key_length_swa"),
        value_length_swa=header.number("{arch}.attention.value_length_swa"),
        **_weights(header, files),
        **_template(header),
    )
    return msgspec.structs.replace(facts, doubts=tuple(_doubts(header, facts, files)))


def _kind(header: GgufHeader) -> str:
    """gguf's GGUFType, with `mmproj` in words; older projectors say so by their architecture only."""
    kind = excerpt.name(header.text("general.type")) or "model"
    return "projector" if header.architecture == "clip" or kind == "mmproj" else kind


def _n_vocab(header: GgufHeader) -> int | None:
    """The tokens; without any the number in the header (llama-vocab.cpp, `no_vocab`)."""
    return header.length("tokenizer.ggml.tokens") or header.number(
        "{arch}.vocab_size", most=MOST_TOKENS
    )


def _weights(header: GgufHeader, files: Sequence[GgufFile]) -> dict[str, Any]:
    """Places only for a model: nothing else has layers, input and output in this sense."""
    tensors = (tensor for file in files for tensor in weighed(file))
    weights = weigh(tensors, architecture=header.architecture, n_layers=header.n_layers)
    if _kind(header) != "model":
        return {"n_params": weights.n_params, "types": weights.types}
    return msgspec.structs.asdict(weights)


def _template(header: GgufHeader) -> dict[str, Any]:
    texts = [text for text in map(header.text, _TEMPLATES) if text]
    return {"has_template": bool(texts), "template": handled(*texts)}


def _is_latent(header: GgufHeader) -> bool:
    """Then llama.cpp caches no values (llama-kv-cache.cpp, `has_v`)."""
    return bool(header.number("{arch}.attention.key_length_mla"))


def _head_length(header: GgufHeader, kind: str) -> int | None:
    """Its own key, else n_embd / heads (llama-model.cpp, load_hparams)."""
    own = header.number(f"{{arch}}.attention.{kind}_length")
    embd = header.number("{arch}.embedding_length")
    heads = header.largest("{arch}.attention.head_count")
    return own or (embd // heads if embd and heads else None)


def _file_type(number: int | None) -> str | None:
    try:
        return None if number is None else LlamaFileType(number).name
    except ValueError:
        return f"type {number}"  # newer than our gguf


def _doubts(header: GgufHeader, facts: Facts, files: Sequence[GgufFile]) -> Iterator[str]:
    """What llama.cpp may refuse; only it can decide."""
    yield from header.doubts
    yield from misfits(files)
    if facts.kind == "model" and facts.n_layers:
        parts = _TOKENIZER_PARTS.get(header.text("tokenizer.ggml.model"), _TOKENIZER)
        missing = [part for part in parts if not header.has(part)]
        yield from (f"{part} is missing" for part in missing)
    for name in facts.types:
        if name.startswith(UNNAMED):
            yield f"it has tensors of {name}"
