"""`paddock status`: what runs, where it lies, and what waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from paddock.api.address import DEFAULT_URL
from paddock.cli.options import Json, Key, Url, connect
from paddock.cli.output.placement import placed
from paddock.cli.output.terminal import (
    clock,
    harmless,
    paint,
    print_json,
    print_table,
    state,
    verdict,
)
from paddock.cli.output.yielded import lines_of
from paddock.figures.device_names import detailed
from paddock.figures.drivers import is_drivers_own
from paddock.figures.units import count, mib, seconds, speed

if TYPE_CHECKING:
    from paddock.api.contexts import KeptContext
    from paddock.api.nodes import NodeInfo
    from paddock.api.types import DeviceInfo, InstanceInfo, Status

EXAMPLE = "Example: paddock status --json | jq '.instances[].phase'"


Watch = Annotated[bool, typer.Option("--watch", "-w", help="Go on, with a line for each change.")]


def status(
    url: Url = DEFAULT_URL, key: Key = None, watch: Watch = False, as_json: Json = False
) -> None:
    """Show what runs, where it lies, and what waits."""
    if watch:
        from paddock.cli.output.watching import watch as go_on

        go_on(connect(url, key))
        return
    found = connect(url, key).status()
    if as_json:
        print_json(found)
        return
    _daemon(found, url)
    _nodes(found.nodes)
    _instances(found.instances)
    _devices(found.devices)
    _queue(found.queue)


def _daemon(found: Status, url: str) -> None:
    engine = f", {found.engine} {found.engine_version}".rstrip() if found.engine else ""
    print(
        f"paddock {found.version} at {url}, pid {found.pid}, since {clock(found.started_at)}{engine}"
    )
    print(f"{found.config.path}, read {clock(found.config.loaded_at)}")
    if error := found.config.error:
        print(paint(f"the file as it is now cannot be used: {error.message}", "red"))
        for line in error.log:
            print(paint(f"    {line}", "red"))
    for warning in found.config.warnings:
        print(paint(f"warning: {warning}", "yellow"))
    if found.yielded:
        print(paint("\n".join(lines_of(found.yielded)), "yellow"))
    for pull in found.pulls:
        print(harmless(f"download {pull.id}, {pull.model}: {pull.in_words()}"))
    for fault in found.faults:
        times = f" {fault.count} times, last" if fault.count > 1 else ""
        line = f"unexpected error in {fault.part}{times} at {clock(fault.last)}: {fault.message}"
        print(paint(f"{line} (`paddock logs daemon` has more)", "red"))


def _nodes(nodes: list[NodeInfo]) -> None:
    """Of a stable of many machines: those that are up in one line, the others with the reason."""
    if up := [node.name for node in nodes if node.state == "up"]:
        print(f"{count(len(nodes), 'node')}, up: {', '.join(up)}")
    for node in nodes:
        if node.state != "up":
            print(paint(harmless(node.in_words()), "yellow"))


def _instances(instances: list[InstanceInfo]) -> None:
    if not instances:
        print("\nnothing is loaded; `paddock list` shows what there is")
        return
    print()
    headers = [
        "MODEL", "STATE", "VERDICT", "PLACEMENT", "SPEED", "REQUESTS", "LOADED IN", "NOTES"
    ]  # fmt: skip
    print_table(headers, [_instance_row(instance) for instance in instances])


def _instance_row(instance: InstanceInfo) -> list[str]:
    measured = instance.speed.generation if instance.speed else None
    return [
        instance.profile,
        state(_phase(instance)),
        verdict(instance.verdict),
        placed(instance.placement),
        speed(measured),
        str(instance.leases or ""),
        seconds(instance.load_seconds),
        ", ".join(_notes(instance)),
    ]


def _phase(instance: InstanceInfo) -> str:
    from paddock.cli.output.progress import described

    under_way = instance.phase in ("starting", "fitting", "loading", "warming")
    return described(instance.progress) if instance.progress and under_way else instance.phase


def _notes(instance: InstanceInfo) -> list[str]:
    notes = [f"also as its variants {', '.join(instance.variants)}"] if instance.variants else []
    notes += ["models.conf has changed since it was started"] if instance.stale else []
    notes += ["adopted"] if instance.adopted else []
    if instance.placement and instance.placement.replayed:
        notes.append("replayed fit")
    if instance.placement and instance.placement.load_mode not in ("", "mmap"):  # the usual one
        why = instance.placement.load_mode_why
        notes.append(f"load mode {instance.placement.load_mode}{f', chosen: {why}' if why else ''}")
    if instance.restored_tokens:
        notes.append(f"resumed with {instance.restored_tokens:,} tokens of context")
    notes += _kept(instance.context) if instance.context else []
    notes += [instance.failure.message] if instance.failure else []
    if instance.verdict:
        return notes + [reason.message for reason in instance.verdict.reasons]
    return notes + (instance.placement.warnings if instance.placement else [])


def _kept(context: KeptContext) -> list[str]:
    notes = [f"{context.reused_tokens:,} of them reused"] if context.reused_tokens else []
    if context.kept_tokens:
        where = {"ram": "in RAM", "disk": "on the disk", "": ""}[context.place]
        notes.append(f"keeps {context.kept_tokens:,} tokens {where} ({mib(context.kept_mib)})")
    return notes + ([context.note] if context.note else [])


def _devices(devices: list[DeviceInfo]) -> None:
    if devices:
        print()
        headers = ["DEVICE", "FREE", "OF", "BOOKED", "OTHERS", "NOW", ""]
        print_table(headers, [_device_row(d) for d in devices])


def _device_row(device: DeviceInfo) -> list[str]:
    booked = ", ".join(f"{name} {mib(held)}" for name, held in device.booked_mib.items())
    free, total = mib(device.free_mib) or "unknown", mib(device.total_mib) or "unknown"
    what = detailed(device.description, device.also, in_ram=device.in_ram)
    return [device.name, free, total, booked, _others(device), _now(device), what]


def _others(device: DeviceInfo) -> str:
    """What other programs hold, and which; on a card that only engines read nobody knows it."""
    if (
        device.kind == "gpu"
        and device.foreign_mib is None
        and device.total_mib
        and not device.in_ram
    ):
        return "not known"
    if device.kind == "host" or not device.foreign_mib:
        return ""
    names = list(dict.fromkeys(use.name for use in device.foreign if use.name))
    if is_drivers_own(device.foreign_mib, names):
        names = ["the driver"]
    return f"{mib(device.foreign_mib)} ({', '.join(names)})" if names else mib(device.foreign_mib)


def _now(device: DeviceInfo) -> str:
    """How hard it works."""
    parts = []
    if device.utilization is not None:
        parts.append(f"{'CPU ' if device.kind == 'host' else ''}{device.utilization:.0%}")
    if device.load is not None:
        parts.append(f"load {device.load:.1f}")
    if device.temperature_c is not None:
        parts.append(f"{device.temperature_c} °C")
    if device.power_w is not None:
        parts.append(f"{device.power_w:.0f} W")
    parts += [paint(f"{why} limit", "yellow") for why in device.throttled]
    if device.swap_used_mib:
        parts.append(f"swap {mib(device.swap_used_mib)}")
    return ", ".join(parts)


def _queue(queue: dict[str, int]) -> None:
    if any(queue.values()):
        waiting = ", ".join(f"{name} {count}" for name, count in queue.items() if count)
        print(f"\nwaiting requests: {waiting}")
