"""`paddock run claude-code --private`: a proxy on loopback records whom the program would have called.

Every connection that it would make to anybody but Paddock is a line of the recorder's; there must be
none. Once the same is done without `--private`, so that it is known that the recorder hears.
"""

import os
import pty
import re
import select
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from paddock.llama.scripted import write
from tests.agents.conftest import MODEL, SAYS, program
from tests.yard import Process, places, process

pytestmark = [pytest.mark.clients, pytest.mark.timeout(600)]

CONF = """[*]
threads = 2
parallel = 1
ctx-size = 262144
[scout]
model = scout.gguf
NAME = Scout
[second]
model = second.gguf
NAME = The other one
[brief]
variant-of = second
NAME = The brief one
reasoning = off
max-tokens = 5
[caller]
model = caller.gguf
"""
_ESCAPES = re.compile(r"\x1b(?:\[[0-9;?<>=]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|.)")
_STARTED = 12.0  # seconds in which what a program asks at its start is asked
# What a fresh one shows before its prompt: the style of its text, notes on security, whether the folder is trusted.
_PAGES = ("Choosethetextstyle", "PressEntertocontinue", "Itrustthisfolder")
_PROMPT = "?forshortcuts"


@dataclass
class Recorder:
    """An HTTP proxy that passes on nothing, and notes the first line of all that it hears."""

    lines: list[str] = field(default_factory=list)
    address: str = ""

    def serve(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client:
                client.settimeout(5)
                self.lines.append(client.recv(65536).split(b"\r\n")[0].decode("latin-1"))
                client.sendall(b"HTTP/1.1 502 Recorded\r\nContent-Length: 0\r\n\r\n")


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        found = Recorder(address=f"http://127.0.0.1:{listener.getsockname()[1]}")
        threading.Thread(target=found.serve, args=(listener,), daemon=True).start()
        yield found
        listener.shutdown(socket.SHUT_RDWR)


@dataclass(frozen=True)
class Place:
    """A home, its environment, and a daemon."""

    daemon: Process
    home: Path
    env: dict[str, str]

    def paddock(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "paddock", "run", "claude-code", *words]


@pytest.fixture
def place(tmp_path: Path, recorder: Recorder) -> Iterator[Place]:
    claude = program("claude")
    paths = places(tmp_path / "daemon", "")
    paths.config.write_text(CONF)
    paths.models_dir.mkdir()
    write(paths.models_dir / "scout.gguf", MODEL)
    write(paths.models_dir / "second.gguf", replace(MODEL, say="I am the other one."))
    home = tmp_path / "home"
    (home / "work").mkdir(parents=True)
    path = f"{Path(claude).parent}:{os.environ['PATH']}"
    env = {"HOME": str(home), "PATH": path, "TERM": "xterm-256color"}
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        env |= {name: recorder.address, name.lower(): recorder.address}
    with process(paths) as daemon:
        command = f"curl -sS --noproxy '' -m 5 {daemon.url}/health > seen.txt 2>&1;"
        command += " curl -sS -m 5 https://example.com > else.txt 2>&1"
        tool = ("Bash", f'{{"command": "{command}", "description": "look"}}')
        write(paths.models_dir / "caller.gguf", replace(MODEL, say="I looked.", tool=tool))
        yield Place(daemon, home, env | {"PADDOCK_URL": daemon.url})


def test_an_answer_comes_and_nothing_leaves_the_machine(place: Place, recorder: Recorder) -> None:
    done = subprocess.run(
        place.paddock("--private", "--model", "scout", "--", "-p", "hi"),
        env=place.env,
        cwd=place.home / "work",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert SAYS in done.stdout, (done.stdout, done.stderr)
    assert recorder.lines == []
    own = place.home / ".local" / "state" / "paddock" / "private" / "claude-code"
    assert (own / ".claude.json").exists()
    assert own.stat().st_mode & 0o777 == 0o700
    assert [p.name for p in place.home.iterdir() if "claude" in p.name] == []


@pytest.mark.skipif(
    not (shutil.which("bwrap") and shutil.which("socat")), reason="no bubblewrap or socat here"
)
def test_what_it_runs_reaches_paddock_and_nobody_else(place: Place, recorder: Recorder) -> None:
    words = ("--private", "-m", "caller", "--", "-p", "look", "--allowedTools", "Bash")
    work = place.home / "work"
    done = subprocess.run(
        place.paddock(*words),
        env=place.env,
        cwd=work,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert "I looked." in done.stdout, (done.stdout, done.stderr)
    assert (work / "seen.txt").read_text() == '{"status":"ok"}'
    assert "403" in (work / "else.txt").read_text()
    assert recorder.lines == []


def test_its_picker_shows_all_models_and_nothing_leaves_while_it_is_open(
    place: Place, recorder: Recorder
) -> None:
    with terminal(place.paddock("--private"), place) as screen:
        screen.through_the_pages()
        screen.send("/model\r")
        screen.until("Thebriefone")
        assert "Scout" in screen.text
        assert "Theotherone" in screen.text
        time.sleep(_STARTED)  # there is no event for what does not happen
    assert recorder.lines == []


def test_without_the_flag_the_recorder_hears_of_others(place: Place, recorder: Recorder) -> None:
    with terminal(place.paddock("-m", "scout"), place) as screen:
        screen.through_the_pages()
        deadline = time.monotonic() + 60
        while not recorder.lines and time.monotonic() < deadline:
            screen.read(0.2)
    assert recorder.lines


@dataclass
class Screen:
    """What a program on a terminal has shown so far, without spaces."""

    descriptor: int
    text: str = ""

    def read(self, seconds: float) -> None:
        if select.select([self.descriptor], [], [], seconds)[0]:
            piece = os.read(self.descriptor, 65536).decode(errors="replace")
            self.text += "".join(_ESCAPES.sub("", piece).split())

    def until(self, *wanted: str, within: float = 90.0) -> str:
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            if found := next((word for word in wanted if word in self.text), None):
                return found
            self.read(0.2)
        raise AssertionError(self.text[-3000:])

    def send(self, text: str) -> None:
        os.write(self.descriptor, text.encode())

    def through_the_pages(self) -> None:
        """To its prompt."""
        while self.until(*_PAGES, _PROMPT) != _PROMPT:
            self.text = ""
            self.send("\r")
        self.text = ""


@contextmanager
def terminal(argv: list[str], place: Place) -> Iterator[Screen]:
    """A program on a terminal of its own, until the block ends."""
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        argv,
        env=place.env | {"COLUMNS": "110", "LINES": "40"},
        cwd=place.home / "work",
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        yield Screen(ours)
    finally:
        child.terminate()
        child.wait(30)
        os.close(ours)
