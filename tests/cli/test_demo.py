"""`paddock demo`, as a newcomer runs it, and as one who has seen enough."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.cli.conftest import Paddock

DEMO = (sys.executable, "-m", "paddock", "demo", "--dir")


def test_the_demo_shows_three_models_and_leaves_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    shown = subprocess.run([*DEMO, folder], capture_output=True, text=True, timeout=100)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.count("OpenAI API") == shown.stdout.count("Anthropic API") == 3
    assert shown.stdout.count("I am the tiny one: barely worth a switch, yet here I am.\n") == 2
    assert "big: loading" in shown.stderr
    summary = shown.stdout[shown.stdout.index("MODEL ") :].splitlines()
    assert [line.split()[0] for line in summary[1:4]] == ["tiny", "thinker", "big"]
    assert all("Host" in line and " s " in line for line in summary[1:4])
    assert not folder.exists()


def test_ctrl_c_ends_the_demo_and_its_daemon_and_cleans_up(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    with subprocess.Popen(
        [*DEMO, folder], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as demo:
        assert demo.stdout
        for line in demo.stdout:
            if "I am the tiny one" in line:
                break
        daemon = int((folder / "state" / "daemon.pid").read_text())
        demo.send_signal(signal.SIGINT)
        demo.stdout.read()
    assert demo.returncode == 128 + signal.SIGINT
    assert not folder.exists()
    assert not _runs(daemon)


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")
    refused = subprocess.run([*DEMO, tmp_path], capture_output=True, text=True, timeout=30)
    assert refused.returncode == 1
    assert "is not empty" in refused.stderr
    assert (tmp_path / "mine").read_text() == "precious"


def test_nothing_is_written_where_there_is_no_engine(paddock: Paddock, tmp_path: Path) -> None:
    refused = paddock("demo", "--dir", tmp_path / "demo", "--engine", "/no/such/llama-server")
    assert refused.status == 1
    assert "wrote" not in refused.err
    assert "`paddock engine build`" in refused.err
    assert not (tmp_path / "demo").exists()


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().split()[2]
