"""Which profiles can be resident together, by their plans. Pure."""

from collections.abc import Sequence
from itertools import combinations

from paddock.api.placement import DevicePlan, Pair, Plan
from paddock.placement.words import gib


def pairs(plans: Sequence[Plan]) -> list[Pair]:
    """Every two of them: both plans together, and the larger of their margins, on each device."""
    return [_pair(one, other) for one, other in combinations(plans, 2)]


def _pair(one: Plan, other: Plan) -> Pair:
    reasons = [
        reason
        for device in one.devices
        if (twin := _by_id(other, device.id)) and (reason := _clash(device, twin))
    ]
    return Pair(
        one=one.profile,
        other=other.profile,
        fits=not reasons,
        why="; ".join(dict.fromkeys(reasons)),
    )


def _by_id(plan: Plan, id_: str) -> DevicePlan | None:
    return next((device for device in plan.devices if device.id == id_), None)


def _clash(one: DevicePlan, other: DevicePlan) -> str:
    """The sum that does not work out on a device that both use; empty where it does."""
    if not one.total or not other.total or one.available is None:
        return ""
    if one.id.startswith("RPC"):
        return "they share an RPC server, which answers one client at a time"
    margin = max(one.margin, other.margin)
    if one.total + other.total + margin <= one.available:
        return ""
    spare = f", {gib(margin)} to spare" if margin else ""
    return f"{one.device}: {gib(one.total)} and {gib(other.total)}{spare}, of {gib(one.available)}"
