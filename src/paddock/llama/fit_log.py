"""What llama.cpp logs while it fits a model to the available memory. Pure.

At `-lv 5` (build 11434; common/fit.cpp, src/llama-model.cpp, src/llama-context.cpp) every trial of
`--fit` prints which layer it assigns to which device, which tensors it moves away, the splits of
its graph, and a table of MiB by device; then its shape and, at the end, the shape that was chosen.
`FitReader` collects the trials and finds the one that will be loaded.
"""

import re
from dataclasses import replace

from paddock import excerpt
from paddock.llama.fit import HOST, Elsewhere, Fit, FitDevice, FitTrial, Sizes, is_host
from paddock.llama.fit_context import with_context

_DEVICE = re.compile(r"using device (\S+) \((.*)\) \((\S+|unknown id)\) - (\d+) MiB free")
# Vulkan's devices by number, before the names are given: `ggml_vulkan: 0 = … | uma: 1 | fp16: 1 | …`.
_UMA = re.compile(r"ggml_vulkan: (\d+) = .*\| uma: 1 \|")
_LAYER = re.compile(r"load_tensors: layer\s+(\d+) assigned to device ([^\s,]+), is_swa = (\d)")
_MOVED = re.compile(r"tensor (blk\.\d+\.\S+) \(.*\) buffer type overridden to (\S+)")
_MOVED_MIB = re.compile(r"tensor \S+ \((\d+) MiB .*\) buffer type overridden to (\S+)")
_ELSEWHERE = re.compile(
    r"tensor '(?P<tensor>\S+)' \((?P<type>\S+)\) \(and (?P<others>\d+) others\) cannot be used with "
    r"preferred buffer type (?P<wanted>\S+), using (?P<used>\S+) instead"
)
_N_CTX = re.compile(r"llama_context: n_ctx\s+= (\d+)")
_SPLITS = re.compile(r"sched_reserve: graph.*?splits = (\d+)(?: / (\d+))?,")
_ROW = re.compile(
    r"common_memory_breakdown_print: \|\s+- (?P<name>.+?)\s+\|\s*(?:(?P<total>\d+) =\s*(?P<free>\d+) \+ \()?"
    r"\s*(?P<self>\d+) =\s*(?P<model>\d+) \+\s*(?P<context>\d+) \+\s*(?P<compute>\d+)"
)
_SHAPE = re.compile(r"common_params_fit_impl: id=(\d+), n_layer=\s*(\d+), n_part=")
_SETTLED = (
    "common_params_fit_impl: set ngl_per_device["  # and not `…_high[`, the one that was too large
)
_CHOSEN = re.compile(
    r"common_params_fit_impl:\s+- (\S+) \(.*?\)\s*:\s+\d+ layers(?: \(\s*(\d+) overflowing\))?,\s+-?\d+ MiB used"
)
_REDUCED = re.compile(r"context size reduced from (\d+) to (\d+)")
_COMPLAINT = re.compile(r"common_fit_params: (failed to fit .*|encountered an error .*)")
_PROJECTOR = re.compile(r"\[mtmd\] adding ([\d.]+) MiB to fit_params_target for device (\S+)")
_TRAINED = re.compile(r"print_info: n_ctx_train\s+= (\d+)")
_MOST = 1_000  # trials, and devices that they name: fit of 16 GPUs makes some dozens
_MOST_TENSORS = 20_000  # of one buffer; large models have some thousands in all
DONE = "fitting params to free memory took"


def device_of(line: str) -> FitDevice | None:
    """The device that a line names as used; it states only the free memory."""
    if "using device" not in line or not (found := _DEVICE.search(line)):
        return None
    address = None if found[3] == "unknown id" else found[3].lower()
    name, description = excerpt.name(found[1]), excerpt.name(found[2])
    return FitDevice(name, description, address, int(found[4]))


class FitReader:
    """Feed it every line up to `DONE`; `fit` is then what was chosen."""

    def __init__(self) -> None:
        self.is_done = False
        self._devices: dict[str, FitDevice] = {}
        self._in_ram: set[str] = set()  # names of devices
        self._trials: list[FitTrial] = []
        self._open: FitTrial | None = None
        self._is_extra = False
        self._settled: FitTrial | None = None  # the last one that the search went on from
        self._overflowing: dict[str, int] = {}
        self._projector: dict[str, float] = {}
        self._reduced: tuple[int, int] | None = None
        self._trained: int | None = None
        self._complaint = ""

    def feed(self, line: str) -> None:
        """Take note of one line of the log."""
        line = line[: excerpt.PARSED]
        if "load_tensors: layer" in line:
            self._hear_layer(line)
        elif " overridden to " in line:
            self._hear_move(line)
        elif " preferred buffer type " in line:
            self._hear_elsewhere(line)
        elif "common_memory_breakdown_print" in line:
            self._hear_table(line)
        elif "data for the extra model" in line:  # of a lambda, which calls itself `operator()`
            self._close()
            self._is_extra = True
        elif "common_params_fit_impl" in line:
            self._hear_fit(line)
        elif "llama_context: n_ctx" in line or "sched_reserve: graph" in line:
            self._hear_context(line)
        else:
            self._hear_rest(line)

    @property
    def has_measured(self) -> bool:
        """Whether any placement could be tried."""
        return bool(self._trials)

    @property
    def first_trial_is_over(self) -> bool:
        """Whether the placement asked for has been measured; without fit, nothing after it matters."""
        return bool(self._trials) and self._open is None

    def fit(self) -> Fit | None:
        """What was chosen; None where nothing was measured."""
        self._close()
        own = [trial for trial in self._trials if not trial.is_extra]
        if not own:
            return None
        trial = self._accepted(own)
        reduced_from, n_ctx = self._reduced or (None, trial.n_ctx)
        return Fit(
            devices=tuple(self._devices.values()),
            trial=with_context(trial, own, n_ctx),
            draft=self._draft(trial.n_ctx, n_ctx),
            projector_mib=self._projector,
            overflowing=self._overflowing,
            n_ctx=n_ctx,
            n_ctx_train=self._trained,
            reduced_from=reduced_from,
            complaint=self._complaint,
        )

    def _draft(self, measured: int | None, n_ctx: int | None) -> FitTrial | None:
        """What the draft model takes with this context; `measured`: the one of the model's own trial."""
        drafts = [trial for trial in self._trials if trial.is_extra]
        found = next((d for d in reversed(drafts) if d.n_ctx == measured), None)
        return found and with_context(found, drafts, n_ctx)

    def _accepted(self, own: list[FitTrial]) -> FitTrial:
        """The trial of the chosen shape; what was asked for where that stays as it is.

        Slots with caches of their own get the trained context each, if none is asked for: then it is
        measured once more, with the larger one.

        A search says after each trial whether it goes on from that one; it ends with the last of them.
        """
        if self._settled and not self._complaint:
            return self._settled
        n_ctx = self._reduced[1] if self._reduced else max(t.n_ctx or 0 for t in own)
        return next((t for t in own if t.n_ctx == n_ctx), own[-1])

    # ---- lines ----

    def _hear_layer(self, line: str) -> None:
        if found := _LAYER.search(line):
            trial = self._trial()
            name = HOST if is_host(found[2]) else found[2]
            trial.layers[name] = trial.layers.get(name, 0) + 1
            trial.windowed += found[3] == "1"

    def _hear_elsewhere(self, line: str) -> None:
        if found := _ELSEWHERE.search(line):
            tensor, type_, others, *buffers = found.groups()
            wanted, used = map(excerpt.name, buffers)
            said = Elsewhere(excerpt.name(tensor), excerpt.name(type_), int(others), wanted, used)
            self._trial().elsewhere = said

    def _hear_move(self, line: str) -> None:
        if (size := _MOVED_MIB.search(line)) and is_host(size[2]):
            self._trial().moved_mib += int(size[1])
        if found := _MOVED.search(line):
            moved = self._trial().moved
            if found[2] not in moved and len(moved) >= _MOST:
                return
            tensors = moved.setdefault(found[2], [])
            if len(tensors) < _MOST_TENSORS:
                tensors.append(found[1])

    def _hear_context(self, line: str) -> None:
        if found := _N_CTX.search(line):
            self._trial().n_ctx = int(found[1])
        elif found := _SPLITS.search(line):
            trial = self._trial()
            trial.splits, trial.splits_tg = int(found[1]), int(found[2]) if found[2] else None

    def _hear_table(self, line: str) -> None:
        if not (found := _ROW.search(line)):
            return
        name = found["name"].partition(" (")[0]
        sizes = Sizes(int(found["model"]), int(found["context"]), int(found["compute"]))
        if name in self._devices and found["total"]:
            total = int(found["total"])
            self._devices[name] = replace(self._devices[name], total_mib=total)
        else:
            name = HOST
        self._trial().sizes.setdefault(name, Sizes()).add(sizes)

    def _hear_fit(self, line: str) -> None:
        self._close()
        if self._trials and (found := _SHAPE.search(line)):
            self._last_own().shape[int(found[1])] = int(found[2])
            self._settled = self._settled or self._last_own()  # the first has nothing on any device
        elif self._trials and _SETTLED in line:
            self._settled = self._last_own()
        elif found := _CHOSEN.search(line):
            self._overflowing[found[1]] = int(found[2] or 0)
        elif found := _REDUCED.search(line):
            self._reduced = int(found[1]), int(found[2])

    def _hear_rest(self, line: str) -> None:
        if device := device_of(line):
            device = replace(device, is_in_ram=device.name in self._in_ram)
            self._devices.setdefault(device.name, device)
        elif found := _UMA.search(line):
            self._in_ram.add(excerpt.name(f"Vulkan{found[1]}"))
        elif found := _COMPLAINT.search(line):
            self._complaint = excerpt.line(found[1])
        elif found := _PROJECTOR.search(line):
            self._projector[found[2]] = self._projector.get(found[2], 0.0) + float(found[1])
        elif self._trained is None and (found := _TRAINED.search(line)):
            self._trained = int(found[1])
        if DONE in line:
            self._close()
            self.is_done = True

    def _trial(self) -> FitTrial:
        if self._open is None:
            self._open = FitTrial(is_extra=self._is_extra)
        return self._open

    def _close(self) -> None:
        """End a trial: its table is complete when fit's next own line comes."""
        trial, self._open = self._open, None
        if trial and trial.sizes:
            if len(self._trials) < _MOST:
                self._trials.append(trial)
            self._is_extra = False

    def _last_own(self) -> FitTrial:
        return next((t for t in reversed(self._trials) if not t.is_extra), self._trials[-1])
