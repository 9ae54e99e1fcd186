"""What llama-server's lines mean: progress, placement, timings, failures. Pure.

Formats as printed by build 11434. State lines come on standard output when `LLAMA_SERVER_ROUTER_PORT`
is set (tools/server/server-models.cpp, protocol of June 2026); placement lines come on standard
error and need `-lv 4` (src/llama-model.cpp, src/llama-context.cpp, common/fit.cpp).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from paddock.api.types import Buffer, Placement

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
_OVERFLOWING = re.compile(r"common_params_fit_impl:\s+- .*?:\s+\d+ layers \(\s*(\d+) overflowing\)")
_SPLITS = re.compile(r"sched_reserve: graph.*?splits = (\d+)(?: / (\d+))?,")
_SPLITS_PLAIN = re.compile(r"graph splits = (\d+)")
_N_CTX = re.compile(r"n_ctx_slot = (\d+)|llama_context: n_ctx\s+= (\d+)")
_COMPLAINT = re.compile(r"common_fit_params: (failed to fit .*)")
_KINDS = {
    "model": "model",
    "KV": "context",
    "RS": "context",
    "compute": "compute",
    "output": "output",
}


class PlacementReader:
    """Collects the placement from log lines; the last value of each kind wins, as fit prints trials."""

    def __init__(self) -> None:
        self._buffers: dict[tuple[str, str], float] = {}
        self.placement = Placement()

    def feed(self, line: str) -> bool:
        """Whether the line told something about the placement."""
        if "loading model tensors" in line or "load_tensors: loading" in line:
            self._buffers.clear()  # what came before were fit's trials
        if found := _BUFFER.search(line):
            self._buffers[found[1], found[2]] = float(found[3])
            self.placement.buffers = [
                Buffer(device=_device(name), kind=_KINDS[kind], mib=mib)  # type: ignore[arg-type]
                for (name, kind), mib in self._buffers.items()
            ]
            return True
        return self._feed_counts(line)

    def _feed_counts(self, line: str) -> bool:
        placement = self.placement
        if found := _OFFLOADED.search(line):
            placement.layers_offloaded, placement.layers = int(found[1]), int(found[2])
        elif found := _SPLITS.search(line):
            placement.graph_splits = int(found[1])
            placement.graph_splits_tg = int(found[2]) if found[2] else None
        elif found := _SPLITS_PLAIN.search(line):
            placement.graph_splits = int(found[1])
        elif found := _OVERFLOWING.search(line):
            placement.layers_overflowing = (placement.layers_overflowing or 0) + int(found[1])
        elif found := _N_CTX.search(line):
            placement.n_ctx = int(found[1] or found[2])
        elif found := _COMPLAINT.search(line):
            placement.warnings = [*placement.warnings, found[1]]
        else:
            return False
        return True


def _device(buffer: str) -> str:
    """The device behind a buffer's name: `CUDA0`, `RPC0[127.0.0.1:1]` → `RPC0…`, CPU kinds → `Host`."""
    if buffer.startswith(("CPU", "CUDA_Host", "Host", "ROCm_Host", "Vulkan_Host")):
        return "Host"
    return buffer


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


def failure_reason(lines: Iterable[str]) -> str:
    """The line that best says why a server ended; empty where none does."""
    errors = [line.strip() for line in lines if _ERROR.search(line)]
    telling = [line for line in errors if not any(noise in line for noise in _NOISE)]
    best = (telling or errors)[:1]
    return re.sub(r"^[\d.]+ [EW] (?:\S+\s+)?", "", best[0]) if best else ""
