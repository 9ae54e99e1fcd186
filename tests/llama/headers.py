"""GGUF files of which only the header is real: keys of any architecture, and tensors of a few bytes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGUFWriter

from paddock.llama.gguf import Facts
from paddock.llama.gguf_read import read_facts


def header(path: Path, arch: str, keys: Mapping[str, Any], tensors: Mapping[str, Any] = {}) -> Path:
    """Keys belong to the architecture unless to `general.` or `tokenizer.`. Tensors: arrays by name."""
    writer = GGUFWriter(path, arch)
    for key, value in keys.items():
        _add(writer, key if key.startswith(("general.", "tokenizer.")) else f"{arch}.{key}", value)
    for name, values in tensors.items():
        writer.add_tensor(name, np.asarray(values))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def facts_of(folder: Path, arch: str, tensors: Mapping[str, Any] = {}, /, **keys: Any) -> Facts:
    """Of such a file. In the names of keys `__` stands for a dot: `attention__head_count`."""
    named = {key.replace("__", "."): value for key, value in keys.items()}
    return read_facts(header(folder / "m.gguf", arch, named, tensors))


def _add(writer: GGUFWriter, key: str, value: Any) -> None:
    match value:
        case bool():
            writer.add_bool(key, value)
        case int():
            writer.add_uint32(key, value)
        case str():
            writer.add_string(key, value)
        case _:
            writer.add_array(key, value)
