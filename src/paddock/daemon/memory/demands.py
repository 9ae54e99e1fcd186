"""From a profile and its plan to what the scheduler knows of it. Pure."""

from paddock.api.placement import DevicePlan, Plan
from paddock.config.describe import size_mib
from paddock.config.profile import Profile
from paddock.core.model import HOST, Demand, DeviceId, ProfileId, Spec
from paddock.placement.devices import fits_itself

_ASSUMED_SPEED = 1500.0  # MiB/s: what a cold load brought in on a fast disk, until one was measured


def spec_of(profile: Profile, plan: Plan, *, measured_cost: float | None) -> Spec:
    """`measured_cost`: seconds of its last load."""
    stiff = _stiff(profile, plan)
    cost = size_mib(profile) / _ASSUMED_SPEED if measured_cost is None else measured_cost
    return Spec(
        id=ProfileId(profile.id),
        demand=_demand(plan, stiff),
        margin={} if stiff - {HOST} else _margin(plan),
        stiff=stiff,
        fingerprint=profile.fingerprint,
        pin=profile.pin,
        priority=profile.priority,
        ttl=profile.ttl,
        concurrency=profile.concurrency,
        cost=cost,
    )


def _demand(plan: Plan, stiff: frozenset[DeviceId]) -> Demand:
    """MiB by device.

    Who takes all or fails is refused by this sum, so there it counts only what llama.cpp itself
    allocates: the driver's share is known roughly until it was measured.
    """
    demand: dict[DeviceId, int] = {}
    for device in plan.devices:
        id_ = DeviceId(device.id)
        mib = device.total - (device.overhead if id_ in stiff and id_ != HOST else 0)
        if mib > 0:  # an engine may use one card through two backends
            demand[id_] = demand.get(id_, 0) + mib
    return demand


def _margin(plan: Plan) -> Demand:
    margins: dict[DeviceId, int] = {}
    for device in filter(_is_used, plan.devices):
        if device.margin:
            margins[DeviceId(device.id)] = max(device.margin, margins.get(DeviceId(device.id), 0))
    return margins


def _is_used(device: DevicePlan) -> bool:
    return device.id != HOST and device.total > 0


def _stiff(profile: Profile, plan: Plan) -> frozenset[DeviceId]:
    """Where fit cannot make it smaller: it is off, or something set by hand keeps it from it."""
    stiff = {HOST} if profile.on_swap == "refuse" else set[DeviceId]()
    if not fits_itself(profile) or (plan.source == "engine" and not plan.fits):
        stiff |= {DeviceId(device.id) for device in plan.devices if device.id != HOST}
    return frozenset(stiff)
