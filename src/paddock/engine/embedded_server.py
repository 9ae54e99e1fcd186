"""llama-server out of the xllamacpp wheel: `python -m paddock.engine.embedded_server FLAGS`.

The same command line, environment, HTTP API, logs and child protocol (`LLAMA_SERVER_ROUTER_PORT`)
as the native program. It differs in what it refuses (`embedded_flags`) and in how it ends: at
once, also while requests run. The rest is as in llama-server: a signal ends a load, the exit
command and the end of stdin are heard only when it is ready; the exit code is 0 after SIGTERM or
the exit command, 1 after a failure or the end of stdin.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

import xllamacpp

from paddock.engine import embedded_abi
from paddock.engine.embedded_flags import refusals, without_refused
from paddock.errors import EngineError

EXIT_COMMAND = "cmd_router_to_child:exit"  # llama.cpp, tools/server/server-models.cpp
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def main(argv: Sequence[str]) -> None:
    """Serve until a signal, or the exit command, comes; never returns normally."""
    # While a model loads no Python runs, nor do its handlers; the default handler can end us.
    for number in _STOP_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    try:
        embedded_abi.check()
    except EngineError as error:
        _fail(error.message, error.hint)
    if refused := refusals(argv):
        _fail(*refused)
    if {"-h", "--help", "--usage"} & set(argv):
        _print_help()
    elif "--version" in argv:
        _say(f"version: xllamacpp {embedded_abi.wheel_version()}")
    else:
        _serve(argv)


def _serve(argv: Sequence[str]) -> None:
    params = embedded_abi.parse(argv)
    if not params.model.path:
        _fail("--model is required: the embedded engine serves one model file")
    if "LLAMA_SERVER_ROUTER_PORT" in os.environ:
        _obey_router()
    try:
        server = xllamacpp.Server(params)  # returns when ready; then serves in native threads
    except (RuntimeError, ValueError) as error:
        embedded_abi.flush_log()  # llama.cpp has logged the reason; the wheel only says that there is one
        _fail(str(error))
    _wait_for_a_signal()
    del server  # not reached: it must live as long as we do


def _wait_for_a_signal() -> NoReturn:
    """Wait until one of them comes, to whichever thread.

    The kernel may give it to one of the wheel's own threads; then a lock on which this one waits would
    not wake (seen once on a busy machine), but the pipe does.
    """
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    for number in _STOP_SIGNALS:
        signal.signal(number, _leave)
    while True:
        os.read(woken, 1)  # its handler runs when this returns


def _leave(_signal: int, _frame: FrameType | None) -> NoReturn:
    os._exit(0)  # native threads would hold an orderly exit until the last request has ended


def _obey_router() -> None:
    """Take stdin over from the wheel, whose own reader would end the server but not this process.

    The wheel is left with a pipe that stays silent and open.
    """
    commands = os.dup(0)
    silence, _held_open = os.pipe()
    os.dup2(silence, 0)
    os.close(silence)
    threading.Thread(target=_read_commands, args=(commands,), daemon=True).start()


def _read_commands(descriptor: int) -> NoReturn:
    with os.fdopen(descriptor, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line.rstrip("\n") == EXIT_COMMAND:
                os._exit(0)
    os._exit(1)  # the router is gone


def _print_help() -> None:
    """In a process of its own: llama.cpp exits after its help."""
    program = f"from {embedded_abi.__name__} import parse; parse(['--help'])"
    text = subprocess.run(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, check=True, encoding="utf-8"
    ).stdout
    sys.stdout.write(without_refused(text))


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _fail(*lines: str) -> NoReturn:
    for line in lines:
        _say(f"error: {line}")
    raise SystemExit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
