"""The program `paddock`, run as a user runs it: in-process, with its own argv and an empty home."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from paddock.cli.main import run


@dataclass(frozen=True, slots=True)
class Result:
    status: int
    out: str
    err: str


Paddock = Callable[..., Result]


@pytest.fixture(scope="session")
def state_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all tests: what an engine says of itself is remembered there."""
    return tmp_path_factory.mktemp("state")


@pytest.fixture
def program(paddock: Paddock) -> Paddock:
    """The same in a process of its own, for what leaves a daemon behind that is nobody's child."""

    def call(*args: object) -> Result:
        command = [sys.executable, "-m", "paddock", *map(str, args)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=100)
        return Result(done.returncode, done.stdout, done.stderr)

    return call


@pytest.fixture
def paddock(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    state_home: Path,
) -> Paddock:
    """Run a command line; no daemon answers, and no file of the user's is seen."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(state_home))
    for name in ("XDG_CONFIG_HOME", "PADDOCK_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PADDOCK_URL", "http://127.0.0.1:1")  # nobody listens on port 1
    monkeypatch.setenv("COLUMNS", "200")

    def call(*args: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["paddock", *map(str, args)])
        status = 0
        try:
            run()
        except SystemExit as end:
            status = int(end.code or 0)
        out, err = capsys.readouterr()
        return Result(status, out, err)

    return call
