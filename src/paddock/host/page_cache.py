"""The page cache: how much of a file it holds, and having more of it read ahead.

cachestat(2) counts it since Linux 6.5 without a look at each page; before that, and where it sees
nothing (overlayfs keeps the pages with the file beneath), mincore(2) does.
"""

import ctypes
import errno
import mmap
import os
from collections.abc import Iterable
from pathlib import Path

_CACHESTAT = 451  # the same on every architecture (asm-generic/unistd.h)
_PAGE = mmap.PAGESIZE
_MADV_POPULATE_READ = (
    22  # of asm-generic/mman-common.h, since Linux 5.14; the module mmap has no name for it
)
_WINDOW = 1 << 30  # bytes that one call of mincore looks at: its answer has a byte for each page
_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = [
    ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long,
]  # fmt: skip
_libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
_libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
_libc.mincore.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p]
_FAILED = ctypes.c_void_p(-1).value


class _Range(ctypes.Structure):
    _fields_ = (("offset", ctypes.c_uint64), ("length", ctypes.c_uint64))


class _Stat(ctypes.Structure):
    """struct cachestat of linux/mman.h, in pages."""

    _fields_ = tuple(
        (name, ctypes.c_uint64)
        for name in ("cache", "dirty", "writeback", "evicted", "recently_evicted")
    )


def cached_bytes(files: Iterable[Path]) -> int | None:
    """How much of them is in the page cache; None where that cannot be known of one. Takes a
    millisecond for each GiB at most, and longer where a file system hangs: not for the event loop."""
    held = [_cached(file) for file in files]
    return None if None in held else sum(filter(None, held))


def _cached(file: Path) -> int | None:
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        size = os.fstat(descriptor).st_size
        counted = _by_cachestat(descriptor)
        if not counted and _may_ask_mincore(descriptor, file):
            counted = _by_mincore(descriptor, size)
        return None if counted is None else min(counted, size)
    finally:
        os.close(descriptor)


def _by_cachestat(descriptor: int) -> int | None:
    """None where the kernel has no such call, or lets only the file's owner ask (from 6.14 on)."""
    everything, found = _Range(0, 0), _Stat()
    failed = _libc.syscall(_CACHESTAT, descriptor, ctypes.byref(everything), ctypes.byref(found), 0)
    return None if failed else int(found.cache) * _PAGE


def _may_ask_mincore(descriptor: int, file: Path) -> bool:
    """To others than its owner and those who may write it, mincore says that all is there (from 5.2 on)."""
    return os.fstat(descriptor).st_uid == os.geteuid() or os.access(file, os.W_OK)


def _by_mincore(descriptor: int, size: int) -> int | None:
    held = 0
    for start in range(0, size, _WINDOW):
        length = min(_WINDOW, size - start)
        address = _libc.mmap(None, length, mmap.PROT_READ, mmap.MAP_SHARED, descriptor, start)
        if address == _FAILED:
            return None
        pages = ctypes.create_string_buffer(-(-length // _PAGE))
        failed = _libc.mincore(address, length, pages)
        _libc.munmap(address, length)
        if failed:
            return None
        held += pages.raw.count(b"\1")  # the other bits are not used (mm/mincore.c)
    return held * _PAGE


def fill(descriptor: int, start: int, length: int) -> bool:
    """Have this part of a file read into the page cache in large folios, and return when it is there;
    False where the file has no such part any more, or cannot be read ahead.

    Pages that are there already cost nothing. All parts of a file are best asked for by one descriptor, which holds
    the kernel's state of reading ahead. How pages come matters for every later load: posix_fadvise(2) and readahead(2) put
    each into a folio of its own, and a process that maps the file takes 50 times as long for that (Linux 6.18, ext4: 0.2 s for
    8 GB). A mapping with MADV_HUGEPAGE is read ahead in folios of 2 MiB, where the file system has them
    (mm/filemap.c, do_sync_mmap_readahead). Before Linux 5.14 pages come by posix_fadvise.
    """
    address = _libc.mmap(None, length, mmap.PROT_READ, mmap.MAP_SHARED, descriptor, start)
    if address == _FAILED:
        return False
    try:
        _libc.madvise(address, length, mmap.MADV_HUGEPAGE)  # not in kernels without huge pages
        if not _libc.madvise(address, length, _MADV_POPULATE_READ):
            return True
        return ctypes.get_errno() == errno.EINVAL and _fill_by_pages(descriptor, start, length)
    finally:
        _libc.munmap(address, length)


def _fill_by_pages(descriptor: int, start: int, length: int) -> bool:
    try:
        os.posix_fadvise(descriptor, start, length, os.POSIX_FADV_WILLNEED)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ESPIPE, errno.ENOSYS):
            return False
        raise
    os.pread(descriptor, 1, start + length - 1)  # who reads a page on its way waits for it
    return True
