"""Names of one node's things in the stable of many: `model@node`, `node/CUDA0`, `node/ID`. Pure.

Models keep their names, as one model may have several homes; devices, instances, jobs and the like are
one node's alone, and carry its name before a slash.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

import msgspec

from paddock.api import (
    activity,
    bench,
    contexts,
    devices,
    events,
    placement,
    pulls,
    switches,
    types,
)

T = TypeVar("T")
Rename = Callable[[Any, str], Any]

STRIDE = 4096  # requests: number on its node times this, and the number of the node


def insisting(model: str, node: str) -> str:
    """The name by which a model is asked on one node alone."""
    return f"{model}@{node}"


def split(name: str, nodes: Collection[str]) -> tuple[str, str | None]:
    """A model's name and the node that it insists on; None where it insists on none of these."""
    model, at, node = name.rpartition("@")
    return (model, node) if at and model and node in nodes else (name, None)


def own(node: str, name: str) -> str:
    """The name of a device, an instance, a job of one node."""
    return f"{node}/{name}"


def owner(name: str, nodes: Collection[str]) -> tuple[str | None, str]:
    """Whose it is, and what it is called there; None where no node of these is named."""
    node, slash, rest = name.partition("/")
    return (node, rest) if slash and rest and node in nodes else (None, name)


def _one(value: Any, node: str) -> Any:
    return own(node, value) if value else value


def _keys(value: Mapping[str, Any], node: str) -> Mapping[str, Any]:
    return {own(node, key): item for key, item in value.items()}


def _all(value: list[str], node: str) -> list[str]:
    return [own(node, item) for item in value]


# What of each wire type is a name of its node's own, and how it is written; all else stays, or is gone into.
_OWN: dict[type, dict[str, Rename]] = {
    types.InstanceInfo: {"id": _one, "demand_mib": _keys},
    types.InstanceNow: {"id": _one},
    types.ProfileInfo: {"instance": _one},
    types.ProfileNow: {"instance": _one},
    types.DeviceInfo: {"name": _one, "booked_mib": _keys, "used_mib": _keys, "also": _all},
    types.SwitchResult: {"job": _one, "instance": _one},
    types.FaultInfo: {"part": _one},
    activity.RequestInfo: {"instance": _one},
    activity.Need: {"device": _one},
    placement.Buffer: {"device": _one},
    placement.Placement: {"free": _keys},
    placement.DevicePlan: {"device": _one},
    placement.Plan: {"replay_weights": _keys},
    placement.LoadEntry: {"instance": _one},
    devices.DevicePast: {"name": _one},
    switches.SwitchEntry: {"instance": _one},
    contexts.SavedContext: {"id": _one, "instance": _one},
    pulls.PullInfo: {"id": _one},
    bench.BenchMemory: {"device": _one},
    events.InstanceEnded: {"instance": _one},
    events.SwitchProgress: {"instance": _one},
    events.SwitchEnded: {"instance": _one},
    events.SpeedMeasured: {"instance": _one},
    events.VerdictReached: {"instance": _one},
}


def placed(value: T, node: str) -> T:
    """A copy of what one node says, with the names of its own things as the stable has them."""
    return _placed(value, node)  # type: ignore[no-any-return]


def _placed(value: Any, node: str) -> Any:
    if isinstance(value, msgspec.Struct):
        return _struct(value, node)
    if isinstance(value, list):
        return [_placed(item, node) for item in value] if _is_deep(value) else value
    if isinstance(value, dict):
        is_deep = _is_deep(value.values())
        return {k: _placed(item, node) for k, item in value.items()} if is_deep else value
    return value


def _struct(value: msgspec.Struct, node: str) -> msgspec.Struct:
    renames = _OWN.get(type(value), {})
    changes = {}
    for field in value.__struct_fields__:
        before = getattr(value, field)
        after = renames[field](before, node) if field in renames else _placed(before, node)
        if after is not before:
            changes[field] = after
    return msgspec.structs.replace(value, **changes) if changes else value


def _is_deep(values: Collection[Any]) -> bool:
    return any(isinstance(value, msgspec.Struct | list | dict) for value in values)
