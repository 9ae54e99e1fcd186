"""Takes GPU memory by plain cudaMalloc until standard input ends: the program that is none of ours.

python bench/gpu/hog.py DEVICE MIB      prints `held` once it has it
"""

import ctypes
import sys


def main(device: int, mib: int) -> None:
    cuda = _runtime()
    pointer = ctypes.c_void_p()
    for code in (
        cuda.cudaSetDevice(device),
        cuda.cudaMalloc(ctypes.byref(pointer), ctypes.c_size_t(mib << 20)),
    ):
        if code:
            raise SystemExit(f"CUDA error {code}")
    print("held", flush=True)
    sys.stdin.read()


def _runtime() -> ctypes.CDLL:
    """The CUDA runtime, wherever this machine has it."""
    for name in ("libcudart.so", "libcudart.so.13", "libcudart.so.12"):
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    raise SystemExit("no libcudart: put its folder on LD_LIBRARY_PATH")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
