"""What the page cache holds of real files, what the kernel reads ahead, and on what file systems they lie."""

import os
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


def test_what_the_kernel_was_asked_for_comes(file: Path):
    with file.open("rb") as open_file:
        assert page_cache.ask_for(open_file.fileno(), 2 * MIB, 4 * MIB)
    held = 0
    deadline = time.monotonic() + 10
    while held < 4 * MIB and time.monotonic() < deadline:
        held = page_cache.cached_bytes([file]) or 0
    assert 4 * MIB <= held < 8 * MIB


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
