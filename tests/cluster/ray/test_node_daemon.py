"""`paddock node up` on one machine: a daemon that runs is used as it is, else one is started. Without Ray."""

import os
import platform
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from paddock import __version__
from paddock.api.client import Client
from paddock.cluster.membership.joined import VARIABLE, JoinedNode
from paddock.cluster.membership.lines import FrontsWish, NodeReport
from paddock.config.keys import digest_of, read_keys
from paddock.config.paths import keys_file
from tests.ports import free_port
from tests.yard import _engine_name, places, process

HERE = "127.0.0.1"


def want(**changes: Any) -> FrontsWish:
    given: dict[str, Any] = {
        "version": __version__,
        "python": platform.python_version(),
        "key_name": "front@hill",
        "key_digest": digest_of("secret"),
        "front_address": HERE,
    }
    return FrontsWish(**(given | changes))


def brought_up(wanted: FrontsWish, address: str) -> NodeReport:
    """As the actor of a machine has it done: the daemon outlives that process."""
    command = [sys.executable, "-m", "paddock", "node", "up", "--address", address]
    given = msgspec.json.encode(wanted)
    done = subprocess.run(command, input=given, capture_output=True, timeout=110)
    return msgspec.json.decode(done.stdout, type=NodeReport)


@pytest.fixture
def machine(tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine that has joined, with one model; its folder."""
    paths = places(tmp_path / "yard", f"[alpha]\nmodel = {models / 'alpha.gguf'}\n")
    paths.settings.write_text(f"plan-ahead = false\n[cluster]\nnode-port = {free_port()}\n")
    joined = JoinedNode(
        name="desk",
        head="10.0.0.9:6379",
        mac="0a:1b:2c:3d:4e:5f",
        config=str(paths.config),
        state_dir=str(paths.state_dir),
        engine=_engine_name(),
    )
    joined.keep()
    monkeypatch.setenv(VARIABLE, str(joined.file))
    return paths.config.parent


def test_where_none_runs_one_is_started_and_found_again(machine: Path):
    facts = brought_up(want(), HERE)
    assert facts.state == "up", facts.reason
    try:
        assert (facts.name, facts.mac) == ("desk", "0a:1b:2c:3d:4e:5f")
        assert os.getsid(facts.pid) == facts.pid  # it outlives whoever started it
        again = brought_up(want(key_digest=digest_of("another")), HERE)
        assert (again.pid, again.url) == (facts.pid, facts.url)
        keys = {key.name: key for key in read_keys(keys_file(machine / "state"))}
        assert keys["front@hill"].digest == digest_of("another")
        assert {key.scope for key in keys.values()} == {"node"}
        with (machine / "paddock.toml").open("a") as settings:
            settings.write(
                f'tls-listen = "{HERE}:{free_port()}"\ntls-certificate = "a"\ntls-key = "b"\n'
            )
        stale = brought_up(want(), HERE)
        assert (stale.state, "does not serve TLS yet" in stale.reason) == ("left-out", True)
    finally:
        os.kill(facts.pid, signal.SIGKILL)


def test_one_that_its_user_runs_is_used_as_it_is(machine: Path):
    paths = places(machine, (machine / "models.conf").read_text().partition("parallel = 1\n")[2])
    with process(paths) as daemon:
        facts = brought_up(want(front_address="10.0.0.1"), "10.0.0.1")
        assert (facts.state, facts.pid, facts.url) == ("up", daemon.popen.pid, daemon.url)
        Client(daemon.url).status()  # the front's key locks nobody out of it
        far = brought_up(want(front_address="10.0.0.9"), "10.0.0.1")
        assert far.state == "left-out"
        assert "which the front cannot reach" in far.reason


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"version": "9.9.9"}, f"Paddock {__version__} there, 9.9.9 at the front"),
        ({"python": "3.99.1"}, f"Python {platform.python_version()} there, 3.99.1 at the front"),
    ],
)
def test_another_version_is_named_with_both_and_nothing_is_started(
    machine: Path, changes: dict[str, str], reason: str
):
    facts = brought_up(want(**changes), HERE)
    assert facts.state == "left-out"
    assert reason in facts.reason
    assert not (machine / "state" / "daemon.lock").exists()


def test_a_machine_without_models_says_so(machine: Path):
    (machine / "models.conf").unlink()
    facts = brought_up(want(), HERE)
    assert facts.state == "left-out"
    assert f"neither {machine / 'models.conf'} nor {machine / 'models'}" in facts.reason


def test_a_folder_of_models_is_enough(machine: Path, models: Path):
    (machine / "models.conf").unlink()
    (machine / "models").mkdir()
    (machine / "models" / "alpha.gguf").write_bytes((models / "alpha.gguf").read_bytes())
    facts = brought_up(want(), HERE)
    try:
        assert facts.state == "up", facts.reason
        assert "[alpha]" in (machine / "models.conf").read_text()
    finally:
        if facts.pid:
            os.kill(facts.pid, signal.SIGKILL)


def test_a_broken_models_conf_is_named(machine: Path):
    with (machine / "models.conf").open("a") as file:
        file.write("[other]\nnonsense-key = 1\n")
    facts = brought_up(want(), HERE)
    assert facts.state == "left-out"
    assert "nonsense-key" in facts.reason
