"""The systemd unit: systemd understands it, and what it starts and stops exists."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, text
from tests.docs.test_commands import VERBS

UNIT = ROOT / "packaging" / "paddock.service"


def test_systemd_has_nothing_to_say_against_it(tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("needs systemd-analyze: apt-get install systemd")
    program = tmp_path / ".venvs" / "paddock" / "bin" / "paddock"  # %h: its home
    program.parent.mkdir(parents=True)
    program.symlink_to("/bin/true")
    places = {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
    verify = ["systemd-analyze", "--user", "verify", str(UNIT)]
    done = subprocess.run(verify, env={**os.environ, **places}, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_its_commands_exist() -> None:
    lines = re.findall(r"^Exec(?:Start|Stop)=\S+/paddock (\w+)(.*)$", text(str(UNIT)), re.MULTILINE)
    assert [verb for verb, _ in lines] == ["serve", "stop"]
    for verb, rest in lines:
        options = {option for parameter in VERBS[verb].params for option in parameter.opts}
        assert set(rest.split()) <= options


@pytest.mark.parametrize(
    "line",
    [
        "KillMode=process",
        "OOMPolicy=continue",
        "ExecStop=%h/.venvs/paddock/bin/paddock stop --keep",
    ],
)
def test_a_restart_keeps_the_models(line: str) -> None:
    """Without any of these systemd, or a kill for memory, would end them with the daemon."""
    assert line in text(str(UNIT)).splitlines()
