"""What compiling llama.cpp with Vulkan takes, whether it is here, and which packages have it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# Build 11434 names VK_EXT_layer_settings, which Vulkan's headers have from this version on.
NEEDED = (1, 3, 272)
_NUMBER = re.compile(r"#define VK_HEADER_VERSION (\d+)")
_COMPLETE = re.compile(r"#define VK_HEADER_VERSION_COMPLETE VK_MAKE_API_VERSION\(0, (\d+), (\d+),")
_SPIRV = "SPIRV-Headers/SPIRV-HeadersConfig.cmake"
_PACKAGES = {
    "debian": "apt install libvulkan-dev glslc spirv-headers",
    "fedora": "dnf install vulkan-loader-devel vulkan-headers glslc spirv-headers-devel",
    "arch": "pacman -S vulkan-headers vulkan-icd-loader shaderc spirv-headers",
}


@dataclass(frozen=True, slots=True)
class VulkanKit:
    """What was found of it."""

    glslc: str | None = None
    headers: tuple[int, ...] = ()  # their version; () where there are none
    has_loader: bool = False  # libvulkan.so to link with
    has_spirv: bool = False  # SPIR-V's headers, with their CMake package
    distribution: str = ""  # a key of `_PACKAGES`, "" for any other

    @property
    def is_complete(self) -> bool:
        return not self.missing

    @property
    def missing(self) -> str:
        """What is missing, in words; "" where nothing is."""
        lacks = {
            "Vulkan's headers": bool(self.headers),
            "libvulkan.so": self.has_loader,
            "glslc": bool(self.glslc),
            "SPIR-V's headers": self.has_spirv,
        }
        if absent := [name for name, is_here in lacks.items() if not is_here]:
            return f"no {', '.join(absent)}"
        if self.headers < NEEDED:
            return f"Vulkan's headers are {_dotted(self.headers)}, and llama.cpp needs {_dotted(NEEDED)}"
        return ""

    @property
    def remedy(self) -> str:
        """The command that gets what is missing."""
        if self.headers and self.headers < NEEDED:
            return (
                "newer ones are in Vulkan's SDK (vulkan.lunarg.com); name its folder as VULKAN_SDK"
            )
        known = _PACKAGES.get(self.distribution)
        return known or "; ".join(f"{name}: {words}" for name, words in _PACKAGES.items())


def look(environ: Mapping[str, str], glslc: str | None, *, root: Path = Path("/")) -> VulkanKit:
    """What is installed here; `VULKAN_SDK` before the system's own, as CMake looks."""
    sdk = [Path(environ["VULKAN_SDK"])] if environ.get("VULKAN_SDK") else []
    prefixes = [*sdk, root / "usr/local", root / "usr"]
    libraries = [p / lib for p in prefixes for lib in ("lib", "lib64", *_multiarch(p))]
    return VulkanKit(
        glslc=glslc,
        headers=next((v for p in prefixes if (v := _version(p / "include"))), ()),
        has_loader=any((folder / "libvulkan.so").exists() for folder in libraries),
        has_spirv=any((p / d / _SPIRV).is_file() for p in prefixes for d in _CMAKE),
        distribution=_distribution(root / "etc/os-release"),
    )


_CMAKE = ("share/cmake", "lib/cmake", "lib64/cmake")


def _multiarch(prefix: Path) -> list[str]:
    """Debian's folders of libraries, `lib/x86_64-linux-gnu`."""
    return [f"lib/{path.name}" for path in (prefix / "lib").glob("*-linux-gnu*")]


def _version(include: Path) -> tuple[int, ...]:
    """Of the headers for C++ in this folder."""
    try:
        text = (include / "vulkan/vulkan_core.h").read_text(errors="replace")
    except OSError:
        return ()
    complete, number = _COMPLETE.search(text), _NUMBER.search(text)
    if not complete or not number or not (include / "vulkan/vulkan.hpp").is_file():
        return ()
    return int(complete[1]), int(complete[2]), int(number[1])


def _distribution(release: Path) -> str:
    """By `ID` and `ID_LIKE` of os-release(5)."""
    try:
        lines = release.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    facts = dict(line.split("=", 1) for line in lines if "=" in line)
    words = f"{facts.get('ID', '')} {facts.get('ID_LIKE', '')}".replace('"', "").split()
    near = {"ubuntu": "debian", "rhel": "fedora"}
    return next((near.get(w, w) for w in words if near.get(w, w) in _PACKAGES), "")


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
