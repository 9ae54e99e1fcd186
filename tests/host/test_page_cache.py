"""What the page cache holds of real files, what the kernel reads ahead, and on what file systems they lie."""

import mmap
import os
import resource
import time
from pathlib import Path

import pytest

from paddock.host import page_cache
from paddock.host.mounts import MountPoint, mount_of
from paddock.host.seen_files import look
from tests.host.trees import write

MIB = 1 << 20


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """8 MiB that were written, and dropped from the page cache."""
    path = tmp_path / "weights.gguf"
    path.write_bytes(os.urandom(8 * MIB))
    drop(path)
    return path


def drop(path: Path) -> None:
    with path.open("rb") as open_file:
        os.fsync(open_file.fileno())
        os.posix_fadvise(open_file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def by_mincore(path: Path) -> int | None:
    with path.open("rb") as open_file:
        return page_cache._by_mincore(open_file.fileno(), path.stat().st_size)


def test_what_is_cached_of_a_file_is_counted_either_way(file: Path):
    assert (cold := page_cache.cached_bytes([file])) is not None
    assert cold < MIB
    with file.open("rb", buffering=0) as open_file:
        os.posix_fadvise(
            open_file.fileno(), 0, 0, os.POSIX_FADV_RANDOM
        )  # no more than is asked for
        open_file.read(4 * MIB)
    half = page_cache.cached_bytes([file])
    assert half is not None
    assert 4 * MIB <= half < 8 * MIB
    assert by_mincore(file) == half
    file.read_bytes()
    assert page_cache.cached_bytes([file, file]) == 16 * MIB
    assert look([file]).share == 1.0


def test_a_kernel_without_cachestat_is_asked_by_mincore(
    file: Path, monkeypatch: pytest.MonkeyPatch
):
    file.read_bytes()
    monkeypatch.setattr(page_cache, "_CACHESTAT", 100_000)  # ENOSYS
    assert page_cache.cached_bytes([file]) == 8 * MIB


def filled(path: Path, start: int, length: int) -> bool:
    with path.open("rb") as open_file:
        return page_cache.fill(open_file.fileno(), start, length)


def test_a_part_that_was_filled_is_there(file: Path):
    assert filled(file, 2 * MIB, 4 * MIB)
    held = page_cache.cached_bytes([file]) or 0
    assert 4 * MIB <= held < 8 * MIB


def test_a_part_is_filled_by_a_kernel_that_cannot_populate_a_mapping(
    file: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(page_cache, "_MADV_POPULATE_READ", 10_000)  # EINVAL
    assert filled(file, 2 * MIB, 4 * MIB)
    deadline = time.monotonic() + 10
    while (page_cache.cached_bytes([file]) or 0) < 4 * MIB:
        assert time.monotonic() < deadline


@pytest.mark.parametrize("populates", [True, False])
def test_a_part_that_the_file_has_not_is_not_filled(
    file: Path, populates: bool, monkeypatch: pytest.MonkeyPatch
):
    os.truncate(file, MIB)
    if populates:
        assert not filled(file, 4 * MIB, 4 * MIB)
    reading, writing = os.pipe()
    assert not page_cache.fill(reading, 0, MIB)
    os.close(reading)
    os.close(writing)


def test_who_maps_a_filled_file_takes_few_faults(tmp_path: Path):
    """What makes a load faster: see `fill`. Counted, since a time would be the machine's."""
    path = tmp_path / "weights.gguf"
    path.write_bytes(os.urandom(64 * MIB))
    kernel, mount = os.uname().release, mount_of(path)
    if (
        mount is None
        or mount.kind not in LARGE_FOLIOS
        or version(kernel) < LARGE_FOLIOS[mount.kind]
    ):
        pytest.skip(f"LARGE FOLIOS NOT TESTED: {mount} on Linux {kernel} has none")
    drop(path)
    with path.open("rb") as open_file:
        os.posix_fadvise(open_file.fileno(), 0, 0, os.POSIX_FADV_WILLNEED)
        open_file.read()
    by_pages = faults_of_a_mapping(path)
    drop(path)
    with path.open("rb") as open_file:
        for start in range(0, 64 * MIB, 4 * MIB):
            assert page_cache.fill(open_file.fileno(), start, 4 * MIB)
    assert faults_of_a_mapping(path) < by_pages / 4


LARGE_FOLIOS = {"ext4": (6, 16), "xfs": (5, 18)}  # since which Linux


def version(kernel: str) -> tuple[int, ...]:
    return tuple(int(part) for part in kernel.split("-")[0].split(".")[:2])


def faults_of_a_mapping(path: Path) -> int:
    """Minor faults until all of it is mapped, as MAP_POPULATE does it."""
    with (
        path.open("rb") as open_file,
        mmap.mmap(open_file.fileno(), 0, mmap.MAP_SHARED, mmap.PROT_READ) as mapped,
    ):
        before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
        mapped.madvise(page_cache._MADV_POPULATE_READ)
        return resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before


def test_files_that_are_not_there_are_unknown(tmp_path: Path):
    assert page_cache.cached_bytes([tmp_path / "none.gguf"]) is None
    assert look([tmp_path / "none.gguf"]).cached_mib is None
    assert look([]).mib == 0


MOUNTS = r"""
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:40 / /mnt rw - tmpfs none rw
31 22 0:41 / /mnt/big\040disk rw shared:9 master:2 - btrfs /dev/sda1 rw,subvol=/
32 22 0:42 / /mnt/nas rw - nfs4 nas:/models rw,vers=4.2
33 22 0:43 / /mnt/keys rw - fuse.sshfs me@there: rw
34 22 0:44 / /mnt/nas rw - xfs /dev/sdb rw
nonsense
"""


@pytest.mark.parametrize(
    ("path", "mount", "is_remote"),
    [
        ("/srv/models/a.gguf", MountPoint("ext4", "/dev/vda"), False),
        ("/mnt/big disk/a.gguf", MountPoint("btrfs", "/dev/sda1"), False),
        ("/mnt/keys/a.gguf", MountPoint("fuse.sshfs", "me@there:"), True),
        ("/mnt/nas/a.gguf", MountPoint("xfs", "/dev/sdb"), False),  # mounted over the network's
        ("/mnt/nasty/a.gguf", MountPoint("tmpfs", "none"), False),
    ],
)
def test_a_file_lies_on_the_last_mount_above_it(
    tmp_path: Path, path: str, mount: MountPoint, is_remote: bool
):
    write(tmp_path / "self", {"mountinfo": MOUNTS})
    found = mount_of(Path(path), proc=tmp_path)
    assert found == mount
    assert found.is_remote is is_remote


@pytest.mark.parametrize(
    "kind", ["nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "fuse", "fuse.rclone"]
)
def test_file_systems_that_are_left_alone(kind: str):
    assert MountPoint(kind, "x").is_remote


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "zfs", "overlay", "tmpfs", "fuseblk"])
def test_file_systems_that_are_read_ahead(kind: str):
    assert not MountPoint(kind, "x").is_remote
