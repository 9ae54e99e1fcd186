"""The keys of a header as numbers and texts, whatever types they were stored in.

Anybody can store anything under a key (`llama-quantize --override-kv` does), and what llama.cpp makes
of it is its own affair (build 11434 refuses a whole file for one u64 where it expects u32, unless
`--override-kv` gives the value). So a value that is not what it should be is unknown here, and noted
as a doubt.
"""

from collections.abc import Iterable, Mapping

from paddock.llama.gguf_file import Field

_MAX_LAYERS = 512  # LLAMA_MAX_LAYERS in llama.cpp's src/llama-hparams.h
_WHOLE = frozenset({"u8", "i8", "u16", "i16", "u32", "i32", "u64", "i64"})
_LISTED = _WHOLE | {"bool"}
# The most that is taken for real. Products of several numbers must stay in 64 bits, as JSON has them.
_MOST = 1 << 20  # heads, layers, lengths of vectors
MOST_TOKENS = 1 << 31


class GgufHeader:
    """Values by key; `{arch}` in a key stands for the architecture."""

    def __init__(self, fields: Mapping[str, Field]) -> None:
        """ValueError, with the key, where it has no usable number of layers."""
        self._fields = fields
        self._doubts: dict[str, str] = {}  # by key
        self.architecture = ""
        self.architecture = self.text("general.architecture") or "unknown"
        self.n_layers = self._count_layers()

    def _count_layers(self) -> int:
        key = "{arch}.block_count"
        count = self.number(key)
        if count is None and (doubt := self._doubts.get(self._name(key))):
            raise ValueError(doubt)
        if count and count > _MAX_LAYERS:
            raise ValueError(f"{self._name(key)} is {count}, where llama.cpp takes {_MAX_LAYERS}")
        return count or 0

    @property
    def n_trunk(self) -> int:
        """Layers less those for multi-token prediction at the end: llama_hparams::n_layer()."""
        ahead = self.number("{arch}.nextn_predict_layers") or 0
        return max(0, self.n_layers - ahead)

    @property
    def doubts(self) -> Iterable[str]:
        """What is wrong with the values of the keys that were asked for."""
        return self._doubts.values()

    def has(self, key: str) -> bool:
        return self._field(key) is not None

    def text(self, key: str) -> str:
        """Empty where the key is absent or no string. Bytes that are no UTF-8 are replaced."""
        field = self._field(key)
        if field is None:
            return ""
        value = field.value()
        if isinstance(value, bytes):
            return value.decode(errors="replace")
        self._doubt(key, f"is stored as {_type(field)}, not as str")
        return ""

    def number(self, key: str, *, most: int = _MOST) -> int | None:
        """A whole number from 0 to `most`; None where there is none such."""
        field = self._field(key)
        if field is None:
            return None
        if field.kind != "u32":
            self._doubt(key, f"is stored as {_type(field)}, not as u32")
        value = field.value() if field.kind in _WHOLE else None
        if isinstance(value, int) and not 0 <= value <= most:
            self._doubt(key, f"is {value}, which cannot be")
        return value if isinstance(value, int) and 0 <= value <= most else None

    def largest(self, key: str) -> int | None:
        """The same; of a list with one number per layer, the largest."""
        values = self.listed(key)
        return self.number(key) if values is None else max(values, default=None)

    def listed(self, key: str) -> tuple[int, ...] | None:
        """The numbers of a list (a truth is 0 or 1); None where it is none, or of anything else."""
        field = self._field(key)
        if field is None or field.kind != "array":
            return None
        values = field.values() if field.of in _LISTED else None
        numbers = [int(value) for value in values or ()]
        if values is None or not all(0 <= number <= _MOST for number in numbers):
            self._doubt(key, f"is a list of {field.of}, not of numbers from 0 to {_MOST}")
            return None
        return tuple(numbers)

    def per_layer(self, key: str) -> tuple[int, ...] | None:
        """One number for each layer, 0 where a list ends too early."""
        values, n_layers = self.listed(key), self.n_layers
        if values is not None:
            return (*values, *(0,) * n_layers)[:n_layers]
        field = self._field(key)
        if field is None or field.kind == "array":
            return None
        number = self.number(key)
        return None if number is None else (number,) * n_layers

    def length(self, key: str) -> int | None:
        """How many elements a list has."""
        field = self._field(key)
        if field is None:
            return None
        if field.kind != "array":
            self._doubt(key, f"is stored as {field.kind}, not as a list")
        return field.count if field.kind == "array" else None

    def _field(self, key: str) -> Field | None:
        return self._fields.get(self._name(key))

    def _name(self, key: str) -> str:
        return key.replace("{arch}", self.architecture)

    def _doubt(self, key: str, what: str) -> None:
        self._doubts[self._name(key)] = f"{self._name(key)} {what}"


def _type(field: Field) -> str:
    return f"a list of {field.of}" if field.of else field.kind


def padded(values: Iterable[int], length: int) -> tuple[bool, ...]:
    """A list from a file, with one truth for each layer whatever its length."""
    return tuple(bool(v) for v in (*values, *(0,) * length)[:length])
