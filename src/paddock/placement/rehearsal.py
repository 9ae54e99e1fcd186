"""Has an engine fit a model without loading it: the real program, ended before it reads a weight.

llama-server first measures trial placements without allocating anything (`common_params_fit`), then
loads. At `-lv 5` it logs all of the first; with its last line about it the process is killed. So a
plan is what this very build would do with these very flags, projector and draft model included.
Costs 0.1 s on a CPU, 0.6 to 8 s on GPUs (measured: two H100, one trial to fourteen), and while it
runs the driver's context on each GPU (about 530 MiB with CUDA).
"""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import IO

from paddock import excerpt
from paddock.engine.containers import is_container
from paddock.llama.fit import Fit
from paddock.llama.fit_log import FitReader
from paddock.llama.output import failure_reason, load_hint, says_unloadable, unloadable

_ALLOCATED = "model buffer size"
_EXITS = 5.0  # seconds at most between its last word and its end
CANCELLED = "cancelled"  # the reason of an outcome
_LIMIT = 120.0  # seconds: a search over many GPUs takes 10, a hung driver for ever
_REMEMBERED, _REMEMBERED_CHARACTERS = 40, 16_000  # lines, to say why it ended
_MOST, _LONGEST_LINE = (
    64 << 20,
    1 << 12,
)  # bytes of a log (fourteen trials: some MiB), and of a line
_SWEPT = 20.0  # seconds at most for a container to be gone
# Seconds between stopping and killing a client of RPC servers. One whose client is gone while it
# answers dies of SIGPIPE (ggml-rpc-server, build 11434), and with it all that others have on it. A
# stopped client sends nothing more, and what it asked last is answered in a moment.
_LAST_ANSWER = 0.1


@dataclass(frozen=True, slots=True)
class RehearsalOutcome:
    """The result of a rehearsal: a fit, or why there is none."""

    fit: Fit | None
    reason: str = ""
    refusal: str = ""  # the engine's own words, where it ended because it cannot load a file


class Rehearsal:
    """One run of an engine up to the end of its fitting. Blocking: for a thread, or a command line."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._is_cancelled = self._is_late = False

    def run(
        self, argv: Sequence[str], environ: Mapping[str, str], *, fits: bool = True
    ) -> RehearsalOutcome:
        """Start it, listen, end it. `fits`: whether it may change what was asked for (`--fit on`).

        Without it the first trial is enough, and the rest is not waited for.
        """
        try:
            process = self._start(argv, environ)
        except OSError as error:
            return RehearsalOutcome(None, f"{argv[0]} cannot be started: {error.strerror}")
        if process is None:
            return RehearsalOutcome(None, CANCELLED)
        alarm = threading.Timer(_LIMIT, self._give_up)
        alarm.start()
        try:
            return self._listen(process, fits=fits)
        finally:
            alarm.cancel()
            self._end(process)

    def cancel(self) -> None:
        """End it at once, from any thread; `run` then returns without a fit."""
        with self._lock:
            self._is_cancelled = True
            if self._process and is_container(_argv(self._process)):
                _send(self._process, signal.SIGINT)
            elif self._process and _asks_rpc(self._process):
                _send(self._process, signal.SIGSTOP)
                threading.Timer(_LAST_ANSWER, self._kill).start()  # whoever cancels has no time
            elif self._process:
                _send(self._process, signal.SIGKILL)

    def _give_up(self) -> None:
        self._is_late = True
        self.cancel()

    def _kill(self) -> None:
        with self._lock:
            if self._process:
                _send(self._process, signal.SIGKILL)

    def _start(
        self, argv: Sequence[str], environ: Mapping[str, str]
    ) -> subprocess.Popen[bytes] | None:
        with self._lock:
            if self._is_cancelled:
                return None
            self._process = subprocess.Popen(
                argv,
                env=dict(environ),
                stdin=subprocess.PIPE,  # with the child protocol on, it ends when we do
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,  # a wrapper's children end with it
            )
            return self._process

    def _listen(self, process: subprocess.Popen[bytes], *, fits: bool) -> RehearsalOutcome:
        reader, last = FitReader(), excerpt.LogTail(_REMEMBERED, _REMEMBERED_CHARACTERS)
        assert process.stderr is not None
        said_no = False
        for line in _lines(process.stderr):
            last.append(line)
            reader.feed(line)
            said_no = said_no or says_unloadable(line)
            is_over = reader.is_done or (not fits and reader.first_trial_is_over)
            # Where fit could not load the model, what comes next shows whether the server can.
            if is_over and (not said_no or reader.has_measured or _goes_on(line)):
                return self._outcome(reader, last, fits=fits)
        outcome = self._outcome(reader, last, fits=fits)
        return outcome if outcome.fit else replace(outcome, refusal=self._refusal(process, last))

    def _outcome(self, reader: FitReader, last: Iterable[str], *, fits: bool) -> RehearsalOutcome:
        if (fit := reader.fit()) and (reader.is_done or not fits):
            return RehearsalOutcome(fit)
        return RehearsalOutcome(None, self._why(last))

    def _refusal(self, process: subprocess.Popen[bytes], last: Iterable[str]) -> str:
        """What it said of a file, if it ended by itself for that reason."""
        if self._is_late or self._is_cancelled:
            return ""
        with contextlib.suppress(subprocess.TimeoutExpired):
            if process.wait(_EXITS) > 0:
                return excerpt.line(unloadable(list(last)))
        return ""

    def _why(self, last: Iterable[str]) -> str:
        if self._is_late:
            return f"it was not done after {_LIMIT:g} s"
        if self._is_cancelled:
            return CANCELLED
        return (
            excerpt.line(failure_reason(last))
            or "it ended before it had fitted its parameters to free memory"
        )

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        if is_container(_argv(process)):
            _sweep(process)
        else:
            _send(process, signal.SIGSTOP)  # from here on it allocates nothing
            if _asks_rpc(process):
                time.sleep(_LAST_ANSWER)
        _send(process, signal.SIGKILL)
        process.wait()
        for pipe in (process.stdin, process.stderr):
            if pipe:
                pipe.close()
        with self._lock:
            self._process = None


def _lines(log: IO[bytes]) -> Iterator[str]:
    """The log's lines up to its end or a limit in bytes; long lines in pieces."""
    left = _MOST
    while left > 0 and (raw := log.readline(_LONGEST_LINE)):
        left -= len(raw)
        yield raw.decode(errors="replace").rstrip("\n")


def _goes_on(line: str) -> bool:
    """Whether this line shows that it starts to load, whatever the result of fit."""
    return _ALLOCATED in line or load_hint(line) in ("warming", "listening")


def _sweep(process: subprocess.Popen[bytes]) -> None:
    """Wait until a container is gone: it is in no session of ours, and its own program ends it."""
    _send(process, signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_SWEPT)


def _argv(process: subprocess.Popen[bytes]) -> list[str]:
    return process.args  # type: ignore[return-value]  # as it was given to us


def _asks_rpc(process: subprocess.Popen[bytes]) -> bool:
    return "--rpc" in _argv(process)


def _send(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Signal the whole session; it is not reaped yet, so its number is still its own."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)
