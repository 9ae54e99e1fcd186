"""OpenClaw: its own program validates what we write, and answers with what `paddock run` gives it."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.agents.conftest import SAYS, program
from tests.agents.test_refusals import SITUATIONS, counted, place
from tests.yard import Process, process

pytestmark = [pytest.mark.clients, pytest.mark.timeout(420)]


def _env(home: Path, url: str) -> dict[str, str]:
    path = f"{Path(program('openclaw')).parent}:{os.environ['PATH']}"
    return {"HOME": str(home), "PATH": path, "PADDOCK_URL": url, "TERM": "dumb"}


def _run(argv: list[str], env: dict[str, str], home: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        argv,
        env=env,
        cwd=home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=400,
    )


def _paddock(*words: str) -> list[str]:
    return [sys.executable, "-m", "paddock", *words]


def test_it_gets_its_answer_after_a_load(slow: Process, tmp_path: Path) -> None:
    env = _env(tmp_path, slow.url)
    words = ("agent", "exec", "hi")
    done = _run(_paddock("run", "openclaw", "-m", "scout", "--", *words), env, tmp_path)
    assert SAYS in done.stdout, (done.stdout[-2000:], done.stderr[-2000:])


def test_it_finds_what_run_and_connect_write_valid_and_lists_the_models(
    quick: Process, tmp_path: Path
) -> None:
    env = _env(tmp_path, quick.url)
    run = _paddock("run", "openclaw", "-m", "scout", "--")
    checked = _run([*run, "config", "validate", "--json"], env, tmp_path)
    assert json.loads(checked.stdout)["valid"] is True, (checked.stdout, checked.stderr)
    listed = _run([*run, "models", "list", "--plain"], env, tmp_path)
    assert "paddock/scout" in listed.stdout, (listed.stdout, listed.stderr)

    own = tmp_path / ".openclaw" / "openclaw.json"
    own.parent.mkdir(exist_ok=True)
    before = '{\n  // mine\n  "gateway": {"port": 19001},\n}\n'
    own.write_text(before)
    assert _run(_paddock("connect", "openclaw", "-m", "scout"), env, tmp_path).returncode == 0
    assert "// mine" in own.read_text()
    checked = _run(["openclaw", "config", "validate", "--json"], env, tmp_path)
    assert json.loads(checked.stdout)["valid"] is True, checked.stdout
    listed = _run(["openclaw", "models", "list", "--plain", "--all"], env, tmp_path)
    assert "paddock/scout" in listed.stdout, (listed.stdout, listed.stderr)
    assert _run(_paddock("connect", "openclaw", "--undo"), env, tmp_path).returncode == 0
    assert own.read_text() == before


def test_a_failed_load_is_asked_for_once_and_its_reason_is_read(tmp_path: Path) -> None:
    paths = place(SITUATIONS["load fails"], tmp_path)
    with process(paths) as running:
        env = _env(tmp_path, running.url)
        words = ("agent", "exec", "hi")
        done = _run(_paddock("run", "openclaw", "-m", "scout", "--", *words), env, tmp_path)
        running.end(signal.SIGTERM)
    asks, loads = counted(running)
    assert "scout exited with code 3" in done.stdout + done.stderr, (done.stdout, done.stderr)
    assert (asks, loads) == (1, 1)
