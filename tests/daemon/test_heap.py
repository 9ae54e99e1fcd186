"""The C library's heaps, as it reports them itself."""

import platform
import subprocess
import sys

import pytest

_THREADS = """
import ctypes, threading
from paddock.daemon import heap
if {shares}:
    heap.share()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
together = threading.Barrier(4)
def take():
    together.wait()
    libc.malloc(1000)
    together.wait()
threads = [threading.Thread(target=take) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
libc.fdopen.restype = ctypes.c_void_p
libc.malloc_info.argtypes = [ctypes.c_int, ctypes.c_void_p]
libc.malloc_info(0, libc.fdopen(1, b"w"))
libc.fflush(None)
"""


def heaps(*, shares: bool) -> int:
    argv = [sys.executable, "-c", _THREADS.format(shares=shares)]
    return subprocess.run(argv, capture_output=True, check=True).stdout.count(b"<heap nr=")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have one heap")
def test_threads_share_one_heap():
    assert heaps(shares=False) > 1
    assert heaps(shares=True) == 1
