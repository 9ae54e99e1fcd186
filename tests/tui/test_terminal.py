"""The whole of it in a real terminal: tmux, a real daemon, real models."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from paddock.api.chat import ask
from paddock.api.client import Client
from paddock.api.events import SwitchProgress
from paddock.llama.scripted import ScriptedModel, write
from tests.ports import free_port
from tests.yard import Process, places, sweep

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux")

CONF = """
[alpha]
model = alpha.gguf
[big]
model = big.gguf
load-mode = none
"""
MODELS = ("alpha", "beta", "gamma", "endless", "split")  # of the tests' folder; one more is broken
BIG = ScriptedModel(
    name="big", arch="qwen3moe", say="I am big.", layers=16, target_mib=500, dense=True
)


class Terminal:
    """One tmux session of a server of its own."""

    def __init__(self, socket_file: Path) -> None:
        self._tmux = ["tmux", "-S", str(socket_file)]
        # Given, not inherited: readline writes COLUMNS and LINES behind Python's back.
        self._env = dict(os.environ)

    def run(self, *words: str) -> str:
        done = subprocess.run(
            [*self._tmux, *words], env=self._env, capture_output=True, text=True, check=False
        )
        return done.stdout

    def open(self, *command: str) -> None:
        self.run("new-session", "-d", "-x", "110", "-y", "36", *command)

    def press(self, *keys: str) -> None:
        self.run("send-keys", *keys)

    def until(self, words: str, *, within: float = 60.0) -> str:
        """The first screen that shows these words."""
        return self.until_like(re.escape(words), within=within)

    def until_like(self, words: str, *, within: float = 60.0) -> str:
        """The first screen on which this pattern is found."""
        end = time.monotonic() + within
        while not re.search(words, screen := self.run("capture-pane", "-p")):
            assert time.monotonic() < end, f"{words!r} never came:\n{screen}"
            time.sleep(0.1)
        return screen

    def until_closed(self, *, within: float = 30.0) -> None:
        end = time.monotonic() + within
        while self.run("list-sessions"):
            assert time.monotonic() < end
            time.sleep(0.1)


@contextmanager
def terminal(folder: Path) -> Iterator[Terminal]:
    found = Terminal(folder / "tmux")
    try:
        yield found
    finally:
        found.run("kill-server")


def answer_of(client: Client, model: str) -> str:
    pieces = ask(client, model, "hi", max_tokens=20)
    return "".join(piece.text for piece in pieces if piece.kind == "content")


@contextmanager
def held_in_the_midst(client: Client, profile: str) -> Iterator[None]:
    """Wait for its load to be well under way, and let it stand still for the length of the block."""
    for event in client.events():
        if isinstance(event, SwitchProgress) and (event.progress.fraction or 0) > 0.02:
            break
    pid = next(i.pid for i in client.status().instances if i.profile == profile)
    assert pid
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_day_with_the_dashboard(tmp_path: Path, models: Path):
    paths = places(tmp_path / "yard", CONF)
    for folder in (paths.state_dir, paths.models_dir):
        folder.mkdir(exist_ok=True)
    (paths.models_dir / "alpha.gguf").symlink_to(models / "alpha.gguf")
    write(paths.models_dir / "big.gguf", BIG)
    listen = f"127.0.0.1:{free_port()}"
    daemon = Process(paths, "--listen", listen)
    client = Client(f"http://{listen}")
    editor = tmp_path / "editor"
    editor.write_text(
        '#!/bin/sh\necho "edits $1 of $2"; echo "ttl = 3 parsecs" >> "$2"; read go_on\n'
    )
    editor.chmod(0o755)
    dashboard = ["env", f"VISUAL={editor}", sys.executable, "-m", "paddock", "dashboard"]
    dashboard += ["--url", client.url]
    try:
        with terminal(tmp_path) as screen:
            screen.open(*dashboard)
            screen.until("● live")
            screen.press("m")
            screen.until("type to filter")
            screen.press("big")
            screen.until("1 big")
            with ThreadPoolExecutor() as pool, ExitStack() as stack:
                holding = pool.submit(stack.enter_context, held_in_the_midst(client, "big"))
                screen.press("Enter")
                holding.result(60)
                screen.until_like(r"loading text model +\d+ % · .* of 50\d MiB")
            screen.until("big is ready after")

            killed = next(i for i in client.status().instances if i.profile == "big")
            assert killed.pid
            os.kill(killed.pid, signal.SIGKILL)
            screen.until("killed by signal 9")

            daemon.end(signal.SIGTERM)
            screen.until("no connection")
            daemon = Process(paths, "--listen", listen)
            screen.until("● live")

            client.switch("alpha")
            screen.until("alpha is ready after")
            screen.press("e")
            screen.until(f"edits +{paths.config.read_text().splitlines().index('[alpha]') + 1} of")
            screen.press("Enter")
            screen.until_like(r"line \d+: \[big\] ttl takes seconds")
            screen.press("a")
            screen.until_like(r"all models +following[^╭]+slots are idle")
            screen.press("g")
            screen.until("── big.1, begun")
            screen.press("/")
            screen.until("search for")
            screen.press("alpha.2, begun", "Enter")
            screen.until("line 1 of 1 with")
            screen.until("── alpha.2, begun")
            screen.press("Escape")
            before = [i.id for i in client.status().instances]
            screen.until("Switch")
            screen.press("q")
            screen.until_closed()
            assert [i.id for i in client.status().instances] == before
            assert "I am alpha." in answer_of(client, "alpha")
    finally:
        daemon.popen.kill()
        daemon.popen.wait()
        sweep(paths)


def test_a_newcomer_is_asked_for_a_folder(tmp_path: Path, models: Path):
    home = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": "", "XDG_STATE_HOME": ""}
    conf = tmp_path / ".config" / "paddock" / "models.conf"
    conf.parent.mkdir(parents=True)
    folder = tmp_path / "gguf"  # its own: other tests add to the common one
    folder.mkdir()
    for file in (file for name in MODELS for file in models.glob(f"{name}*.gguf")):
        (folder / file.name).symlink_to(file)
    conf.with_name("paddock.toml").write_text('listen = "127.0.0.1:0"\n')  # so that none starts
    paddock = ["env", *(f"{k}={v}" for k, v in home.items()), sys.executable, "-m", "paddock"]
    with terminal(tmp_path) as screen:
        screen.open("sh", "-c", 'until "$@"; do read again; done', "sh", *paddock)
        screen.until("Folder (empty: leave)")
        screen.press("Enter")
        screen.until("`paddock init FOLDER` writes one")
        screen.press("Enter")
        screen.until("Folder (empty: leave)")
        screen.press(str(folder), "Enter")
        screen.until(f"{len(MODELS)} models")
    assert all(f"[{name}" in conf.read_text() for name in MODELS)
