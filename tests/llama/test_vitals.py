"""What /proc shows of processes that read and map files."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from paddock.llama.vitals import Vitals

_SIZE = 32  # MiB

_LOADER = """
import mmap, sys
how, path = sys.argv[1:]
print("up", flush=True)
sys.stdin.readline()
file = open(path, "rb", buffering=0)
if how == "read":
    while file.read(1 << 20): pass
else:
    view = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
    touched = sum(view[i] for i in range(0, len(view), 4096))
print("loaded", flush=True)
sys.stdin.readline()
"""


@contextmanager
def loader(how: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that loads a file once it gets a line, and then stays."""
    path = folder / "weights"
    path.write_bytes(b"w" * (_SIZE << 20))
    argv = [sys.executable, "-c", _LOADER, how, str(path)]
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        assert hear(process) == "up"
        yield process
        process.kill()


def hear(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def tell(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")


def test_a_file_that_is_copied_is_counted(tmp_path):
    with loader("read", tmp_path) as process:
        vitals = Vitals(process.pid)
        tell(process)
        hear(process)
        assert vitals.look()
        assert _SIZE <= vitals.mib_loaded < 2 * _SIZE


def test_a_file_that_is_mapped_is_counted(tmp_path):
    with loader("map", tmp_path) as process:
        vitals = Vitals(process.pid)
        tell(process)
        hear(process)
        assert vitals.look()
        assert _SIZE <= vitals.mib_loaded < 2 * _SIZE


def test_counting_can_begin_anew(tmp_path):
    with loader("read", tmp_path) as process:
        vitals = Vitals(process.pid)
        tell(process)
        hear(process)
        vitals.rebase()
        assert vitals.mib_loaded == 0


def test_who_does_nothing_shows_no_sign_of_life(tmp_path):
    with loader("read", tmp_path) as process:
        vitals = Vitals(process.pid)
        looks = [vitals.look() for _ in range(3)]
        assert not looks[-1]
        assert vitals.mib_loaded == 0


def test_who_is_gone_has_loaded_nothing(tmp_path):
    with loader("read", tmp_path) as process:
        vitals = Vitals(process.pid)
        process.kill()
        process.wait()
        vitals.look()
        assert not vitals.look()
        assert vitals.mib_loaded == 0
