"""Runs a program and keeps no more of its output than anybody reads."""

import subprocess
from collections.abc import Mapping, Sequence
from threading import Thread
from typing import IO

_MOST = 2 << 20  # bytes of each output: the help of build 11434 has 80 KB
_PIECE = 1 << 16
_LATE = 2.0  # seconds in which the rest of an output comes, once its program has ended


def bounded_run(
    argv: Sequence[str], *, environ: Mapping[str, str], timeout: float
) -> subprocess.CompletedProcess[str]:
    """As `subprocess.run`, but only the first 2 MiB of each output are kept.

    Raises TimeoutExpired, and then it was killed; OSError where it cannot be started.
    """
    with subprocess.Popen(
        argv, env=dict(environ), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout
        assert process.stderr
        outputs = [_Output(process.stdout), _Output(process.stderr)]
        try:
            status = process.wait(timeout)
        except BaseException:
            process.kill()
            raise
        out, err = (output.text() for output in outputs)
    return subprocess.CompletedProcess(argv, status, out, err)


class _Output:
    """Reads a pipe to its end, so that its writer never waits."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe, self._kept = pipe, bytearray()
        self._thread = Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while piece := self._pipe.read1(_PIECE):  # type: ignore[attr-defined]  # it is buffered
            self._kept += piece[: max(0, _MOST - len(self._kept))]

    def text(self) -> str:
        """The whole output, without what a surviving child of the program may still write."""
        self._thread.join(_LATE)
        return bytes(self._kept).decode("utf-8", errors="replace")
