"""What llama-server's lines mean: progress, placement, timings, failures. Pure.

Formats as printed by build 11434. State lines come on standard output when `LLAMA_SERVER_ROUTER_PORT`
is set (tools/server/server-models.cpp, protocol of June 2026); placement lines come on standard
error and need `-lv 4` (src/llama-model.cpp, src/llama-context.cpp, common/fit.cpp).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import msgspec

from paddock.api.placement import Buffer, Placement

STATE_PREFIX = "cmd_child_to_router:state:"
EXIT_COMMAND = "cmd_router_to_child:exit\n"


class _Meta(msgspec.Struct):
    n_ctx: int | None = None


class _Payload(msgspec.Struct):
    current: str = ""
    stage: str = ""  # the projector's first line has this instead
    value: float | None = None
    meta: _Meta | None = None


class _State(msgspec.Struct):
    state: str
    payload: _Payload | None = None


@dataclass(frozen=True, slots=True)
class StateLine:
    """One line of the child protocol."""

    state: str  # `loading`, `ready`, `sleeping`…
    part: str = ""  # `text_model`, `mmproj_model`, `spec_model`
    fraction: float | None = None
    n_ctx: int | None = None  # once ready


_decode_state = msgspec.json.Decoder(_State).decode


def parse_state(line: str) -> StateLine | None:
    """The state that a line of standard output tells; None where it tells none."""
    if not line.startswith(STATE_PREFIX):
        return None
    try:
        state = _decode_state(line[len(STATE_PREFIX) :])
    except msgspec.DecodeError:
        return None
    payload = state.payload or _Payload()
    n_ctx = payload.meta.n_ctx if payload.meta else None
    return StateLine(state.state, payload.current or payload.stage, payload.value, n_ctx)


_MIB = r"\s*=\s*([\d.]+) MiB"
_BUFFER = re.compile(
    r"(?:load_tensors|llama_kv_cache\w*|llama_memory_recurrent|sched_reserve|llama_context):"
    r"\s+(\S+)\s+(model|KV|RS|compute|output) buffer size" + _MIB
)
_OFFLOADED = re.compile(r"offloaded (\d+)/(\d+) layers to GPU")
_OVERFLOWING = re.compile(
    r"common_params_fit_impl:\s+- (.*?):\s+\d+ layers \(\s*(\d+) overflowing\)"
)
_SPLITS = re.compile(r"sched_reserve: graph.*?splits = (\d+)(?: / (\d+))?,")
_SPLITS_PLAIN = re.compile(r"graph splits = (\d+)")
_N_CTX = re.compile(r"llama_context: n_ctx\s+= (\d+)")
_N_CTX_SLOT = re.compile(r"n_ctx_slot = (\d+)")
_COMPLAINT = re.compile(r"common_fit_params: (failed to fit .*)")
_RPC_DEVICE = re.compile(r"using device (RPC\d+) \((\S+)\)")
_KINDS: dict[str, Literal["model", "context", "compute", "output"]] = {
    "model": "model",
    "KV": "context",
    "RS": "context",
    "compute": "compute",
    "output": "output",
}


class PlacementReader:
    """Collects the placement from log lines.

    What is printed several times adds up: one line per shard, per cache of a sliding window, and all
    again for a draft model. Only a context's own compute and output buffers may be printed anew.
    Fit's trials print buffers from `-lv 5` on; they are forgotten when fit is done.
    """

    def __init__(self) -> None:
        self._parts: list[dict[tuple[str, str], float]] = []  # MiB of each model and context
        self._loads = self._contexts = 0
        self._overflowing: dict[str, int] = {}  # layers by device
        self._rpc: dict[str, list[str]] = {}  # devices by endpoint
        self.placement = Placement()

    def feed(self, line: str) -> bool:
        """Whether the line told something about the placement."""
        if found := _BUFFER.search(line):
            self._add_buffer(found[1], found[2], float(found[3]))
            return True
        if found := _RPC_DEVICE.search(line):
            self._rpc.setdefault(found[2], []).append(found[1])
            return True
        return self._feed_chapter(line) or self._feed_fit(line) or self._feed_counts(line)

    def _add_buffer(self, name: str, kind: str, mib: float) -> None:
        if not self._parts:
            self._parts.append({})
        part, key = self._parts[-1], (name, kind)
        part[key] = mib if kind in ("compute", "output") else part.get(key, 0.0) + mib
        sums: dict[tuple[str, str], float] = {}
        for (buffer, what), size in (item for part in self._parts for item in part.items()):
            place = self._device(buffer), what
            sums[place] = sums.get(place, 0.0) + size
        self.placement.buffers = _merged(sums)

    def _device(self, buffer: str) -> str:
        """The device behind a buffer's name.

        Pinned and mapped memory is the host's. An RPC buffer is called `RPC0[ENDPOINT]` whatever
        the number of its device.
        """
        if buffer.startswith(("CPU", "AMX", "Host")) or buffer.endswith("_Host"):
            return "Host"
        devices = self._rpc.get(buffer.partition("[")[2].rstrip("]"), [])
        return devices[0] if len(devices) == 1 else buffer

    def _feed_chapter(self, line: str) -> bool:
        """Whether the line begins a model or a context."""
        if "load_tensors: loading model tensors" in line:
            self._loads += 1
        elif "llama_context: constructing llama_context" in line:
            self._contexts += 1
        else:
            return False
        self._parts.append({})
        return True

    def _feed_fit(self, line: str) -> bool:
        placement = self.placement
        if "fitting params to free memory took" in line:
            self._parts, self._rpc, self._loads, self._contexts = [], {}, 0, 0
            self.placement = Placement(
                layers_overflowing=placement.layers_overflowing, warnings=placement.warnings
            )
        elif found := _OVERFLOWING.search(line):
            self._overflowing[found[1]] = int(found[2])
            placement.layers_overflowing = sum(self._overflowing.values())
        elif found := _COMPLAINT.search(line):
            placement.warnings = [*placement.warnings, found[1]]
        else:
            return False
        return True

    def _feed_counts(self, line: str) -> bool:
        """Of the model that answers: a draft model, loaded after it, has layers and splits too."""
        placement = self.placement
        if found := _N_CTX_SLOT.search(line):
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


_TIMING = re.compile(
    r"print_timing: id\s+\d+ \| task (\d+) \|\s+(prompt eval|eval) time =\s+([\d.]+) ms /\s+(\d+) tokens"
)


@dataclass(frozen=True, slots=True)
class Timing:
    """How long one request's prompt, or its answer, took."""

    task: int
    kind: str  # `prompt` or `generation`
    seconds: float
    tokens: int

    @property
    def speed(self) -> float | None:
        """Tokens/s; None for a time too short to tell."""
        return self.tokens / self.seconds if self.seconds > 0 and self.tokens > 0 else None


def parse_timing(line: str) -> Timing | None:
    """The timing that a log line tells; one line for the prompt, one for the generation."""
    if "print_timing" not in line or not (found := _TIMING.search(line)):
        return None
    kind = "prompt" if found[2] == "prompt eval" else "generation"
    return Timing(int(found[1]), kind, float(found[3]) / 1000, int(found[4]))


def load_hint(line: str) -> str | None:
    """The stage that a log line announces: `fitting`, `loading`, `warming`, `listening`."""
    if "fitting params to device memory" in line:
        return "fitting"
    if "load_tensors: loading model tensors" in line or "loaded meta data with" in line:
        return "loading"
    if "warming up the model" in line:
        return "warming"
    if "server is listening" in line or "listening on" in line or "model loaded" in line:
        return "listening"
    return None


_NOISE = ("exiting due to", "cleaning up before exit", "failed to load model")
_ERROR = re.compile(r"^(?:[\d.]+ E |error[: ]|.*\b(?:error|Error|failed|CUDA error|GGML_ASSERT)\b)")
_FATAL = re.compile(r"out of memory|CUDA error|GGML_ASSERT")
_MILD = re.compile(r"^[\d.]+ [WID] ")  # fit complains before it goes on
_STAMP = re.compile(r"^[\d.]+ [A-Z] (?:(?:srv|cmn|slot|spec|que|res)\s+)?(?:\w+:\s+)*")


def failure_reason(lines: Iterable[str]) -> str:
    """The line that best says why a server ended; empty where none does."""
    errors = [line.strip() for line in lines if _ERROR.search(line)]
    best = min(errors, key=_weakness, default="")
    return _STAMP.sub("", best)


def _weakness(line: str) -> int:
    """How little it explains. The first of the best is the cause, the others follow from it."""
    if _FATAL.search(line):
        return 0
    if any(noise in line for noise in _NOISE):
        return 3
    return 2 if _MILD.search(line) else 1
