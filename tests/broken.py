"""Model files that no llama-server loads, each made of a good one in one way; and how each is mended."""

import shutil
from collections.abc import Callable
from pathlib import Path

from gguf import GGUFReader, GGUFValueType, GGUFWriter

from paddock.llama.scripted import ScriptedModel, write, write_split

Breaker = Callable[[Path], object]


def absent(path: Path) -> None:
    """There is none."""


def short(path: Path) -> None:
    data = _good(path).read_bytes()
    path.write_bytes(data[: len(data) // 2])


def joined_with_cat(path: Path) -> None:
    shards = write_split(path.with_suffix(""), ScriptedModel(say="Joined."), shards=2)
    path.write_bytes(b"".join(shard.read_bytes() for shard in shards))
    for shard in shards:
        shard.unlink()


def renamed_shard(path: Path) -> None:
    """Its header speaks of two files, its name of one."""
    first, second = write_split(path.with_suffix(""), ScriptedModel(say="Half."), shards=2)
    shutil.move(first, path)
    second.unlink()


def without_tokenizer(path: Path) -> None:
    rewritten(path, without="tokenizer.")


def without_merges(path: Path) -> None:
    rewritten(path, without="tokenizer.ggml.merges")


def context_as_float(path: Path) -> None:
    rewritten(path, key="llama.context_length", value=32768.0, kind=GGUFValueType.FLOAT32)


def no_gguf(path: Path) -> None:
    path.write_bytes(b"<html>Not found</html>")


def first_version(path: Path) -> None:
    path.write_bytes(b"GGUF\x01\0\0\0" + _good(path).read_bytes()[8:])


# How a file is broken, and a pattern of what is said of it: by us where it is certain, else by llama.cpp.
BREAKERS: dict[Breaker, str] = {
    absent: "there is no",
    short: "is truncated: it has|is not within the file bounds",
    joined_with_cat: "invalid split file name",
    renamed_shard: "invalid split file name",
    without_tokenizer: "key not found in model: tokenizer.ggml.model",
    without_merges: "cannot find tokenizer merges",
    context_as_float: "key llama.context_length has wrong type f32",
    no_gguf: "invalid magic characters",
    first_version: "GGUFv1 is no longer supported",
}
CERTAIN = (absent, short)  # known without an engine


def of_type(path: Path, number: int) -> Path:
    """A model of which two tensors are of the type with this number."""
    script = ScriptedModel(say="Hi.", ftype="f32")
    data = bytearray(write(path, script).read_bytes())
    for name in (b"blk.0.ffn_up.weight", b"output.weight"):
        at = data.rindex(len(name).to_bytes(8, "little") + name) + 8 + len(name)
        dims = int.from_bytes(data[at : at + 4], "little")
        at += 4 + 8 * dims
        data[at : at + 4] = number.to_bytes(4, "little")
    path.write_bytes(data)
    return path


def _good(path: Path, say: str = "Whole.") -> Path:
    return write(path, ScriptedModel(say=say))


def rewritten(
    path: Path, *, without: str = "-", key: str = "", value: object = None, kind: GGUFValueType | None = None
) -> Path:  # fmt: skip
    """A good model, but without the keys that begin so, or with another value under one of them."""
    source = GGUFReader(_good(path.with_suffix(".source")))
    writer = GGUFWriter(path, "llama")
    for name, field in source.fields.items():
        if name.startswith(("GGUF.", "general.architecture", without)):
            continue
        if name == key and kind is not None:
            writer.add_key_value(name, value, kind)
        else:
            of = field.types[-1] if field.types[0] == GGUFValueType.ARRAY else None
            writer.add_key_value(name, field.contents(), field.types[0], sub_type=of)
    for tensor in source.tensors:
        writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    path.with_suffix(".source").unlink()
    return path
