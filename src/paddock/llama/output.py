"""What llama-server's lines mean: progress, tasks, timings, failures; placement is `placement_log`'s. Pure.

Formats as printed by build 11434. State lines come on standard output when `LLAMA_SERVER_ROUTER_PORT`
is set (tools/server/server-models.cpp, protocol of June 2026), the others on standard error.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import msgspec

from paddock import excerpt

STATE_PREFIX = "cmd_child_to_router:state:"
EXIT_COMMAND = "cmd_router_to_child:exit\n"
SERVER_PREFIX = (
    "paddock:server:"  # our own: which process it is, where one of ours runs it elsewhere
)


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
    """The state that a line of standard output reports; None where it reports none."""
    if not line.startswith(STATE_PREFIX):
        return None
    try:
        state = _decode_state(line[len(STATE_PREFIX) :])
    except msgspec.DecodeError:
        return None
    payload = state.payload or _Payload()
    n_ctx = payload.meta.n_ctx if payload.meta else None
    return StateLine(state.state, payload.current or payload.stage, payload.value, n_ctx)


def parse_server(line: str) -> int | None:
    """The process of the llama-server itself, where the program that we started only runs it."""
    number = line.removeprefix(SERVER_PREFIX)[: excerpt.NAME]
    return int(number) if line.startswith(SERVER_PREFIX) and number.isdecimal() else None


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
        """Tokens/s; None for a time too short to measure."""
        return self.tokens / self.seconds if self.seconds > 0 and self.tokens > 0 else None


def parse_timing(line: str) -> Timing | None:
    """The timing in a log line; one line for the prompt, one for the generation."""
    if "print_timing" not in line or not (found := _TIMING.search(line, 0, excerpt.PARSED)):
        return None
    kind = "prompt" if found[2] == "prompt eval" else "generation"
    return Timing(int(found[1]), kind, float(found[3]) / 1000, int(found[4]))


_TASK = re.compile(
    r"(\d+) \| (?:new prompt, .*task\.n_tokens = (?P<launched>\d+)"
    r"|cached n_tokens = (?P<cached>\d+)"
    r"|prompt processing, n_tokens = +(?P<read>\d+), .* / +(?P<prompt>[\d.]+) tokens per"
    r"|n_gen = +(?P<generated>\d+), tg = +(?P<mean>[\d.]+) t/s(?:, tg_3s = +(?P<now>[\d.]+))?"
    r"|stop processing)"
)
_TASK_MARK = " | task "


@dataclass(frozen=True, slots=True)
class TaskLine:
    """What a log line reports of a running task, which is one prompt of a request.

    `tokens` are those of the whole prompt when it is `launched`, those of it that were read while it
    is `reading`, and those of the answer so far while it is `generating`. `speed` is in tokens/s.
    """

    task: int
    kind: Literal["launched", "reading", "generating", "released"]
    tokens: int = 0
    speed: float | None = None


def parse_task(line: str) -> TaskLine | None:
    """What a log line reports of a running task: each batch of its prompt, the answer every 3 s."""
    at = line.find(_TASK_MARK)
    if at < 0 or not (found := _TASK.match(line, at + len(_TASK_MARK), excerpt.PARSED)):
        return None
    task, launched, cached, read, prompt, generated, mean, now = found.groups()
    if launched:
        return TaskLine(int(task), "launched", int(launched))
    if cached or read:
        return TaskLine(int(task), "reading", int(cached or read), float(prompt) if read else None)
    if generated:
        return TaskLine(int(task), "generating", int(generated), float(now or mean))
    return TaskLine(int(task), "released")


def load_hint(line: str) -> str | None:
    """The stage that a log line announces: `fitting`, `loading`, `warming`, `listening`."""
    if "fitting params to device memory" in line:
        return "fitting"
    if "load_tensors: loading model tensors" in line or "loaded meta data with" in line:
        return "loading"
    if "constructing llama_context" in line or "warming up the model" in line:
        return "warming"  # the weights are there; a warm-up may have been left out
    if "server is listening" in line or "listening on" in line or "model loaded" in line:
        return "listening"
    return None


# The last one is the wheel's, whatever happened (xllamacpp).
_NOISE = (
    "exiting due to", "cleaning up before exit", "failed to load model", "Failed to init server",
)  # fmt: skip
_ERROR = re.compile(r"^(?:[\d.]+ E |error[: ]|.*\b(?:error|Error|failed|CUDA error|GGML_ASSERT)\b)")
_FATAL = re.compile(r"out of memory|CUDA error|GGML_ASSERT")
_MILD = re.compile(r"^[\d.]+ [WID] ")  # fit complains before it goes on
_STAMP = re.compile(r"^[\d.]+ [A-Z] (?:(?:srv|cmn|slot|spec|que|res)\s+)?(?:\w+:\s+)*")


def failure_reason(lines: Iterable[str]) -> str:
    """The line that best says why a server ended; empty where none does."""
    errors = [line.strip() for line in lines if _ERROR.search(line)]
    best = min(errors, key=_weakness, default="")
    return _STAMP.sub("", best)


# What it says of a file's content (llama-model.cpp, clip.cpp; the same words for a draft model).
_UNLOADABLE = ("error loading model:", "Failed to load CLIP model")
# What may be otherwise in a moment, and says nothing of the file: memory, descriptors, permissions, disks.
_PASSING = re.compile(
    r"\bmemory\b|allocat|bad_alloc|\b(?:CUDA|HIP|ROCm|Vulkan|RPC|mmap|mlock)\b|Permission denied|"
    r"No such file|Too many open files|Resource temporarily|Input/output error|timed out"
)


def says_unloadable(line: str) -> bool:
    """Whether llama.cpp says in this line that a file's content cannot be loaded."""
    return any(words in line for words in _UNLOADABLE)


def unloadable(lines: Iterable[str]) -> str:
    """Why llama.cpp cannot load a file, in its words; empty unless the file itself is the reason.

    `lines` are the last of a server that ended by itself with an error.
    """
    errors = [line for line in lines if _ERROR.search(line) and not _MILD.search(line)]
    causes = [line for line in errors if not any(noise in line for noise in _NOISE)]
    if not any(map(says_unloadable, errors)) or any(map(_PASSING.search, causes)):
        return ""
    return failure_reason(errors)


# What backends say of memory that they did not get (ggml-cuda, ggml-vulkan, ggml-rpc, ggml-alloc).
_LACKED = re.compile(
    r"out of memory|OutOfDeviceMemory|(?:failed|unable) to allocate|allocation failed|bad_alloc"
)


def lacked_memory(lines: Iterable[str]) -> bool:
    """Whether a server that ended had been refused memory."""
    return any(_LACKED.search(line) for line in lines)


def _weakness(line: str) -> int:
    """How little a line explains; of the best lines the first is the cause, the others follow from it."""
    if _FATAL.search(line):
        return 0
    if any(noise in line for noise in _NOISE):
        return 3
    return 2 if _MILD.search(line) else 1
