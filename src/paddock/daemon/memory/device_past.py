"""Readings of all devices over the last hour, in rings of a fixed size.

A ring takes 4 bytes for each reading; of each device a few numbers and at most `_NAMES` names of models and as many
of programs are kept, those beyond that summed: at most 110 kB a device, 12 kB for one with a model and two programs.
"""

from array import array
from collections.abc import Mapping, Sequence
from math import isnan, nan

from paddock.api.devices import DevicePast, DevicesPast
from paddock.api.types import DeviceInfo

EVERY = 10.0  # seconds
LENGTH = 360  # readings: an hour
_NAMES = 32
_WORTH_NAMING = 64  # MiB of a program; less is what an idle driver takes
_OTHERS = ""

_NUMBERS = ("free", "margin", "utilization", "temperature", "power")
_Key = tuple[str, str]  # kind and name: ("models", "glm"), ("free", "")


class _Rings:
    """The numbers of one device, each by its key, one value for each reading."""

    def __init__(self) -> None:
        self.values: dict[_Key, array[float]] = {}
        self._last: dict[_Key, int] = {}  # the newest reading that had it

    def note(self, number: int, found: Mapping[_Key, float]) -> None:
        """The values of the reading with this number; each of the others is unknown."""
        for key in found:
            if key not in self.values:
                self.values[key] = array("f", [nan]) * LENGTH
        for key, ring in list(self.values.items()):
            ring[number % LENGTH] = found.get(key, nan)
            if key in found:
                self._last[key] = number
            elif number - self._last[key] >= LENGTH:
                del self.values[key], self._last[key]

    def named(self, kind: str) -> list[str]:
        return [name for known, name in self.values if known == kind]


class DevicesRing:
    """The last hour of all devices; what is older is overwritten."""

    def __init__(self) -> None:
        self._at = array("d", [nan]) * LENGTH
        self._noted = 0
        self._rings: dict[str, _Rings] = {}  # by identity
        self._infos: dict[str, DeviceInfo] = {}

    def note(
        self,
        at: float,
        devices: Sequence[DeviceInfo],
        profiles: Mapping[str, str],
        margins: Mapping[str, int],
    ) -> None:
        """Readings of this moment, in Unix time.

        `profiles`: whose an instance is. `margins`: MiB that must stay free of a device, by its name. Of an instance that
        is unknown here, its id says it.
        """
        self._at[self._noted % LENGTH] = at
        self._infos = {device.id or device.name: device for device in devices}
        self._rings = {id_: self._rings.get(id_, _Rings()) for id_ in self._infos}
        for id_, device in self._infos.items():
            rings = self._rings[id_]
            found = _numbers(device, margins)
            found |= _bounded(rings.named("models"), "models", _models(device, profiles))
            found |= _bounded(rings.named("foreign"), "foreign", _foreign(device))
            rings.note(self._noted, found)
        self._noted += 1

    def read(self, since: float = 0.0) -> DevicesPast:
        """All readings that are newer than this moment of Unix time."""
        first = max(0, self._noted - LENGTH)
        places = [n % LENGTH for n in range(first, self._noted) if self._at[n % LENGTH] > since]
        devices = [
            _past(info, self._rings[id_].values, places) for id_, info in self._infos.items()
        ]
        return DevicesPast(every=EVERY, at=[self._at[place] for place in places], devices=devices)


def _numbers(device: DeviceInfo, margins: Mapping[str, int]) -> dict[_Key, float]:
    margin = max((margins.get(name, 0) for name in (device.name, *device.also)), default=0)
    values = (
        device.free_mib,
        margin or None,
        device.utilization,
        device.temperature_c,
        device.power_w,
    )
    pairs = zip(_NUMBERS, values, strict=True)
    return {(name, ""): value for name, value in pairs if value is not None}


def _models(device: DeviceInfo, profiles: Mapping[str, str]) -> dict[str, float]:
    """MiB of each profile: measured, else booked."""
    found: dict[str, float] = {}
    for instance, mib in (device.used_mib or device.booked_mib).items():
        profile = profiles.get(instance) or instance.rpartition(".")[0] or instance
        if mib > 0:
            found[profile] = found.get(profile, 0.0) + mib
    return found


def _foreign(device: DeviceInfo) -> dict[str, float]:
    """MiB of each program worth naming, and of all the others together."""
    found: dict[str, float] = {}
    for use in device.foreign:
        if use.name and (use.mib or 0) >= _WORTH_NAMING:
            found[use.name] = found.get(use.name, 0.0) + (use.mib or 0)
    if device.total_mib is not None and device.free_mib is not None:
        ours = sum((device.used_mib or device.booked_mib).values())
        rest = device.total_mib - device.free_mib - ours - sum(found.values())
        if rest > 0:
            found[_OTHERS] = rest
    return found


def _bounded(known: Sequence[str], kind: str, found: Mapping[str, float]) -> dict[_Key, float]:
    """With those whose names are too many summed as others."""
    names, kept = {*known, _OTHERS}, dict[_Key, float]()
    for own_name, mib in found.items():
        name = own_name if own_name in names or len(names) <= _NAMES else _OTHERS
        names.add(name)
        kept[kind, name] = kept.get((kind, name), 0.0) + mib
    return kept


def _past(
    info: DeviceInfo, rings: "Mapping[_Key, array[float]]", places: Sequence[int]
) -> DevicePast:
    def read(kind: str, name: str = "") -> list[float | None]:
        ring = rings.get((kind, name))
        return [] if ring is None else [_known(ring[place]) for place in places]

    def whole(kind: str, name: str = "") -> list[int | None]:
        return [None if value is None else round(value) for value in read(kind, name)]

    def each(kind: str) -> dict[str, list[int | None]]:
        return {name: whole(kind, name) for known, name in rings if known == kind}

    return DevicePast(
        name=info.name,
        kind=info.kind,
        description=info.description,
        total_mib=info.total_mib,
        free_mib=whole("free"),
        margin_mib=whole("margin"),
        models_mib=each("models"),
        foreign_mib=each("foreign"),
        utilization=read("utilization"),
        temperature_c=whole("temperature"),
        power_w=read("power"),
    )


def _known(value: float) -> float | None:
    return None if isnan(value) else round(value, 3)
