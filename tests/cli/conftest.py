"""The program `paddock`, run as a user runs it: in-process, with its own argv and an empty home."""

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from paddock.api.client import Client
from paddock.cli.main import run
from paddock.llama.scripted import ScriptedModel, write

CONF = """\
[*]
ctx-size = 512
parallel = 1

[alpha]
NAME = The first
MODEL = alpha.gguf
aliases = a

[beta]
MODEL = beta.gguf

[broken]
MODEL = broken.gguf
"""


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
        done = subprocess.run(command, capture_output=True, text=True, timeout=240)
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


@dataclass(frozen=True, slots=True)
class Home:
    folder: Path
    listen: str
    client: Client

    @property
    def start(self) -> tuple[object, ...]:
        return (
            "start",
            "--config",
            self.folder,
            "--state-dir",
            self.folder / "state",
            "--listen",
            self.listen,
        )


@pytest.fixture
def home(program: Paddock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """A configuration of its own and a free port; what was started there is ended after the test."""
    (tmp_path / "models").mkdir()
    write(tmp_path / "models" / "alpha.gguf", ScriptedModel(say="Alpha speaking.", think="Who?"))
    write(tmp_path / "models" / "beta.gguf", ScriptedModel(say="Beta speaking."))
    (tmp_path / "models" / "broken.gguf").write_bytes(b"GGUF and nothing more")
    (tmp_path / "models.conf").write_text(CONF)
    (tmp_path / "paddock.toml").write_text("max-instances = 1\n")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listen = f"127.0.0.1:{listener.getsockname()[1]}"
    monkeypatch.setenv("PADDOCK_URL", f"http://{listen}")
    yield Home(tmp_path, listen, Client(f"http://{listen}"))
    program("stop")
