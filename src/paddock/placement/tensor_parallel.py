"""`--split-mode tensor`: a part of every layer on every device, which work at the same time. Pure.

llama.cpp's fit has no say there (build 11434, `llama_params_fit is not implemented for SPLIT_MODE_TENSOR`):
neither the context nor the layers follow what is free, and margins are kept by nobody. The parts are equal
unless `--tensor-split` says otherwise, however much each device has (`llama_meta_device_get_split_state`).
"""

from paddock.config.profile import Profile
from paddock.llama.tensor_split import tensor_parts

# MiB that a process takes of each card beside what it takes alone: what NCCL keeps to add up results (measured:
# 1406 in place of some 600 on each of two H200).
EXCHANGE_MIB = 800
# Backends that have such a library; `GPU0` is one that no engine has named yet.
_EXCHANGES = ("CUDA", "ROCm", "GPU")


def is_tensor_parallel(profile: Profile) -> bool:
    """Whether the profile has its model split so."""
    flag = profile.flag("--split-mode")
    return flag is not None and flag.values == ("tensor",)


def parts(profile: Profile, devices: int) -> list[float]:
    """Which part of the model each of so many devices gets; they add up to 1."""
    flag = profile.flag("--tensor-split")
    return tensor_parts(flag.values[0] if flag and flag.values else "", devices)


def exchange_mib(device: str, devices: int) -> int:
    """MiB beside the overhead of a device of this engine name, where it is one of so many."""
    return EXCHANGE_MIB if devices > 1 and device.startswith(_EXCHANGES) else 0
