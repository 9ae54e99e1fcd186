"""The header of an opened GGUF file, and a reader that is light also where the vocabulary is large.

Imported by who reads a file only: the gguf library brings numpy.
"""

import struct
from collections.abc import Mapping, Sequence
from typing import Any

from gguf import GGUFReader, GGUFValueType, ReaderField

_MAX_LAYERS = 512  # LLAMA_MAX_LAYERS in llama.cpp's src/llama-hparams.h
_NUMBERS = GGUFReader.gguf_scalar_to_np


class Reader(GGUFReader):
    """The library's reader, but a list is one part of a field, not three objects for each element.

    gguf 0.19 takes 6 s and 340 MB for a vocabulary of 150,000 tokens; like this it is 0.2 s and
    36 MB, imports included. Of a list of strings only the length can be told. Should a later gguf no longer call
    this method, reading is slow again and still right.
    """

    def _get_field_parts(
        self, orig_offs: int, raw_type: int
    ) -> tuple[int, list[Any], list[int], list[GGUFValueType]]:
        kind, start = GGUFValueType(raw_type), orig_offs + 12
        if kind != GGUFValueType.ARRAY:
            return super()._get_field_parts(orig_offs, raw_type)
        of = GGUFValueType(int(self._get(orig_offs, "uint32")[0]))
        count = self._get(orig_offs + 4, "uint64")
        head = [self.data[orig_offs : orig_offs + 4], count]
        if of == GGUFValueType.STRING and self.byte_order == "I":
            end = self._end_of_strings(start, int(count[0]))
            return end - orig_offs, [*head, self.data[start:end]], [], [kind, of]
        if of not in _NUMBERS:
            return super()._get_field_parts(orig_offs, raw_type)
        numbers = self._get(start, _NUMBERS[of], int(count[0]))
        return 12 + int(numbers.nbytes), [*head, numbers], [2], [kind, of]

    def _end_of_strings(self, offset: int, count: int) -> int:
        """Each is its length in bytes (64 bits) and its bytes."""
        view = self.data.data
        try:
            for _ in range(count):
                offset += 8 + struct.unpack_from("=Q", view, offset)[0]
        except struct.error:
            raise ValueError("the file ends within a list of strings") from None
        return offset


class Header:
    """Values by key; `{arch}` in a key stands for the architecture."""

    def __init__(self, fields: Mapping[str, ReaderField]) -> None:
        self._fields = fields
        self.architecture = ""
        self.architecture = self.text("general.architecture") or "unknown"
        self.n_layers = self.number("{arch}.block_count") or 0
        if self.n_layers > _MAX_LAYERS:
            raise ValueError(f"{self.n_layers} layers, where llama.cpp takes {_MAX_LAYERS}")

    @property
    def n_trunk(self) -> int:
        """Layers less those for multi-token prediction at the end: llama_hparams::n_layer()."""
        ahead = self.number("{arch}.nextn_predict_layers") or 0
        return max(0, self.n_layers - ahead)

    def get(self, key: str) -> Any:
        field = self._field(key)
        return None if field is None else field.contents()

    def text(self, key: str) -> str:
        """Empty where the key is absent or no string. Bytes that are no UTF-8 are replaced."""
        field = self._field(key)
        if field is None or field.types[:1] != [GGUFValueType.STRING]:
            return ""
        return field.parts[-1].tobytes().decode(errors="replace")

    def number(self, key: str) -> int | None:
        """A number; of a list with one per layer, the largest."""
        value = self.get(key)
        return max(value, default=None) if isinstance(value, list) else value

    def per_layer(self, key: str) -> tuple[int, ...] | None:
        value = self.get(key)
        if value is None:
            return None
        return tuple(value) if isinstance(value, list) else (value,) * self.n_layers

    def length(self, key: str) -> int | None:
        """How many elements a list has."""
        field = self._field(key)
        if field is None or field.types[:1] != [GGUFValueType.ARRAY]:
            return None
        return int(field.parts[4][0])  # behind the key's length, key, type and the elements' type

    def _field(self, key: str) -> ReaderField | None:
        return self._fields.get(key.replace("{arch}", self.architecture))


def padded(values: Sequence[int], length: int) -> tuple[bool, ...]:
    """A list from a file, with one truth for each layer whatever its length."""
    return tuple(bool(v) for v in (*values, *(0,) * length)[:length])
