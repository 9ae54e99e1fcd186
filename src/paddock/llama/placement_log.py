"""The placement of a loaded model, from llama-server's log. Pure.

The lines come on standard error and need `-lv 4` (build 11434: src/llama-model.cpp,
src/llama-context.cpp, common/fit.cpp).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from paddock import excerpt
from paddock.api.placement import Buffer, Placement
from paddock.llama.fit import HOST, FitDevice, is_host
from paddock.llama.fit_log import DONE, device_of
from paddock.llama.tensor_split import tensor_parts

_MIB = r"\s*=\s*([\d.]+) MiB"
_BUFFER = re.compile(
    r"(?:load_tensors|llama_kv_cache\w*|llama_memory_recurrent|sched_reserve|llama_context):"
    r"\s+(\S+)\s+(model|KV|RS|compute|output) buffer size" + _MIB
)
_JOINED = "llama_prepare_model_devices: creating a Meta device"
_MEMBER = re.compile(r"llama_prepare_model_devices: - device \d+: (\S+)(?: \((.*)\))?")
_OFFLOADED = re.compile(r"offloaded (\d+)/(\d+) layers to GPU")
_OVERFLOWING = re.compile(
    r"common_params_fit_impl:\s+- (.*?):\s+\d+ layers \(\s*(\d+) overflowing\)"
)
_SPLITS = re.compile(r"sched_reserve: graph.*?splits = (\d+)(?: / (\d+))?,")
_SPLITS_PLAIN = re.compile(r"graph splits = (\d+)")
_N_CTX = re.compile(r"llama_context: n_ctx\s+= (\d+)")
_N_CTX_SLOT = re.compile(r"n_ctx_slot = (\d+)")
_NO_FIT = "llama_params_fit is not implemented for SPLIT_MODE_TENSOR"
_COMPLAINT = re.compile(r"common_fit_params: (failed to fit .*)")
_LOAD_MODE = re.compile(r"load_tensors: loading model tensors.*\(load_mode = ([\w+]{1,32})\)")
_FILE_SIZE = re.compile(r"print_info: file size\s+= ([\d.]+) (MiB|GiB)")
_KINDS: dict[str, Literal["model", "context", "compute", "output"]] = {
    "model": "model",
    "KV": "context",
    "RS": "context",
    "compute": "compute",
    "output": "output",
}
# Bounds on what a log may name, so that an endless log cannot fill the memory.
_MOST_DEVICES, _MOST_PARTS, _MOST_BUFFERS, _MOST_COMPLAINTS = 64, 64, 1024, 8
_ROUNDED = 0.1  # MiB
_META = "Meta("  # how the devices are called that are one


@dataclass(slots=True)
class _Part:
    """The buffers of one model, or of one context."""

    file_mib: float | None
    is_first: bool = False  # the model that answers: the one whose file is known
    sizes: dict[tuple[str, str], float] = field(default_factory=dict)  # MiB by buffer and kind

    @property
    def is_mapped(self) -> bool:
        return any(buffer.endswith("_Mapped") and is_host(buffer) for buffer, _ in self.sizes)

    def is_in_mapped_sum(self, buffer: str, kind: str) -> bool:
        """Whether `mapped_in_ram` counts it."""
        return kind == "model" and self.is_mapped and is_host(buffer)

    def mapped_in_ram(self, tied_mib: float, *, has_layers_elsewhere: bool) -> float:
        """MiB of weights that the host computes with, each once but for the `tied_mib` that may lie there twice."""
        weights = {b: mib for (b, kind), mib in self.sizes.items() if kind == "model"}
        mapped = sum(mib for b, mib in weights.items() if is_host(b) and b.endswith("_Mapped"))
        copied = sum(mib for b, mib in weights.items() if is_host(b) and not b.endswith("_Mapped"))
        elsewhere = sum(mib for b, mib in weights.items() if not is_host(b))
        if self.file_mib is None:
            return max(mapped, copied)
        # The output lies with the last layers, where devices have any, or is a copy in another order: then more is
        # elsewhere or copied than there is beside it. Else both are one tensor.
        is_on_a_device = has_layers_elsewhere and elsewhere >= tied_mib
        is_twice = is_on_a_device or copied + elsewhere > self.file_mib - tied_mib + _ROUNDED
        twice = tied_mib if is_twice else 0.0
        spanned = mapped + (twice if copied >= twice else 0.0)
        return max(min(spanned, self.file_mib + twice - elsewhere), copied, 0.0)


class PlacementReader:
    """Collects the placement from log lines.

    What is printed several times adds up: one line per shard, per cache of a sliding window, and all
    again for a draft model. Only a context's own compute and output buffers may be printed anew.
    Fit's trials print buffers from `-lv 5` on; they are forgotten when fit is done.

    With `--split-mode tensor` all devices are one, `Meta()`, and a line has what the one with the largest part of
    the model gets (ggml-backend-meta.cpp); the others have as much less as `--tensor-split` says.

    Two lines must not be taken at their word. `CPU_Mapped` is the span of the mapped file, layers on
    GPUs included: what lies in RAM is the file less what the devices hold. `CPU_REPACK` holds the
    same weights as the mapped ones once more, in another order. No line says that a token embedding is the
    output matrix too and lies in two places (Gemma, small Llamas and Qwens): the file's header does.
    """

    def __init__(self, tensor_split: str = "") -> None:
        """`tensor_split`: the numbers that it was started with."""
        self._tensor_split = tensor_split
        self._tied_mib = 0.0
        self._parts: list[_Part] = []
        self._loads = self._contexts = 0
        self._overflowing: dict[str, int] = {}  # layers by device
        self._members: list[str] = []  # devices that are one, by their names
        self._file_mib: float | None = None  # of the weights, as the header adds them up
        self.devices: dict[str, FitDevice] = {}  # by name, with what was free before this load
        self._found = Placement()
        self._is_merged = True

    @property
    def placement(self) -> Placement:
        """The placement, as far as the lines so far report it."""
        if not self._is_merged:  # seldom asked for, and built from many lines
            self._found.buffers, self._is_merged = _merged(self._sums()), True
        return self._found

    @placement.setter
    def placement(self, known: Placement) -> None:
        self._found, self._is_merged = known, True

    def note_tied(self, mib: float) -> None:
        """The header says so: `Facts.tied_bytes` of the model that answers."""
        if mib != self._tied_mib and self._parts:
            self._is_merged = False
        self._tied_mib = mib

    def feed(self, line: str) -> bool:
        """Take note of a line; whether it was about the placement."""
        line = line[: excerpt.PARSED]
        if found := _BUFFER.search(line):
            self._add_buffer(found[1], found[2], float(found[3]))
            return True
        if self._feed_joined(line):
            return True
        if device := device_of(line):
            if device.name in self.devices or len(self.devices) < _MOST_DEVICES:
                self.devices.setdefault(device.name, device)
                self._found.free[device.name] = device.free_mib
            return True
        return self._feed_chapter(line) or self._feed_fit(line) or self._feed_counts(line)

    def _feed_joined(self, line: str) -> bool:
        """Whether the line is about devices that work as one; they are known by their names only."""
        if "llama_prepare_model_devices" not in line:
            return False
        if _JOINED in line:
            self._members = []
        elif found := _MEMBER.search(line):
            name = excerpt.name(found[1])
            if len(self._members) < _MOST_DEVICES and len(self.devices) < _MOST_DEVICES:
                self._members.append(name)
                self.devices[name] = FitDevice(
                    name, excerpt.name(found[2] or ""), None, 0, is_part=True
                )
        else:
            return bool(self._members) and f"using device {_META}" in line
        return True

    def _add_buffer(self, name: str, kind: str, mib: float) -> None:
        if not self._parts:
            self._parts.append(_Part(self._file_mib, is_first=True))
        sizes, key = self._parts[-1].sizes, (excerpt.name(name), kind)
        if key not in sizes and sum(len(p.sizes) for p in self._parts) >= _MOST_BUFFERS:
            return
        sizes[key] = mib if kind in ("compute", "output") else sizes.get(key, 0.0) + mib
        self._is_merged = False

    def _sums(self) -> dict[tuple[str, str], float]:
        """MiB by device and kind, over all models and contexts."""
        sums: dict[tuple[str, str], float] = {}
        for part in self._parts:
            for (buffer, what), size in part.sizes.items():
                if not part.is_in_mapped_sum(buffer, what):
                    for device, share in self._devices(buffer, what):
                        sums[device, what] = sums.get((device, what), 0.0) + size * share
            if part.is_mapped:
                place = HOST, "model"
                tied = self._tied_mib if part.is_first else 0.0
                is_elsewhere = bool(self._found.layers_offloaded)
                mib = part.mapped_in_ram(tied, has_layers_elsewhere=is_elsewhere)
                sums[place] = sums.get(place, 0.0) + mib
        return sums

    def _devices(self, buffer: str, kind: str) -> list[tuple[str, float]]:
        """The devices that have such a buffer, and how much of its size each."""
        if not self._members or not buffer.startswith(_META):
            return [(self._device(buffer), 1.0)]
        parts = tensor_parts(self._tensor_split, len(self._members))
        is_split = kind in ("model", "KV", "RS")  # each computes with all of what it is given
        shares = [part / max(parts) if is_split else 1.0 for part in parts]
        return list(zip(self._members, shares, strict=True))

    def _device(self, buffer: str) -> str:
        """The device behind a buffer's name.

        Pinned and mapped memory is the host's. An RPC buffer is called by its device's place among
        those of its endpoint (`RPC0[ENDPOINT]`), whatever the number of the device.
        """
        if is_host(buffer):
            return HOST
        if not buffer.startswith("RPC") or "[" not in buffer:
            return buffer
        place, endpoint = buffer[3:].rstrip("]").split("[", 1)
        names = [d.name for d in self.devices.values() if d.description == endpoint]
        return names[int(place)] if place.isdecimal() and int(place) < len(names) else buffer

    def _feed_chapter(self, line: str) -> bool:
        """Whether the line begins a model or a context."""
        if "load_tensors: loading model tensors" in line:
            self._loads += 1
            if self._loads == 1 and (found := _LOAD_MODE.search(line)):
                self._found.load_mode = found[1]
        elif "llama_context: constructing llama_context" in line:
            self._contexts += 1
        else:
            return False
        if len(self._parts) < _MOST_PARTS:
            is_first = self._loads == 1 and not self._contexts
            self._parts.append(_Part(self._file_mib, is_first))
        return True

    def _feed_fit(self, line: str) -> bool:
        placement = self._found
        if DONE in line:
            self._parts, self.devices, self._loads, self._contexts = [], {}, 0, 0
            self._is_merged = True
            self._found = Placement(
                layers_overflowing=placement.layers_overflowing,
                warnings=placement.warnings,
                load_mode_why=placement.load_mode_why,
            )
        elif found := _OVERFLOWING.search(line):
            if len(self._overflowing) < _MOST_DEVICES:
                self._overflowing[excerpt.name(found[1])] = int(found[2])
            placement.layers_overflowing = sum(self._overflowing.values())
        elif _NO_FIT in line:
            pass  # as ever with `--split-mode tensor`, and no fault of this load
        elif found := _COMPLAINT.search(line):
            placement.warnings = [*placement.warnings, excerpt.line(found[1])][:_MOST_COMPLAINTS]
        else:
            return False
        return True

    def _feed_counts(self, line: str) -> bool:
        """Of the model that answers: a draft model, loaded after it, has layers and splits too."""
        placement = self._found
        if found := _FILE_SIZE.search(line):
            self._file_mib = float(found[1]) * (1024 if found[2] == "GiB" else 1)
        elif found := _N_CTX_SLOT.search(line):
            placement.n_ctx = int(found[1])
        elif self._loads <= 1 and (found := _OFFLOADED.search(line)):
            placement.layers_offloaded, placement.layers = int(found[1]), int(found[2])
        elif self._contexts > 1:
            return False
        elif found := _SPLITS.search(line):
            placement.graph_splits = int(found[1])
            placement.graph_splits_tg = int(found[2]) if found[2] else None
        elif found := _SPLITS_PLAIN.search(line):
            placement.graph_splits = int(found[1])
        elif found := _N_CTX.search(line):
            placement.n_ctx = int(found[1])
        else:
            return False
        return True


def _merged(sums: Mapping[tuple[str, str], float]) -> list[Buffer]:
    """One buffer for each device and kind: keys and values, and recurrent state, are both context."""
    merged: dict[tuple[str, str], Buffer] = {}
    for (device, name), mib in sums.items():
        kind = _KINDS[name]
        buffer = merged.setdefault((device, kind), Buffer(device=device, kind=kind, mib=0.0))
        buffer.mib = round(buffer.mib + mib, 2)
    return list(merged.values())
