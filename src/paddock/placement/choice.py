"""Variables that choose devices for an engine, and whether they name any that it sees. Pure.

What they name wrongly goes without a word (build 11434): CUDA and HIP stop at the first unknown entry, Vulkan uses none
of its devices, and llama.cpp loads on what another backend sees, else on the processor. `--device` with an unknown name is an
error of its own.
"""

from collections.abc import Callable, Collection, Mapping

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


def choices(
    base: Mapping[str, str], own: Mapping[str, str], *, has_gpus: bool, backends: Collection[str]
) -> dict[str, str]:
    """The variables that choose some devices, with their values: an engine's own, over those of Paddock's environment.

    The latter are often set for other programs: they count where there is a GPU to be chosen, and the engine has one of
    the `backends` that they are for.
    """
    inherited = {
        name: said
        for name, said in base.items()
        if has_gpus and any(family in backends for family in _FAMILIES.get(name, ()))
    }
    environ = {**inherited, **own}
    values = {name: environ.get(name, "").strip() for name in _FAMILIES}
    return {
        name: said for name, said in values.items() if said not in (*_NONE, NO_GPU.get(name, ""))
    }


def mismatch(
    profile: Profile,
    base: Mapping[str, str],
    own: Mapping[str, str],
    seen: Collection[str],
    *,
    has_gpus: bool,
    compiled: Callable[[], frozenset[str]],
) -> str:
    """What is chosen for an engine and not there, in words; empty where all is.

    `base`: Paddock's environment; `own`: the engine's; `seen`: its names of its devices; `compiled`: looks which backends
    it has, which takes a while and is needed only where something is chosen.
    """
    if not any(name in base or name in own for name in _FAMILIES):
        return ""
    backends = compiled() | {name.rstrip("0123456789") for name in seen}
    return unmatched(
        profile, choices(base, own, has_gpus=has_gpus, backends=backends), seen, backends
    )


def unmatched(
    profile: Profile, chosen: Mapping[str, str], seen: Collection[str], backends: Collection[str]
) -> str:
    """What is chosen and not there, in words; empty where all is.

    `seen`: the engine's names of its devices; `backends`: those that are known to be compiled into it.
    """
    if value(profile, "--device", "") == "none" or value(profile, "--n-gpu-layers", "") == "0":
        return ""
    if chosen and not any(not name.startswith("RPC") for name in seen):
        said = " ".join(f"{name}={said}" for name, said in chosen.items())
        match = plural(len(chosen), "matches", "match")
        return f"{said} {match} no device that the engine sees: it computes on the processor"
    if profile.flag("--device") or value(profile, "--split-mode", "layer") == "none":
        return ""
    others = (_of_others(name, chosen, seen, backends) for name in chosen)
    fewer = (_fewer(name, chosen, seen) for name in _COUNTED)
    return next(filter(None, (*others, *fewer)), "")


def _of_others(
    name: str, chosen: Mapping[str, str], seen: Collection[str], backends: Collection[str]
) -> str:
    """Where none of its backend's devices came of it, and another backend's are used in their place."""
    families = _FAMILIES[name]
    if any(device.startswith(families) for device in seen) or not {*families} & {*backends}:
        return ""
    used = ", ".join(sorted(device for device in seen if not device.startswith("RPC")))
    return f"{name}={chosen[name]} matches no device that the engine sees: it uses {used}"


def _fewer(name: str, chosen: Mapping[str, str], seen: Collection[str]) -> str:
    """Where a list is longer than what came of it."""
    entries = [entry for entry in chosen.get(name, "").split(",") if entry.strip()]
    wanted = entries.index("-1") if "-1" in entries else len(entries)
    found = [device for device in seen if device.startswith(_FAMILIES[name])]
    if not chosen.get(name) or not found or wanted <= len(found):
        return ""
    names = ", ".join(sorted(found))
    return f"{name}={chosen[name]} names {count(wanted, 'device')}, the engine sees {len(found)} ({names})"
