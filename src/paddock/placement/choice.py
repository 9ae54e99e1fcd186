"""Variables that choose devices for an engine, and whether they name any that it sees. Pure.

What they name wrongly goes without a word (build 11434): CUDA and HIP stop at the first unknown entry, Vulkan uses none
of its devices, and llama.cpp loads on the processor. `--device` with an unknown name is an error of its own.
"""

from collections.abc import Collection, Mapping

from paddock.config.profile import Profile
from paddock.engine.environment import NO_GPU
from paddock.figures.units import count, plural
from paddock.placement.sizes import value

# By variable: the devices of which backends it chooses.
_FAMILIES = {
    "CUDA_VISIBLE_DEVICES": ("CUDA", "ROCm"),
    "HIP_VISIBLE_DEVICES": ("ROCm",),
    "ROCR_VISIBLE_DEVICES": ("ROCm",),
    "GPU_DEVICE_ORDINAL": ("ROCm",),
    "GGML_VK_VISIBLE_DEVICES": ("Vulkan",),
    "ONEAPI_DEVICE_SELECTOR": ("SYCL",),
    "ZE_AFFINITY_MASK": ("SYCL",),
}
_COUNTED = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")  # each entry is one device
_NONE = ("", "-1", "none", "None", "NoDevFiles")  # chosen on purpose


def choices(base: Mapping[str, str], own: Mapping[str, str], *, has_gpus: bool) -> dict[str, str]:
    """The variables that choose some devices, with their values: an engine's own, over those of Paddock's environment.

    The latter count where there is a GPU to be chosen: they are often set for other programs.
    """
    environ = {**base, **own} if has_gpus else own
    values = {name: environ.get(name, "").strip() for name in _FAMILIES}
    return {
        name: said for name, said in values.items() if said not in (*_NONE, NO_GPU.get(name, ""))
    }


def unmatched(profile: Profile, chosen: Mapping[str, str], seen: Collection[str]) -> str:
    """What is chosen and not there, in words; empty where all is. `seen`: the engine's names of its devices."""
    if value(profile, "--device", "") == "none" or value(profile, "--n-gpu-layers", "") == "0":
        return ""
    if chosen and not any(not name.startswith("RPC") for name in seen):
        said = " ".join(f"{name}={said}" for name, said in chosen.items())
        match = plural(len(chosen), "matches", "match")
        return f"{said} {match} no device that the engine sees: it computes on the processor"
    if profile.flag("--device") or value(profile, "--split-mode", "layer") == "none":
        return ""
    return next(filter(None, (_fewer(name, chosen, seen) for name in _COUNTED)), "")


def _fewer(name: str, chosen: Mapping[str, str], seen: Collection[str]) -> str:
    """Where a list is longer than what came of it."""
    entries = chosen.get(name, "").split(",")
    wanted = entries.index("-1") if "-1" in entries else len(entries)
    found = [device for device in seen if device.startswith(_FAMILIES[name])]
    if not chosen.get(name) or not found or wanted <= len(found):
        return ""
    names = ", ".join(sorted(found))
    return f"{name}={chosen[name]} names {count(wanted, 'device')}, the engine sees {len(found)} ({names})"
