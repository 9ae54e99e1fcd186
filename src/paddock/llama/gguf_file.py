"""The structure of one GGUF file: keys with the types that they are stored in, tensors with their places.

Written by hand, as gguf's own reader refuses a whole file for one tensor type that it does not know,
takes 6 s for a large vocabulary, and loses the types of keys. Any byte may be wrong here: what
cannot be followed is a `Damaged`, never another exception. Format: ggml's docs/gguf.md.
"""

import mmap
import struct
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Literal, NamedTuple

from paddock.llama.gguf import GgufError
from paddock.plain_file import oddity

Kind = Literal[
    "u8", "i8", "u16", "i16", "u32", "i32", "f32", "bool", "str", "array", "u64", "i64", "f64"
]
_KINDS: tuple[Kind, ...] = (
    "u8", "i8", "u16", "i16", "u32", "i32", "f32", "bool", "str", "array", "u64", "i64", "f64"
)  # fmt: skip  # by their numbers
_CODES = {
    "u8": "B", "i8": "b", "u16": "H", "i16": "h", "u32": "I", "i32": "i", "f32": "f", "bool": "?",
    "u64": "Q", "i64": "q", "f64": "d",
}  # fmt: skip  # struct's
_VERSIONS = (2, 3)  # laid out alike
_ALIGNMENT = 32  # bytes, where the file has no general.alignment
_MOST_ALIGNMENT = 1 << 20
_MOST_DIMS = 4  # GGML_MAX_DIMS
_MOST_ELEMENTS = 1 << 48  # of a tensor; the largest that there are have 2**33
_DEEPEST = 4  # lists in lists; llama.cpp takes none


class Damaged(Exception):
    """The bytes contradict themselves, or the file ends too early."""


class TensorInfo(NamedTuple):
    """As the header has it."""

    name: str
    n_elements: int
    type: int  # ggml's number
    offset: int  # bytes, from where the tensors' data begins


@dataclass(frozen=True, slots=True)
class Field:
    """One key's value, decoded when it is asked for: a vocabulary has 150,000 words."""

    kind: Kind
    of: Kind | None  # of a list: what it holds
    count: int  # values; 1 unless it is a list
    _bytes: "_Bytes"
    _start: int

    def value(self) -> int | float | bool | bytes | None:
        """None of a list."""
        if self.kind == "array":
            return None
        if self.kind == "str":
            return self._bytes.text(self._start)[0]
        return self._bytes.numbers(self.kind, self._start, 1)[0]

    def values(self) -> tuple[int | float | bool, ...] | None:
        """Of a list of numbers or truths; None of anything else."""
        if self.of is None or self.of not in _CODES:
            return None
        return self._bytes.numbers(self.of, self._start, self.count)


@dataclass(frozen=True, slots=True)
class GgufFile:
    """What the header of one file says."""

    path: Path
    size: int  # bytes
    fields: dict[str, Field]
    tensors: tuple[TensorInfo, ...]
    data_start: int | None  # where the tensors' data begins; None: its alignment is none
    header_end: int = 0  # bytes of the header

    @property
    def data_size(self) -> int:
        """Bytes of tensors in the file; 0 where the header does not say where they begin."""
        return 0 if self.data_start is None else max(0, self.size - self.data_start)


def open_gguf(path: Path) -> GgufFile:
    """Read one file's header. GgufError where it has none, or one that cannot be followed."""
    if kind := oddity(path):
        raise GgufError(f"{path} is {kind} instead of a file", kind="other")
    try:
        with path.open("rb") as file:
            if file.read(4) != b"GGUF":
                raise GgufError(
                    f"{path} is not a GGUF file", hint="download it again", kind="other"
                )
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _Parser(path, data).read()
    except OSError as error:
        raise GgufError(
            f"{path} cannot be read: {error.strerror or error}", kind="closed"
        ) from error
    except Damaged as damage:
        message = f"{path} is truncated or damaged"
        raise GgufError(message, hint="download it again", kind="damaged") from damage


class _Bytes:
    """A file's bytes in its own byte order."""

    def __init__(self, data: bytes | mmap.mmap, order: str) -> None:
        self.data, self._order = data, order
        self._long = struct.Struct(f"{order}Q")
        self._word = struct.Struct(f"{order}I")

    def word(self, at: int) -> int:
        return self._one(self._word, at)

    def long(self, at: int) -> int:
        return self._one(self._long, at)

    def _one(self, form: struct.Struct, at: int) -> int:
        try:
            number: int = form.unpack_from(self.data, at)[0]
        except struct.error:
            raise Damaged("it ends within its header") from None
        return number

    def numbers(self, kind: Kind, at: int, count: int) -> tuple[int | float | bool, ...]:
        self.must_hold(at + count * width(kind))
        return struct.unpack_from(f"{self._order}{count}{_CODES[kind]}", self.data, at)

    def text(self, at: int) -> tuple[bytes, int]:
        """A string, and where it ends."""
        end = at + 8 + self.long(at)
        self.must_hold(end)
        return self.data[at + 8 : end], end

    def must_hold(self, end: int) -> None:
        if end > len(self.data):
            raise Damaged("it ends within its header")

    def after_strings(self, at: int, count: int) -> int:
        """Where so many strings end: each is its length and its bytes."""
        unpack, data = self._long.unpack_from, self.data
        try:
            for _ in range(count):
                at += 8 + unpack(data, at)[0]
        except (
            struct.error,
            OverflowError,
        ):  # behind the end, or behind what a machine can address
            raise Damaged("it ends within a list of strings") from None
        return at


def width(kind: Kind) -> int:
    """Bytes of one number or truth."""
    return struct.calcsize(f"={_CODES[kind]}")


class _Parser:
    """Goes through a header from its beginning to its end."""

    def __init__(self, path: Path, data: mmap.mmap) -> None:
        self._path, self._data = path, data
        self._bytes = _Bytes(data, _order(path, data))
        self._at = 24  # behind magic, version and the two counts

    def read(self) -> GgufFile:
        n_tensors, n_fields = self._bytes.long(8), self._bytes.long(16)
        fields = dict(self._field() for _ in range(n_fields))
        tensors = tuple(self._tensor() for _ in range(n_tensors))
        self._bytes.data = self._data[: self._at]  # it outlives the mapping, and is not the weights
        start = _aligned(self._at, fields.get("general.alignment"))
        return GgufFile(self._path, len(self._data), fields, tensors, start, self._at)

    def _field(self) -> tuple[str, Field]:
        key, kind = self._text(), self._kind()
        field = self._list() if kind == "array" else self._scalar(kind)
        return key, field

    def _scalar(self, kind: Kind) -> Field:
        start = self._at
        self._at = self._bytes.text(start)[1] if kind == "str" else start + width(kind)
        self._bytes.must_hold(self._at)
        return Field(kind, None, 1, self._bytes, start)

    def _list(self, depth: int = 1) -> Field:
        of, count = self._kind(), self._count()
        start = self._at
        if of == "str":
            self._at = self._bytes.after_strings(start, count)
        elif of == "array":
            self._lists(count, depth)
        else:
            self._at = start + count * width(of)
        self._bytes.must_hold(self._at)
        return Field("array", of, count, self._bytes, start)

    def _lists(self, count: int, depth: int) -> None:
        if depth == _DEEPEST:
            raise Damaged("lists lie too deep in each other")
        for _ in range(count):
            self._list(depth + 1)

    def _tensor(self) -> TensorInfo:
        name, dims = self._text(), self._word()
        if dims > _MOST_DIMS:
            raise Damaged(f"a tensor of {dims} dimensions")
        n_elements = prod(self._count() for _ in range(dims))
        if n_elements > _MOST_ELEMENTS:
            raise Damaged(f"a tensor of {n_elements} values")
        return TensorInfo(name, n_elements, self._word(), self._count())

    def _kind(self) -> Kind:
        number = self._word()
        if number >= len(_KINDS):
            raise Damaged(f"a value of type {number}")
        return _KINDS[number]

    def _text(self) -> str:
        text, self._at = self._bytes.text(self._at)
        return text.decode(errors="replace")

    def _word(self) -> int:
        self._at += 4
        return self._bytes.word(self._at - 4)

    def _count(self) -> int:
        self._at += 8
        return self._bytes.long(self._at - 8)


def _order(path: Path, data: mmap.mmap) -> str:
    """struct's sign for the byte order. GgufError where the version is laid out in another way."""
    little = _Bytes(data, "<").word(4)
    order = ">" if little and not little & 0xFFFF else "<"
    version = _Bytes(data, order).word(4)
    if version not in _VERSIONS:
        raise GgufError(
            f"{path} is a GGUF of version {version}, which Paddock does not read",
            hint="whether it loads is for llama-server to say",
            kind="foreign",
        )
    return order


def _aligned(end: int, alignment: Field | None) -> int | None:
    """Where the tensors' data begins behind a header that ends here."""
    if alignment is None:
        size: object = _ALIGNMENT
    else:
        size = alignment.value() if alignment.kind == "u32" else None
    if not isinstance(size, int) or not 0 < size <= _MOST_ALIGNMENT or size & (size - 1):
        return None
    return -(-end // size) * size
