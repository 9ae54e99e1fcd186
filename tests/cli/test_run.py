"""`paddock run`: what it puts aside for the client, keys among it, goes with it, however it is ended."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

# A client of its own that gets its key in a file; the real ones are in tests/agents.
_RUN = """
import sys
from pathlib import Path
from paddock.cli.verbs.run import started
from paddock.clients.known import client_named
from tests.clients.offers import OFFER
sys.exit(started(client_named({client!r}).run, OFFER, sys.argv[1:]))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_whoever_ends_it_leaves_no_folder_behind(tmp_path: Path, number: signal.Signals) -> None:
    environ = os.environ | {"XDG_RUNTIME_DIR": str(tmp_path)}
    argv = [sys.executable, "-c", _RUN.format(client="crush"), "sh", "-c"]
    script = "trap 'exit 3' TERM HUP; echo here; read line; exit 4"
    with subprocess.Popen(
        [*argv, script], env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout
        assert program.stdout.readline() == "here\n"
        assert len(list(tmp_path.glob("paddock-run-*"))) == 1
        program.send_signal(number)
        if number in (
            signal.SIGINT,
            signal.SIGKILL,
        ):  # as from a terminal, it is the client's to hear
            assert program.stdin
            program.stdin.close()
        status = program.wait(30)
    assert status == {signal.SIGINT: 4, signal.SIGKILL: -signal.SIGKILL}.get(number, 3)
    if number == signal.SIGKILL:  # nothing can be done then: whoever comes next does it
        subprocess.run([*argv, "exit 0"], env=environ, check=True)
    assert list(tmp_path.iterdir()) == []
