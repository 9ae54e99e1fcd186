"""Devices as people read them: in the engines' order, with maker and model."""

from collections.abc import Iterable, Sequence

_IN_RAM = ("Host", "CPU")  # by plans and by logs
_MAKERS = {"nvidia": "NVIDIA", "amd": "AMD", "intel": "Intel"}


def in_order(devices: Iterable[str]) -> list[str]:
    """Devices as an engine counts them, `CUDA0` before `CUDA1`; what lies in RAM comes last."""
    named = list(devices)
    families = list(dict.fromkeys(map(_family, named)))
    return sorted(
        named, key=lambda name: (name in _IN_RAM, families.index(_family(name)), _number(name))
    )


def made_by(vendor: str, model: str) -> str:
    """Maker and model, the maker once: `NVIDIA Tesla V100` where a driver says `Tesla V100`."""
    maker = _MAKERS.get(vendor, vendor)
    return model if maker.lower() in model.lower() else f"{maker} {model}"


def detailed(description: str, also: Sequence[str], *, in_ram: bool) -> str:
    """What else is worth knowing of a device: `AMD Radeon 780M, shares RAM, also Vulkan0`."""
    parts = [description, "shares RAM" if in_ram else "", f"also {', '.join(also)}" if also else ""]
    return ", ".join(filter(None, parts))


def _family(device: str) -> str:
    return device.rstrip("0123456789")


def _number(device: str) -> int:
    return int(device[len(_family(device)) :] or 0)
