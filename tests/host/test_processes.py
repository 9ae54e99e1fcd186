"""What the kernel reports of processes: real ones, and one that is gone."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from paddock.host import processes
from tests.host.trees import write

HOLD = "held = b'x' * (200 << 20); print(flush=True); input()"
SHARE = "import mmap; m = mmap.mmap(-1, 64 << 20); m.write(b'x' * (64 << 20)); print(flush=True); input()"


@contextmanager
def running(code: str) -> Iterator[int]:
    """A process that has done its work."""
    argv = [sys.executable, "-c", code]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe, start_new_session=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid
        process.kill()


def gone() -> int:
    """The pid of a process that has ended and was waited for."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        return process.pid


def test_what_a_process_holds_is_its_own():
    with running(HOLD) as pid:
        assert 200 <= processes.own_mib(pid) < 260
        assert processes.resident_mib(pid) > processes.own_mib(pid), (
            "its libraries are mapped files"
        )
        assert processes.swapped_mib(pid) >= 0


def test_shared_memory_is_its_own_and_mapped_files_are_not(tmp_path: Path):
    with running(SHARE) as pid:
        assert 64 <= processes.own_mib(pid) < 128
    model = tmp_path / "model.gguf"
    model.write_bytes(b"x" * (64 << 20))
    mapped = (
        f"import mmap; f = open({str(model)!r}); m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ); "
        "sum(m[i] for i in range(0, len(m), 4096)); print(flush=True); input()"
    )
    with running(mapped) as pid:
        assert processes.own_mib(pid) < 64 <= processes.resident_mib(pid)


def test_a_process_that_swaps(tmp_path: Path):
    status = (
        "Name:\tllama-server\nVmRSS:\t 2097152 kB\nRssAnon:\t 1048576 kB\nRssFile:\t 1048576 kB\n"
    )
    write(tmp_path, {"77/status": status + "RssShmem:\t 2048 kB\nVmSwap:\t 524288 kB"})
    assert processes.own_mib(77, proc=tmp_path) == 1026
    assert processes.resident_mib(77, proc=tmp_path) == 2048
    assert processes.swapped_mib(77, proc=tmp_path) == 512


def test_a_process_has_a_session_and_a_name():
    with running(HOLD) as pid:
        assert processes.session_of(pid) == pid
        assert processes.program(pid).startswith("python")


def test_a_session_whose_leader_is_out_of_sight_is_unknown():
    seen = os.getsid(0)  # 0 where whoever leads us lives outside this container
    assert processes.session_of(os.getpid()) == (seen or None)


def test_a_process_that_is_gone_has_nothing():
    pid = gone()
    assert processes.own_mib(pid) == processes.resident_mib(pid) == processes.swapped_mib(pid) == 0
    assert processes.session_of(pid) is None
    assert processes.program(pid) == ""
    assert processes.session_of(0) is None, "and not our own"


def test_the_largest_come_first():
    with running(HOLD) as pid:
        found = processes.largest(10_000)
        (held,) = (size for size in found if size.pid == pid)
    assert 200 <= held.mib < 260
    assert held.name.startswith("python")
    assert [size.mib for size in found] == sorted((size.mib for size in found), reverse=True)


def test_only_as_many_as_asked_for_and_no_kernel_threads(tmp_path: Path):
    pages = (1 << 20) // os.sysconf("SC_PAGE_SIZE")  # a MiB of them
    for pid, name, mib in (
        (2, "kthreadd", 0),
        (10, "bash", 4),
        (11, "firefox", 900),
        (12, "Xorg", 90),
    ):
        statm = f"{pages * 5000} {pages * (mib + 20)} {pages * 20} 1 0 99 0"
        write(tmp_path, {f"{pid}/statm": statm, f"{pid}/comm": name})
    (tmp_path / "13").mkdir()  # went while we looked
    assert processes.largest(2, proc=tmp_path) == [(11, "firefox", 900), (12, "Xorg", 90)]
    assert [size.pid for size in processes.largest(9, proc=tmp_path)] == [11, 12, 10]


def test_without_proc_there_is_nobody(tmp_path: Path):
    assert processes.largest(5, proc=tmp_path / "none") == []
    assert processes.pids(tmp_path / "none") == []
