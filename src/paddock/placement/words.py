"""A plan in words: what fit had to do, who takes the memory, what its owner should know. Pure."""

from collections.abc import Sequence

from paddock.api.placement import DevicePlan, Plan
from paddock.core.model import HOST, DeviceId
from paddock.figures.units import count, plural
from paddock.placement.devices import Readings, held_by
from paddock.placement.plan_sums import HOST_ALONE, sums

_WORTH_TELLING = 256  # MiB of foreign use; less is what an idle driver takes


def explain(plan: Plan, readings: Readings, *, complaint: str = "") -> None:
    """Fill in the plan's steps, notes and warnings."""
    plan.steps = _steps(plan)
    plan.notes = _notes(plan, readings)
    plan.warnings = _warnings(plan, complaint)


def gib(mib: float) -> str:
    """MiB for people: `2.9 GiB`, below one GiB `512 MiB`."""
    return f"{mib / 1024:.1f} GiB" if abs(mib) >= 1024 else f"{mib:.0f} MiB"


def on_gpus(plan: Plan) -> list[DevicePlan]:
    return [device for device in plan.devices if device.id != HOST]


def on_host(plan: Plan) -> DevicePlan | None:
    return next((device for device in plan.devices if device.id == HOST), None)


def layers_in_ram(plan: Plan) -> int:
    """Layers that the CPU computes though there are devices."""
    if not on_gpus(plan) or plan.layers is None or plan.layers_on_devices is None:
        return 0
    return plan.layers - plan.layers_on_devices


def spills(plan: Plan) -> bool:
    """Whether layers or experts lie in RAM though there are devices."""
    return layers_in_ram(plan) > 0 or plan.experts_in_ram > 0


def margin_names(devices: Sequence[DevicePlan]) -> str:
    """Devices that cannot keep their margin: `Vulkan0 is to keep 1.0 GiB free and has 512 MiB`."""
    return ", ".join(
        f"{d.device} is to keep {gib(d.margin)} free and has {gib(d.available or 0)}"
        for d in devices
    )


def _steps(plan: Plan) -> list[str]:
    steps = []
    if plan.n_ctx and plan.n_ctx_wanted and plan.n_ctx < plan.n_ctx_wanted:
        steps.append(f"context cut from {plan.n_ctx_wanted} to {plan.n_ctx} tokens")
    if plan.experts_in_ram:
        steps.append(f"{count(plan.experts_in_ram, 'expert layer')} to RAM")
    if number := layers_in_ram(plan):
        steps.append(f"{number} of {plan.layers} layers to RAM")
    return steps


def _notes(plan: Plan, readings: Readings) -> list[str]:
    notes = []
    for device in on_gpus(plan):
        reading = readings.get(DeviceId(device.id))
        foreign = reading.foreign_mib if reading else None
        if reading and reading.takers and foreign and foreign >= _WORTH_TELLING:
            names = held_by(reading.takers)
            notes.append(f"{device.device} has {gib(foreign)} taken by other programs ({names})")
    for memory in sums(plan):
        if memory.is_ram and memory.name != HOST_ALONE and (memory.left or 0) >= 0:
            taken, available = gib(sum(memory.needed)), gib(memory.available or 0)
            notes.append(
                f"{memory.name} is one memory: all of it together takes {taken} of {available}"
            )
    if over := [device for device in on_gpus(plan) if device.is_all_margin]:
        notes.append(f"{margin_names(over)}: nothing lies there")
    if plan.experts_in_ram:
        notes.append(
            f"{count(plan.experts_in_ram, 'expert layer')} {plural(plan.experts_in_ram, 'goes', 'go')} to RAM"
        )
    if number := layers_in_ram(plan):
        notes.append(f"{count(number, 'whole layer')} {plural(number, 'goes', 'go')} to RAM")
    return notes


def _warnings(plan: Plan, complaint: str) -> list[str]:
    warnings = []
    if complaint:
        warnings.append(f"llama.cpp gives up fitting it: {complaint.rpartition(': ')[2]}")
    for memory in sums(plan):
        if memory.left is not None and memory.left < 0:
            swaps = "; the machine would swap" if memory.is_ram else ""
            have = gib(memory.available or 0)
            warnings.append(f"{memory.name}: needs {gib(sum(memory.needed))} of {have}{swaps}")
    return warnings
