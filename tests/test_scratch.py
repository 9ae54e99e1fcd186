"""Folders for a moment: whose maker was killed are swept up, nobody else's."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from paddock.scratch import scratch, sweep


def test_what_a_killed_program_leaves_is_swept_up_and_nothing_else(tmp_path: Path):
    program = (
        "import sys, time; from pathlib import Path; from paddock.scratch import scratch\n"
        f"with scratch('plan', place=Path({str(tmp_path)!r})) as f:\n"
        "    (f / 'x.sock').touch(); print(f, flush=True); time.sleep(60)"
    )
    killed = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert killed.stdout
    left = Path(killed.stdout.readline().strip())
    for other in ("paddock-plan-mine", "paddock-plan-1-abc", "other-plan-99999999-abc"):
        (tmp_path / other).mkdir()
    (tmp_path / "paddock-plan-99999999-link").symlink_to(tmp_path / "paddock-plan-mine")
    with scratch("run", place=tmp_path) as own:
        assert sweep(tmp_path) == [], "its maker lives"
        os.kill(killed.pid, signal.SIGKILL)
        killed.wait()
        killed.stdout.close()
        assert sweep(tmp_path) == [left]
        assert own.is_dir()
    assert not own.exists()
    assert len(list(tmp_path.iterdir())) == 4


def test_a_place_that_is_not_there_has_nothing_to_sweep(tmp_path: Path):
    assert sweep(tmp_path / "nowhere") == []
