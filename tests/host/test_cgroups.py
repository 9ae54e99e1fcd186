"""Limits of control groups: a real one of version 1 where this machine lets us make it, made-up trees else."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from paddock.host.cgroups import Limit, memory_limit
from paddock.host.memory import read_memory
from tests.host.trees import write

MIB = 1 << 20


def group(
    limit: str, usage: int, active: int = 0, inactive: int = 0, *, mapped: int = 0, v1: bool = False
):
    """The files of one group, sizes in MiB."""
    said = limit if not limit.isdecimal() else str(int(limit) * MIB)
    names = (
        ("memory.limit_in_bytes", "memory.usage_in_bytes")
        if v1
        else ("memory.max", "memory.current")
    )
    total = "total_" if v1 else ""
    stat = f"{total}active_file {active * MIB}\n{total}inactive_file {inactive * MIB}"
    stat += f"\n{'total_mapped_file' if v1 else 'file_mapped'} {mapped * MIB}"
    return {names[0]: said, names[1]: str(usage * MIB), "memory.stat": stat}  # fmt: skip


def limit_of(tmp_path: Path, membership: str, groups: dict[str, dict[str, str]]) -> Limit | None:
    write(tmp_path / "proc" / "self", {"cgroup": membership})
    for name, files in groups.items():
        write(tmp_path / "sys" / "fs" / "cgroup" / name, files)
    found = memory_limit(proc=tmp_path / "proc", sys=tmp_path / "sys")
    return found and Limit(found.total // MIB, found.available // MIB, found.spare // MIB)


V1_UNLIMITED = str(9223372036854771712)


@pytest.mark.parametrize(
    ("membership", "groups", "expected"),
    [
        ("0::/app", {"app": group("1024", 600, 50, 150)}, Limit(1024, 624, 624)),
        ("0::/app", {"app": group("1024", 600, 50, 150, mapped=80)}, Limit(1024, 624, 544)),
        ("4:memory:/app", {"memory/app": group("1024", 600, 50, 150, mapped=80, v1=True)}, Limit(1024, 624, 544)),
        ("0::/a/b", {"a": group("512", 100), "a/b": group("max", 90)}, Limit(512, 412, 412)),
        ("0::/a/b", {"a": group("512", 500), "a/b": group("256", 10)}, Limit(256, 12, 12)),
        ("0::/", {"": group("300", 400)}, Limit(300, 0, 0)),
        ("0::/outside", {"": group("300", 100)}, Limit(300, 200, 200)),
        ("0::/app", {"unified/app": group("64", 4)}, Limit(64, 60, 60)),
        ("0::/app", {"app": group("max", 4)}, None),
        ("4:memory:/app\n0::/", {"memory/app": group("1024", 600, 50, 150, v1=True)}, Limit(1024, 624, 624)),
        ("4:cpu,memory:/app", {"memory/app": {**group("1", 4, v1=True), "memory.limit_in_bytes": V1_UNLIMITED}}, None),
        ("4:memory:/host/path", {"memory": group("100", 40, v1=True)}, Limit(100, 60, 60)),
        ("", {}, None),
        ("nonsense", {}, None),
    ],
)  # fmt: skip
def test_the_tightest_limit_of_a_made_up_tree(
    tmp_path: Path,
    membership: str,
    groups: dict[str, dict[str, str]],
    expected: Limit | None,
):
    assert limit_of(tmp_path, membership, groups) == expected


def test_a_made_up_limit_above_what_the_machine_has_changes_nothing(tmp_path: Path):
    real = read_memory()
    assert real.total_mib is not None
    limit_of(tmp_path, "0::/app", {"app": group(str(real.total_mib * 2), 1)})
    memory = read_memory(proc=tmp_path / "proc", sys=tmp_path / "sys")
    assert memory.total_mib == real.total_mib


@contextlib.contextmanager
def real_group(limit: int) -> Iterator[Path]:
    folder = Path("/sys/fs/cgroup/memory/paddock-test")
    try:
        folder.mkdir()
        (folder / "memory.limit_in_bytes").write_text(str(limit))
    except OSError as error:
        pytest.skip(f"no memory group of version 1 can be made here: {error}")
    try:
        yield folder
    finally:
        folder.rmdir()


def test_a_process_in_a_real_group_of_version_1_sees_its_limit():
    program = "from paddock.host.memory import read_memory as r; m = r(); print(m.total_mib, m.available_mib)"
    with real_group(700 * MIB) as folder:
        enter = f'echo $$ > {folder}/cgroup.procs && exec "$@"'
        argv = ["sh", "-c", enter, "sh", sys.executable, "-c", program]
        numbers = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()
    assert int(numbers[0]) == 700
    assert 0 < int(numbers[1]) <= 700
