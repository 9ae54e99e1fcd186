"""Programs found by name or command line: real ones, and made-up trees for what cannot be started here."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from paddock.host import kernel
from paddock.host.programs import ProcessList
from tests.host.trees import write


@contextmanager
def started(program: Path, *args: str, cwd: Path | None = None) -> Iterator[int]:
    child = subprocess.Popen([program, *args], cwd=cwd)
    try:
        yield child.pid
    finally:
        child.kill()
        child.wait()


@pytest.fixture
def game(tmp_path: Path) -> Path:
    """A real program of that name, which does nothing for long."""
    return Path(shutil.copy(shutil.which("sleep") or "", tmp_path / "little-game"))


def test_a_program_is_found_by_its_name_while_it_runs(game: Path):
    programs = ProcessList(["little-game"])
    assert programs.running() == []
    with started(game, "600") as pid:
        [found] = programs.running()
        assert (found.pid, found.name, found.pattern) == (pid, "little-game", "little-game")
        assert programs.running() == [found]
        assert programs.running(but={pid}) == []
    assert programs.running() == []


def test_a_dead_one_that_nobody_has_buried_is_none(game: Path):
    child = subprocess.Popen([game, "0"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert ProcessList(["little-game"]).running() == []
    child.wait()


def test_a_young_process_that_becomes_another_is_seen(game: Path, tmp_path: Path):
    go = tmp_path / "go"
    os.mkfifo(go)
    script = f"read line < {go}; exec {game} 600"
    programs = ProcessList(["little-game"])
    with started(Path("/bin/sh"), "-c", script) as pid:
        assert programs.running() == []
        go.write_text("now\n")
        while Path(f"/proc/{pid}/comm").read_text() != "little-game\n":
            pass
        assert [found.pid for found in programs.running()] == [pid]


def test_a_script_is_found_by_its_folder(game: Path, tmp_path: Path):
    home = tmp_path / "Comfy UI"
    home.mkdir()
    with started(game, "600", cwd=home) as pid:
        assert [f.pid for f in ProcessList(["*Comfy UI*little-game 600"]).running()] == [pid]
        assert ProcessList(["*Comfy UI*main.py*"]).running() == []


@pytest.mark.parametrize(
    ("words", "pattern", "is_found"),
    [
        (["/usr/bin/blender", "x"], "blender", True),
        (["/usr/bin/blender", "x"], "Blender", False),
        (["/usr/bin/blender-tool"], "blender", False),
        (["/bin/vi", "blender"], "blender", False),
        (["Z:\\games\\Big Game\\it.exe"], "it.exe", True),
        (["python3", "main.py", "--listen"], "python3 main.py*", True),
        (["python3", "main.py"], "*main.py", True),
        (["python3", "domain.pyc"], "*main.py", False),
        ([""], "*a*", False),
    ],
)
def test_patterns_against_a_made_up_process(
    tmp_path: Path, words: list[str], pattern: str, is_found: bool
):
    write(tmp_path / "77", {"comm": "c", "cmdline": "\0".join(words) + "\0"})
    write(tmp_path / "77", {"stat": "77 (a) b) S " + " ".join(map(str, range(4, 30)))})
    found = ProcessList([pattern], proc=tmp_path).running()
    assert [one.started for one in found] == ([22] if is_found else [])


def test_old_processes_are_read_seldom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for pid in range(100, 160):
        write(tmp_path / str(pid), {"comm": "c", "cmdline": "c", "stat": "1 (c) S " + "0 " * 30})
    programs, reads, text = ProcessList(["little-game"], proc=tmp_path), list[Path](), kernel.text

    def counted(path: Path) -> str | None:
        reads.append(path)
        return text(path)

    monkeypatch.setattr(kernel, "text", counted)
    for _ in range(5):
        programs.running()
    young = len(reads)
    for _ in range(30):
        programs.running()
    assert len(reads) - young <= young / 5 + 60
