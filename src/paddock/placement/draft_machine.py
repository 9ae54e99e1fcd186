"""The machine that models.conf is drafted for: its GPUs in the engine's order, each with its margin. Pure.

`FIT_TARGET` counts devices as the engine does. CUDA puts the fastest first unless
`CUDA_DEVICE_ORDER=PCI_BUS_ID`, NVML goes by PCI slots; so a plan of the engine is asked for the order.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from paddock.api.placement import DevicePlan, Plan
from paddock.core.model import HOST, DeviceId
from paddock.figures.drivers import DRIVER_MIB
from paddock.placement.advice_machine import BUILD_ONE
from paddock.placement.advice_margins import BUSY_MARGIN, QUIET_MARGIN, most_margin
from paddock.placement.devices import Reading, Readings, candidates, gpus, held_by, with_ram
from paddock.placement.planning import Circumstances
from paddock.placement.words import gib, on_gpus

_WORTH_A_MARGIN = 256  # MiB in the hands of other programs
# They hold models of their own, and leave when Paddock takes their place.
_FORERUNNERS = frozenset({"llama-server", "ollama"})


@dataclass(frozen=True, slots=True)
class DraftCard:
    """One GPU. Without `use` it only computes."""

    reading: Reading  # under the engine's name for it
    model: str = ""  # `NVIDIA GeForce RTX 4090`; "" where only the engine knows it
    use: str = ""  # what else it does, in words
    has_mib: int | None = None  # as an engine sees it: with RAM, where it lies there

    @property
    def margin(self) -> int:
        """MiB to leave free: none that it cannot keep."""
        wanted, most = BUSY_MARGIN if self.use else QUIET_MARGIN, most_margin(self.has_mib)
        return wanted if most is None else min(wanted, most)

    def __str__(self) -> str:
        size = gib(self.has_mib) if self.has_mib else ""
        what = ", ".join(filter(None, (self.model, size)))
        return f"{self.reading.name}  {what or 'a GPU'}: {self.use or 'only computes'}"


@dataclass(frozen=True, slots=True)
class Machine:
    """The GPUs and RAM. `engine` gave the order of the cards; else `problem` says why none did."""

    cards: tuple[DraftCard, ...] = ()
    host: Reading = field(default_factory=lambda: Reading(HOST, "Host", None, None))
    engine: str = ""
    problem: str = ""
    fits: bool = True  # whether the engine knows `--fit`, and so margins
    idle: tuple[str, ...] = ()  # GPUs that the drivers know and the engine does not use

    @property
    def trouble(self) -> str:
        """Why models would not lie on the GPUs, with the command that mends it; "" where they would."""
        if self.problem:
            return f"no engine could be asked where models would lie: {self.problem}"
        if self.idle and not self.cards:
            names = ", ".join(self.idle)
            return f"the engine ({self.engine}) sees no GPU, although there is {names}: {BUILD_ONE}"
        return ""

    @property
    def circumstances(self) -> Circumstances:
        """As plans want it."""
        readings = {card.reading.id: card.reading for card in self.cards}
        return Circumstances(readings | {HOST: self.host}, overheads={}, ours={})

    @property
    def target(self) -> str:
        """The value of `FIT_TARGET`: one where all are alike, "" where there is no use for it."""
        margins = [card.margin for card in self.cards if self.fits]
        return ",".join(map(str, margins if len(set(margins)) > 1 else margins[:1]))


def machine_of(
    readings: Readings,
    *,
    models: Mapping[DeviceId, str],
    plan: Plan | None = None,
    problem: str = "",
    fits: bool = True,
) -> Machine:
    """`models`: what the cards are called; `plan`: of any model, made by the engine, else a `problem`."""
    near = [_relieved(reading) for reading in candidates(gpus(readings))]
    used = _as_planned(near, on_gpus(plan)) if plan else near
    names = {reading.id for reading in used}
    return Machine(
        cards=tuple(
            DraftCard(r, models.get(r.id, ""), _use(r), with_ram(r, readings).total_mib)
            for r in used
        ),
        host=readings.get(HOST, Reading(HOST, "Host", None, None)),
        engine=f"{plan.engine} {plan.engine_version}".strip() if plan else "",
        problem=problem,
        fits=fits,
        idle=tuple(models.get(r.id) or r.name for r in near if r.id not in names),
    )


def _relieved(reading: Reading) -> Reading:
    """As it will be when the programs that Paddock replaces have left."""
    leaving = [taker for taker in reading.takers if taker.name in _FORERUNNERS]
    if not leaving or reading.free_mib is None:
        return reading
    free = reading.free_mib + sum(taker.mib or 0 for taker in leaving)
    staying = tuple(taker for taker in reading.takers if taker not in leaving)
    return replace(reading, free_mib=free, takers=staying)


def _as_planned(readings: Iterable[Reading], devices: Iterable[DevicePlan]) -> list[Reading]:
    """In the plan's order, under the engine's names; what only the engine knows is as it says."""
    known = {reading.id: reading for reading in readings}
    return [_as_seen(device, known.get(DeviceId(device.id))) for device in devices]


def _as_seen(device: DevicePlan, reading: Reading | None) -> Reading:
    """One device: by its driver, else by its engine."""
    if reading and device.in_ram:
        return replace(reading, name=device.device, is_in_ram=True, reach_mib=device.size)
    if reading:
        return replace(reading, name=device.device)
    id_ = DeviceId(device.id)
    if device.in_ram:
        return Reading(id_, device.device, None, None, is_in_ram=True, reach_mib=device.size)
    return Reading(id_, device.device, device.size, device.available)


def _use(reading: Reading) -> str:
    """Why a card needs more than the margin for computing; unknown use counts as use."""
    if reading.drives_display:
        return "drives a display"
    mib = _foreign_mib(reading)
    if mib > _WORTH_A_MARGIN:
        by = f" ({held_by(reading.takers)})" if reading.takers else ""
        return f"{gib(mib)} of it is taken by other programs{by}"
    return "it is unknown whether it drives a display" if reading.drives_display is None else ""


def _foreign_mib(reading: Reading) -> int:
    """By the programs' own figures; in a container the driver may give none."""
    known = [taker.mib for taker in reading.takers if taker.mib is not None]
    return sum(known) if known else max(0, (reading.foreign_mib or 0) - DRIVER_MIB)
