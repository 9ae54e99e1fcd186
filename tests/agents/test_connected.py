"""Real clients with what `paddock connect` wrote for them, started as it says, and undone again."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.agents.conftest import ASKED, SAYS, program, run_client
from tests.yard import Process

pytestmark = [pytest.mark.clients, pytest.mark.timeout(200)]


def _connect(home: Path, name: str, *flags: str) -> Any:
    argv = [sys.executable, "-m", "paddock", "connect", name, "--json", *flags]
    env = {"HOME": str(home), "PATH": os.environ["PATH"]}
    return subprocess.run(argv, env=env, stdout=subprocess.PIPE, check=True).stdout


def _files(home: Path) -> set[str]:
    return {str(file) for file in home.rglob("*") if file.is_file()}


@pytest.mark.parametrize("name", ASKED)
def test_what_connect_writes_is_what_the_client_takes(name: str, quick: Process, tmp_path: Path):
    home = tmp_path / "home"
    home.mkdir()
    printed = json.loads(_connect(home, name, "--url", quick.url, "--model", "scout"))
    words = shlex.split(printed["usage"][-1])
    env = dict(word.split("=", 1) for word in words if "=" in word)
    command, *args = [word for word in words if "=" not in word]
    argv = [program(command), *args, *ASKED[name]]
    done = run_client(argv, printed["env"] | env, tmp_path)
    assert SAYS in done.stdout, (done.stdout[-2000:], done.stderr[-2000:])
    assert set(printed["written"]) <= _files(home)
    _connect(home, name, "--undo")
    assert not set(printed["written"]) & _files(home)
