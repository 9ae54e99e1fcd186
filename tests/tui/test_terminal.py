"""The whole of it in a real terminal: tmux, a real daemon, real models."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from paddock.api.client import Client
from tests.yard import Process, places, sweep

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux")

CONF = "[alpha]\nmodel = alpha.gguf\n[beta]\nmodel = beta.gguf\n"


class Terminal:
    """One tmux session of a server of its own."""

    def __init__(self, socket_file: Path) -> None:
        self._tmux = ["tmux", "-S", str(socket_file)]

    def run(self, *words: str) -> str:
        done = subprocess.run([*self._tmux, *words], capture_output=True, text=True, check=False)
        return done.stdout

    def open(self, *command: str) -> None:
        self.run("new-session", "-d", "-x", "110", "-y", "36", *command)

    def press(self, *keys: str) -> None:
        self.run("send-keys", *keys)

    def until(self, words: str, *, within: float = 60.0) -> str:
        """The first screen that shows these words."""
        end = time.monotonic() + within
        while words not in (screen := self.run("capture-pane", "-p")):
            assert time.monotonic() < end, f"{words!r} never came:\n{screen}"
            time.sleep(0.1)
        return screen

    def is_open(self) -> bool:
        return bool(self.run("list-sessions"))


@contextmanager
def terminal(folder: Path) -> Iterator[Terminal]:
    found = Terminal(folder / "tmux")
    try:
        yield found
    finally:
        found.run("kill-server")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def test_a_day_with_the_dashboard(tmp_path: Path, models: Path):
    paths = msgspec.structs.replace(places(tmp_path / "yard", CONF), models_dir=models)
    paths.state_dir.mkdir(exist_ok=True)
    listen = f"127.0.0.1:{free_port()}"
    daemon = Process(paths, "--listen", listen)
    client = Client(f"http://{listen}")
    dashboard = [sys.executable, "-m", "paddock", "dashboard", "--url", client.url]
    try:
        with terminal(tmp_path) as screen:
            screen.open(*dashboard)
            screen.until("● live")
            screen.press("m")
            screen.until("type to filter")
            screen.press("beta")
            screen.until("1 beta")
            screen.press("Enter")
            screen.until("beta is ready after")

            killed = next(i for i in client.status().instances if i.profile == "beta")
            assert killed.pid
            os.kill(killed.pid, signal.SIGKILL)
            screen.until("killed by signal 9")

            daemon.end(signal.SIGTERM)
            screen.until("no connection")
            daemon = Process(paths, "--listen", listen)
            screen.until("● live")

            client.switch("alpha")
            screen.until("alpha is ready after")
            before = [i.id for i in client.status().instances]
            screen.press("q")
            end = time.monotonic() + 30
            while screen.is_open():
                assert time.monotonic() < end
                time.sleep(0.1)
            assert [i.id for i in client.status().instances] == before
    finally:
        daemon.popen.kill()
        daemon.popen.wait()
        sweep(paths)
