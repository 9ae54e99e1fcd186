"""What this machine can compile with, and so which parts of llama.cpp; reading and deciding apart."""

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from paddock.errors import EngineError

# What a server needs and no more; nothing is fetched while it is compiled. One program without
# libraries of its own: it cannot meet those of another build. With RPC, for devices elsewhere.
_ALWAYS = {
    "CMAKE_BUILD_TYPE": "Release",
    "BUILD_SHARED_LIBS": "OFF",
    "LLAMA_BUILD_TESTS": "OFF",
    "LLAMA_BUILD_EXAMPLES": "OFF",
    "LLAMA_USE_PREBUILT_UI": "OFF",
    "GGML_RPC": "ON",
}
_NO_NVCC = (
    "install the CUDA toolkit, or put the folder of nvcc on PATH; without --cuda-arch it is "
    "built without CUDA"
)


@dataclass(frozen=True, slots=True)
class Toolchain:
    """What was found."""

    ninja: str | None = None
    nvcc: str | None = None
    hipcc: str | None = None
    has_nvidia: bool = False  # a GPU of theirs, with its driver
    has_amd: bool = False


def look(environ: Mapping[str, str] = os.environ) -> Toolchain:
    """What is installed here."""
    cuda = [environ.get("CUDA_HOME", ""), environ.get("CUDA_PATH", ""), "/usr/local/cuda"]
    rocm = [environ.get("ROCM_PATH", ""), "/opt/rocm"]
    return Toolchain(
        ninja=_program("ninja", [], environ),
        nvcc=_program("nvcc", cuda, environ),
        hipcc=_program("hipcc", rocm, environ),
        has_nvidia=Path("/dev/nvidiactl").exists(),
        has_amd=Path("/dev/kfd").exists(),
    )


def options(found: Toolchain, cuda_arch: Sequence[str] = (), own: Sequence[str] = ()) -> list[str]:
    """The words for CMake; the user's own come last and win. EngineError for `cuda_arch` without nvcc."""
    chosen = dict(_ALWAYS)
    if cuda_arch and not found.nvcc:
        raise EngineError("--cuda-arch needs nvcc, which was not found", hint=_NO_NVCC)
    if found.nvcc and (found.has_nvidia or cuda_arch):
        chosen |= {"GGML_CUDA": "ON", "CMAKE_CUDA_COMPILER": found.nvcc}
    if cuda_arch:
        chosen["CMAKE_CUDA_ARCHITECTURES"] = ";".join(cuda_arch)
    if found.hipcc and found.has_amd:
        chosen["GGML_HIP"] = "ON"
    if found.ninja:
        chosen["CMAKE_MAKE_PROGRAM"] = found.ninja
    generator = ["-G", "Ninja"] if found.ninja else []
    return [*generator, *(f"-D{key}={value}" for key, value in chosen.items()), *own]


def left_out(found: Toolchain) -> list[str]:
    """What this machine could use but cannot compile for, a line each."""
    lines = []
    if found.has_nvidia and not found.nvcc:
        lines.append("there is an NVIDIA GPU but no nvcc: this build cannot use it")
    if found.has_amd and not found.hipcc:
        lines.append("there is an AMD GPU but no hipcc: this build cannot use it")
    return lines


def tool(name: str) -> str:
    """Where this program is. Raises EngineError where it is missing."""
    if found := _program(name, [], os.environ):
        return found
    raise EngineError(f"building needs {name}, which was not found", hint=_HOW_TO_GET.get(name, ""))


_HOW_TO_GET = {
    "cmake": "install the distribution's package cmake, or: pip install cmake ninja",
    "git": "install the distribution's package git",
    "tar": "install the distribution's package tar",
}


def _program(name: str, roots: Sequence[str], environ: Mapping[str, str]) -> str | None:
    """On PATH, below one of these roots, or where pip put it beside our own Python."""
    beside = str(Path(sys.executable).parent)
    folders = [environ.get("PATH", os.defpath), *(f"{root}/bin" for root in roots if root), beside]
    return shutil.which(name, path=os.pathsep.join(folders))
