"""What this machine can compile with, and so which parts of llama.cpp; reading and deciding apart."""

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from paddock.engine import vulkan_kit
from paddock.engine.vulkan_kit import VulkanKit
from paddock.errors import EngineError
from paddock.host import kernel
from paddock.host.kernel import SYS

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
    has_others: bool = False  # a GPU that only Vulkan can use here, such as one of Intel's
    vulkan: VulkanKit = field(default_factory=VulkanKit)

    @property
    def left_to_vulkan(self) -> list[str]:
        """The GPUs that no other backend is compiled for, by maker."""
        makers = {
            "NVIDIA": self.has_nvidia and not self.nvcc,
            "AMD": self.has_amd and not self.hipcc,
            "another maker": self.has_others,
        }
        return [maker for maker, is_left in makers.items() if is_left]


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
        has_others=_has_others(),
        vulkan=vulkan_kit.look(
            environ, _program("glslc", [environ.get("VULKAN_SDK", "")], environ)
        ),
    )


def _has_others(sys: Path = SYS) -> bool:
    """Whether there is a card that neither CUDA nor ROCm computes with, and that has a render node."""
    own = {"0x10de", "0x1002"}
    nodes = (sys / "class" / "drm").glob("renderD*/device/vendor")
    return any((kernel.text(vendor) or "") not in own for vendor in nodes)


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
    if found.left_to_vulkan and found.vulkan.is_complete:
        chosen["GGML_VULKAN"] = "ON"
    if found.ninja:
        chosen["CMAKE_MAKE_PROGRAM"] = found.ninja
    generator = ["-G", "Ninja"] if found.ninja else []
    return [*generator, *(f"-D{key}={value}" for key, value in chosen.items()), *own]


def left_out(found: Toolchain) -> list[str]:
    """What this machine could use but cannot compile for, a line each."""
    if found.vulkan.is_complete or not found.left_to_vulkan:
        return []
    lines = []
    if found.has_nvidia and not found.nvcc:
        lines.append("there is a GPU of NVIDIA but no nvcc (the CUDA toolkit)")
    if found.has_amd and not found.hipcc:
        lines.append("there is a GPU of AMD but no hipcc (ROCm)")
    vulkan = found.vulkan
    return [
        *lines,
        f"Vulkan, which would use a GPU of {' or '.join(found.left_to_vulkan)}, is left out: {vulkan.missing}",
        f"    {vulkan.remedy}",
    ]


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
