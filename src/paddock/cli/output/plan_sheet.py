"""The plan of one profile, device by device, for people."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from paddock.cli.output.terminal import paint, print_table
from paddock.figures.units import count, mib, seconds

if TYPE_CHECKING:
    from paddock.api.placement import DevicePlan, Plan


def print_plan(found: Plan) -> None:
    """The plan of one profile: a row for each device, then context, layers and what is doubtful."""
    print(f"{paint(found.profile, 'bold')}, {_maker(found)}")
    headers = [
        "DEVICE", "LAYERS", "WEIGHTS", "CONTEXT", "COMPUTE", "DRIVER", "ALL", "OF", "LEFT", "MARGIN"
    ]  # fmt: skip
    print_table(headers, [_device_row(device) for device in found.devices])
    print(_summary(found))
    for note in found.notes:
        print(f"  {note}")
    if found.replay:
        print(f"  loads get it as flags: {shlex.join(found.replay)}")
    if found.refusal:
        print(paint(f"cannot be loaded: {found.refusal}", "red"))
    for warning in found.warnings:
        print(paint(f"warning: {warning}", "yellow"))


def _maker(found: Plan) -> str:
    engine = f"{found.engine} {found.engine_version}".strip()
    if found.source == "estimate":
        return f"{paint('estimated', 'yellow')} from the file's header ({engine or 'no engine'})"
    return f"planned by {engine} in {seconds(found.seconds)}"


def _device_row(device: DevicePlan) -> list[str]:
    layers = str(device.layers or "")
    if device.overflowing:
        layers += f" ({device.overflowing} partly)"
    left = mib(device.left)
    if device.left is not None and device.left < 0:
        left = paint(f"-{mib(-device.left)}", "red")
    return [
        device.device,
        layers,
        mib(device.model),
        mib(device.context),
        mib(device.compute),
        mib(device.overhead) if device.overhead else "",
        mib(device.total),
        mib(device.available),
        left,
        mib(device.margin) if device.margin else "",
    ]


def _summary(found: Plan) -> str:
    parts = []
    if found.n_ctx:
        wanted = found.n_ctx_wanted or found.n_ctx
        asked = f" of {wanted}" if wanted > found.n_ctx else ""
        parts.append(f"context {found.n_ctx}{asked} tokens")
    if found.layers:
        partly = f", {mib(found.refused_mib)} of their weights in RAM" if found.refused_mib else ""
        parts.append(f"{found.layers_on_devices} of {found.layers} layers on devices{partly}")
    if found.graph_splits:
        parts.append(count(found.graph_splits, "graph split"))
    return ", ".join(parts)
