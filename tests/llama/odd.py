"""GGUF headers as nobody should write them: any key with a value of any type. Written byte by byte,
as the gguf library writes only what makes sense."""

import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from paddock.llama.gguf_file import Field
from paddock.llama.gguf_header import GgufHeader

_NUMBERS = {
    "u8": (0, "B"), "i8": (1, "b"), "u16": (2, "H"), "i16": (3, "h"), "u32": (4, "I"),
    "i32": (5, "i"), "f32": (6, "f"), "bool": (7, "?"), "u64": (10, "Q"), "i64": (11, "q"),
    "f64": (12, "d"),
}  # fmt: skip
_STRING, _ARRAY = 8, 9


class Value(NamedTuple):
    """A value as it lies in a file."""

    name: str
    type: int
    bytes: bytes


def number(kind: str, value: float) -> Value:
    type_, code = _NUMBERS[kind]
    return Value(f"{kind} {value}", type_, struct.pack(f"<{code}", value))


def text(words: str) -> Value:
    return Value(f"str {words!r}", _STRING, _string(words))


def listed(*values: Value) -> Value:
    of = values[0].type if values else _NUMBERS["u32"][0]
    body = struct.pack("<IQ", of, len(values)) + b"".join(value.bytes for value in values)
    return Value(f"[{', '.join(value.name for value in values[:3])}]", _ARRAY, body)


def every_value() -> Iterator[Value]:
    """Of every type, with the extremes of each."""
    for kind, (_, code) in _NUMBERS.items():
        if code in "fd":
            yield from (number(kind, value) for value in (0.0, 4.0, -1.5, 1e30, float("nan"), float("inf")))  # fmt: skip
        elif code == "?":
            yield from (number(kind, True), number(kind, False))
        else:
            bits = 8 * struct.calcsize(code)
            least, most = (0, 2**bits - 1) if code.isupper() else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)  # fmt: skip
            yield from (number(kind, value) for value in {0, 1, 4, least, most})
        yield listed(*(number(kind, 1) for _ in range(3)))
    yield from (text(""), text("4"), text("a\x1b[31m\nb"), listed(text("a"), text("b")))
    yield from (listed(), listed(listed(number("u32", 4))), listed(number("i64", -(2**63))))


def odd_file(path: Path, fields: Mapping[str, Value], *, tensors: int = 0) -> Path:
    """With these keys, and so many tensors of one value each."""
    parts = [b"GGUF", struct.pack("<IQQ", 3, tensors, len(fields))]
    for key, value in fields.items():
        parts += [_string(key), struct.pack("<I", value.type), value.bytes]
    for place in range(tensors):
        parts += [_string(f"blk.{place}.x.weight"), struct.pack("<IQIQ", 1, 1, 0, 32 * place)]
    head = b"".join(parts)
    path.write_bytes(head + bytes(-len(head) % 32 + 32 * tensors))
    return path


def _string(words: str) -> bytes:
    data = words.encode()
    return struct.pack("<Q", len(data)) + data


class Recording(dict[str, Field]):
    """Notes which keys are asked for."""

    def __init__(self, fields: Mapping[str, Field]) -> None:
        super().__init__(fields)
        self.asked: set[str] = set()

    def get(self, key: str, default: object = None) -> Field | None:  # type: ignore[override]
        self.asked.add(key)
        return super().get(key)


def sane(arch: str) -> dict[str, Value]:
    """What every model has."""
    words = {"general.architecture": arch, "tokenizer.ggml.model": "gpt2", "general.name": "Odd"}
    numbers = {
        "block_count": 4, "context_length": 4096, "embedding_length": 64, "attention.head_count": 4,
        "attention.head_count_kv": 2, "feed_forward_length": 128, "vocab_size": 100,
    }  # fmt: skip
    return {
        **{key: text(value) for key, value in words.items()},
        **{f"{arch}.{key}": number("u32", value) for key, value in numbers.items()},
    }


__all__ = [
    "GgufHeader",
    "Recording",
    "Value",
    "every_value",
    "listed",
    "number",
    "odd_file",
    "sane",
    "text",
]
