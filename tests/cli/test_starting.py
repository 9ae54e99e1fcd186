"""`paddock run` and `paddock connect` in a home where no daemon runs yet: one is started, and this is said."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from paddock.api.client import Client
from tests.ports import free_port

CONF = "[*]\nctx-size = 512\nparallel = 1\n[alpha]\nmodel = alpha.gguf\n[beta]\nmodel = beta.gguf\n"
SHOW = '#!/bin/sh\necho "$ANTHROPIC_BASE_URL"\nexit 7\n'
SLOW = "#!/bin/sh\necho here > {mark}\nexec sleep 100\n"


@dataclass(frozen=True, slots=True)
class Fresh:
    """A user's home with a models.conf, and a client on the PATH."""

    folder: Path
    url: str
    env: dict[str, str]

    def popen(self, *words: str) -> "subprocess.Popen[str]":
        argv = [sys.executable, "-m", "paddock", *words]
        pipe = subprocess.PIPE
        return subprocess.Popen(argv, env=self.env, stdout=pipe, stderr=pipe, text=True)

    def __call__(self, *words: str) -> tuple[int, str, str]:
        with self.popen(*words) as program:
            out, err = program.communicate(timeout=100)
        return program.returncode, out, err


@pytest.fixture
def fresh(tmp_path: Path, models: Path) -> Iterator[Fresh]:
    programs, own = tmp_path / "bin", tmp_path / ".config" / "paddock"
    for folder in (programs, own):
        folder.mkdir(parents=True)
    (programs / "claude").write_text(SHOW)
    (programs / "claude").chmod(0o755)
    listen = f"127.0.0.1:{free_port()}"
    (own / "models.conf").write_text(CONF)
    (own / "paddock.toml").write_text(f'listen = "{listen}"\nmodels-dir = "{models}"\n')
    env = {name: value for name, value in os.environ.items() if "XDG" not in name}
    env |= {"HOME": str(tmp_path), "PATH": f"{programs}:{os.environ['PATH']}"}
    env.pop("PADDOCK_URL", None)
    fresh = Fresh(tmp_path, f"http://{listen}", env)
    yield fresh
    fresh("stop")


def test_a_client_finds_a_daemon_though_none_ran(fresh: Fresh) -> None:
    status, out, err = fresh("run", "claude-code", "-m", "alpha")
    assert (status, out) == (7, f"{fresh.url}\n"), err
    log = fresh.folder / ".local" / "state" / "paddock" / "daemon.log"
    for said in (f"no daemon answers at {fresh.url}: starting one on", str(log), "paddock stop"):
        assert said in err
    for _ in range(100):  # it answers a moment before it writes that down
        if "answers at" in log.read_text():
            break
        time.sleep(0.05)
    else:
        raise AssertionError(log.read_text())
    again = fresh("run", "claude-code", "-m", "alpha")  # it went on
    assert again[:2] == (7, f"{fresh.url}\n")
    on, note = again[2].splitlines()
    assert on == f"Claude Code on alpha at {fresh.url}"
    assert "the context of alpha is 512" in note
    own = fresh.folder / ".config" / "paddock"
    (own / "models.conf").rename(own / "other.conf")
    other = str(own / "other.conf")
    status, _, err = fresh("run", "claude-code", "-m", "alpha", "--config", other)
    assert (status, "a daemon with another file runs" in err) == (1, True), err


def test_a_client_is_connected_though_none_ran_and_two_at_once_share_the_one(fresh: Fresh) -> None:
    with (
        fresh.popen("connect", "claude-code", "-m", "alpha") as one,
        fresh.popen("connect", "anthropic", "-m", "beta") as two,
    ):
        ends = [program.communicate(timeout=100) for program in (one, two)]
    assert (one.returncode, two.returncode) == (0, 0), ends
    assert "claude --settings" in ends[0][0]
    assert f"export ANTHROPIC_BASE_URL={fresh.url}" in ends[1][0]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "claude-code", "--no-start"), "no daemon answers"),
        (("connect", "claude-code", "--no-start"), "no daemon answers"),
        (("run", "claude-code", "--url", "http://127.0.0.1:9"), "no daemon answers"),
        (("run", "claude-code", "-c", "nowhere.conf"), "there is no "),
        (("run", "opencode"), "install it"),
    ],
)
def test_none_is_started_where_that_would_help_nobody(
    fresh: Fresh, words: tuple[str, ...], said: str
) -> None:
    status, _, err = fresh(*words)
    assert (status, said in err) == (1, True), err
    assert "starting one" not in err
    assert not Client(fresh.url).health()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_during_the_start_leaves_no_daemon_behind(
    fresh: Fresh, number: signal.Signals
) -> None:
    mark, slow = fresh.folder / "begun", fresh.folder / "slow-llama-server"
    slow.write_text(SLOW.format(mark=mark))
    slow.chmod(0o755)
    settings = fresh.folder / ".config" / "paddock" / "paddock.toml"
    settings.write_text(settings.read_text() + f'engine = "{slow}"\n')
    with fresh.popen("run", "claude-code", "-m", "alpha") as program:
        assert program.stderr
        assert "starting one" in program.stderr.readline()
        pid_file = fresh.folder / ".local" / "state" / "paddock" / "daemon.pid"
        pid = int(pid_file.read_text())
        program.send_signal(number)
        assert program.wait(30) == 128 + number
    assert not Path(f"/proc/{pid}").exists()
    assert not pid_file.exists()
