"""Which GPU backends are compiled into an engine: by the libraries beside it, else by words in its program.

No command prints that: `--list-devices` shows no backend that finds no device (build 11434).
"""

import mmap
import os
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from paddock.engine.engine import Engine

# By the first letters of a backend's devices: its library, and a word of its messages.
_BACKENDS: Mapping[str, tuple[str, bytes]] = {
    "CUDA": ("cuda", b"ggml_cuda_init"),
    "ROCm": ("hip", b"hipGetDeviceCount"),
    "Vulkan": ("vulkan", b"ggml_vulkan: Found"),
    "SYCL": ("sycl", b"ggml_sycl_init"),
}


def gpu_backends(engine: Engine) -> frozenset[str]:
    """`CUDA`, `ROCm`, `Vulkan`, `SYCL`; none where that is not known: of containers, wrappers and the wheel."""
    return _of(engine.command[0], engine.identity) if engine.kind == "native" else frozenset()


@lru_cache(maxsize=64)
def _of(program: str, _identity: str) -> frozenset[str]:
    """`_identity`: another program under that name has an entry of its own."""
    path = Path(os.path.realpath(program))
    if list(path.parent.glob("libggml-base*")):
        return frozenset(
            name for name, (library, _) in _BACKENDS.items() if _has(path.parent, library)
        )
    with (
        suppress(OSError, ValueError),  # an empty file cannot be mapped
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
    ):
        found = {name for name, (_, word) in _BACKENDS.items() if content.find(word) >= 0}
        return frozenset(found - {"CUDA"} if "ROCm" in found else found)  # one source for both
    return frozenset()


def _has(folder: Path, library: str) -> bool:
    return any(folder.glob(f"libggml-{library}.so*"))
