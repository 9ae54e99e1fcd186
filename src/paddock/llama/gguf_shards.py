"""The files of one model: all of them, as long as their tensors, and belonging together.

Only modules that read files import it: the gguf library imports numpy.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

from paddock.llama.gguf import GgufError, absent, is_there, shards
from paddock.llama.gguf_file import GgufFile, open_gguf
from paddock.llama.gguf_weights import Tensor

UNNAMED = "type "  # before the number of a tensor type that our gguf does not know
_SIZES = {int(kind): (kind.name, *GGML_QUANT_SIZES[kind]) for kind in GGMLQuantizationType}


def opened(path: Path) -> list[GgufFile]:
    """The files of the model, the one with the keys first. GgufError names those that are missing.

    The first one's header says how many there are: a file may be named as a shard and be all of its
    model (llama.cpp looks at `split.count`, then at names).
    """
    named = shards(path)
    if not is_there(named[0]):
        raise absent(named[:1], len(named))
    first = open_gguf(named[0])
    count = _number(first, "split.count") or 1
    wanted = named if count > 1 else named[:1]
    if missing := [file for file in wanted if not is_there(file)]:
        raise absent(missing, len(wanted))
    return [first, *map(open_gguf, wanted[1:])]


def must_be_whole(file: GgufFile) -> None:
    """Raise GgufError where the file ends before its last tensor does."""
    if file.data_start is None or not file.tensors:
        return
    end = file.data_start + max(t.offset + _size(t.type, t.n_elements) for t in file.tensors)
    if end > file.size:
        message = f"{file.path} is truncated: it has {file.size:,} of {end:,} bytes"
        raise GgufError(message, hint="download it again", kind="short")


def weighed(file: GgufFile) -> Iterator[Tensor]:
    """Its tensors; of a type that we do not know, up to where the next one begins."""
    starts = sorted(tensor.offset for tensor in file.tensors)
    after = dict(zip(starts, (*starts[1:], file.data_size), strict=False))
    for name, n_elements, kind, offset in file.tensors:
        known = _SIZES.get(kind)
        size = _size(kind, n_elements) if known else max(0, after[offset] - offset)
        yield Tensor(name, n_elements, size, known[0] if known else f"{UNNAMED}{kind}")


def _size(kind: int, n_elements: int) -> int:
    """Bytes, as far as we know the type: whole blocks."""
    _, block, size = _SIZES.get(kind, ("", 1, 0))
    return n_elements // block * size


def misfits(files: Sequence[GgufFile]) -> Iterator[str]:
    """Where the files differ from what their headers claim."""
    count = _number(files[0], "split.count") or 1
    if count != len(files):
        yield f"split.count is {count}, and there {_are(len(files))}"
    for place, file in enumerate(files):
        number = _number(file, "split.no")
        if number is not None and number != place:
            yield f"split.no of {file.path.name} is {number}, and by its name it is {place}"
    claimed, found = _number(files[0], "split.tensors.count"), sum(len(f.tensors) for f in files)
    if claimed is not None and claimed != found:
        yield f"split.tensors.count is {claimed}, and there are {found} tensors"


def _are(files: int) -> str:
    return "is one file" if files == 1 else f"are {files} files"


def _number(file: GgufFile, key: str) -> int | None:
    field = file.fields.get(key)
    value = field.value() if field else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None
