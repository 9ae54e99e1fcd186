"""From what a node's daemon says (`/status`, `/events`, `/plans`) to facts of the policy. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from math import inf

from paddock.api.activity import Preview
from paddock.api.placement import DevicePlan, Plan
from paddock.api.types import DeviceInfo, InstanceInfo, ProfileInfo
from paddock.cluster.policy.facts import (
    CopyState,
    ModelCopy,
    ModelHome,
    ModelName,
    NodeFacts,
    NodeName,
)
from paddock.core.model import HOST, POOL, Demand, DeviceId, Room
from paddock.figures.units import unix

_COPY_STATES: dict[str, CopyState] = {
    "starting": "coming",
    "fitting": "coming",
    "loading": "coming",
    "warming": "coming",
    "ready": "ready",
    "busy": "ready",
}
_SLOTS = 4  # of a llama-server without `--parallel` (build 11434)
_FAILED_FOR = 300.0  # seconds for which a failed load is a reason to prefer other nodes


def node_facts(
    name: str,
    *,
    profiles: Sequence[ProfileInfo],
    instances: Iterable[InstanceInfo],
    devices: Sequence[DeviceInfo],
    plans: Mapping[str, Plan],
    ours: Mapping[str, int],
    read_at: float,
    wall: float,
    previews: Mapping[str, Preview] | None = None,
    failed_at: Mapping[str, float] | None = None,
    max_instances: int = 0,
    wake_seconds: float = 60.0,
    slack: float = 0.0,
) -> NodeFacts:
    """All of one node as of `read_at`.

    `ours`: requests of this front there, by profile. `wall`: the Unix time of `read_at`. `previews`: those that were
    read lately, for what the page cache holds. `failed_at`: when the last load of a profile failed; one that failed at a time
    that is not known counts as failed now.
    """
    ids = _ids(devices)
    loaded = {i.profile: i for i in instances if not i.exited}
    homes, copies = {}, {}
    for profile in profiles:
        model, plan = ModelName(profile.id), plans.get(profile.id)
        preview = (previews or {}).get(profile.id)
        failed = (failed_at or {}).get(profile.id, read_at)
        home = _home(profile, plan, preview, failed_for=read_at - failed, devices=devices)
        homes[model] = home
        instance = loaded.get(profile.id)
        strangers = max(0, profile.waiting + _leases(instance) - ours.get(profile.id, 0))
        used = _last_used(profile, read_at, wall)
        if copy := _copy(profile, instance, home, ids, strangers, used):
            copies[model] = copy
    for instance in loaded.values():  # whose profile is gone from models.conf
        if ModelName(instance.profile) not in homes:
            demand = _demand_of(instance, ids)
            copies[ModelName(instance.profile)] = ModelCopy("ready", instance.id, demand)
    room = _room(devices, max_instances)
    return NodeFacts(
        NodeName(name), read_at, homes, copies, room, wake_seconds=wake_seconds, slack=slack
    )


# ---- homes ----


def _home(
    profile: ProfileInfo,
    plan: Plan | None,
    preview: Preview | None,
    *,
    failed_for: float,
    devices: Sequence[DeviceInfo],
) -> ModelHome:
    cached, load = _cached(preview), profile.last_load_seconds
    eta = preview.eta if preview else None
    speed = profile.speed
    return ModelHome(
        demand=_planned(plan) if plan else _guessed(profile, devices),
        margin=_margin(plan) if plan else {},
        stiff=_stiff(plan) if plan else frozenset(),
        size_mib=profile.size_mib or 0,
        # The daemon there has reckoned what the page cache makes of its last load: nothing is to be added.
        load_seconds=load if eta is None else eta,
        warm_load_seconds=eta,
        cached=cached,
        prompt_speed=speed.prompt if speed else None,
        generation_speed=(speed.generation if speed else None) or profile.expected_speed,
        slots=_slots(profile),
        context=_context(profile, plan),
        replicas=profile.replicas,
        pin=profile.pin,
        priority=profile.priority,
        keeps_context=profile.keeps_context,
        trouble=_trouble(profile, plan, preview, failed_for),
    )


def _cached(preview: Preview | None) -> float:
    if preview is None or not preview.size_mib or preview.cached_mib is None:
        return 0.0
    return min(preview.cached_mib / preview.size_mib, 1.0)


def _trouble(
    profile: ProfileInfo, plan: Plan | None, preview: Preview | None, failed_for: float
) -> str:
    if profile.yielded:
        return "its GPUs are left to other programs"
    if preview and preview.unloadable:
        return preview.unloadable
    if plan and plan.refusal:
        return plan.refusal
    if profile.failure and failed_for < _FAILED_FOR:
        return f"its last load failed: {profile.failure.message}"
    if plan and plan.source == "engine" and not plan.fits:
        return "by its plan it does not fit"
    return ""


def _planned(plan: Plan) -> Demand:
    demand: dict[DeviceId, int] = {}
    for device in plan.devices:
        if device.total > 0:  # an engine may use one card through two backends
            demand[_id(device)] = demand.get(_id(device), 0) + device.total
    return demand


def _margin(plan: Plan) -> Demand:
    margins: dict[DeviceId, int] = {}
    for device in plan.devices:
        if _id(device) != HOST and device.total > 0 and device.margin:
            margins[_id(device)] = max(device.margin, margins.get(_id(device), 0))
    return margins


def _stiff(plan: Plan) -> frozenset[DeviceId]:
    is_given_up = plan.source == "engine" and not plan.fits
    return frozenset(_id(d) for d in plan.devices if is_given_up and _id(d) != HOST)


def _id(device: DevicePlan) -> DeviceId:
    return DeviceId(device.id or device.device)


def _guessed(profile: ProfileInfo, devices: Sequence[DeviceInfo]) -> Demand:
    """Until its plan is read: all of its files on the largest GPU, else in RAM."""
    gpus = [device for device in devices if device.kind == "gpu" and device.total_mib]
    largest = max(gpus, key=lambda device: device.total_mib or 0, default=None)
    return {DeviceId(largest.id) if largest else HOST: profile.size_mib or 0}


def _slots(profile: ProfileInfo) -> int:
    return _number_after(profile.args, "--parallel") or _SLOTS


def _context(profile: ProfileInfo, plan: Plan | None) -> int:
    """Tokens of one request: slots share the whole, each a part of its own unless the cache is unified."""
    whole = (plan.n_ctx if plan else None) or profile.ctx_size or 0
    slots = _number_after(profile.args, "--parallel")
    return whole // slots if slots and "--kv-unified" not in profile.args else whole


def _number_after(args: Sequence[str], flag: str) -> int:
    """The number that follows the flag, 0 where there is none."""
    if flag not in args[:-1]:
        return 0
    word = args[args.index(flag) + 1]
    return int(word) if word.isascii() and word.isdecimal() else 0


# ---- copies ----


def _copy(
    profile: ProfileInfo,
    instance: InstanceInfo | None,
    home: ModelHome,
    ids: Mapping[str, DeviceId],
    strangers: int,
    last_used: float,
) -> ModelCopy | None:
    if instance is None:
        is_awaited = profile.switching or profile.state in ("queued", "loading")
        return ModelCopy("coming", "", home.demand, None, strangers) if is_awaited else None
    progress, state = instance.progress, _COPY_STATES.get(instance.phase, "ending")
    if state == "ending" and profile.waiting:
        state = "coming"  # it leaves, and is to come back
    return ModelCopy(
        state,
        instance.id,
        _demand_of(instance, ids) or home.demand,
        progress.eta if progress else None,
        strangers,
        last_used,
    )


def _leases(instance: InstanceInfo | None) -> int:
    return instance.leases if instance else 0


def _last_used(profile: ProfileInfo, read_at: float, wall: float) -> float:
    """On our clock; the node's may differ, but nothing was used later than it was read."""
    used = unix(profile.last_used) if profile.last_used else None
    return -inf if used is None else read_at - max(wall - used, 0.0)


# ---- the room ----


def _ids(devices: Iterable[DeviceInfo]) -> dict[str, DeviceId]:
    """Of devices by all their names."""
    return {
        name: DeviceId(device.id)
        for device in devices
        for name in (device.name, *device.also, device.id)
    }


def _demand_of(instance: InstanceInfo, ids: Mapping[str, DeviceId]) -> Demand:
    return {ids.get(name, DeviceId(name)): mib for name, mib in instance.demand_mib.items()}


def _room(devices: Sequence[DeviceInfo], max_instances: int) -> Room:
    capacity = {DeviceId(d.id): mib for d in devices if (mib := _available(d)) is not None}
    in_ram = frozenset(DeviceId(device.id) for device in devices if device.in_ram)
    if in_ram and HOST in capacity:  # the host's row has what lies on them, too
        capacity = {id_: mib for id_, mib in capacity.items() if id_ not in in_ram}
        capacity[POOL] = capacity[HOST]
    return Room(
        capacity,
        max_instances,
        exclusive=frozenset(DeviceId(d.id) for d in devices if d.id.startswith("RPC")),
        in_ram=in_ram if HOST in capacity else frozenset(),
        names={DeviceId(device.id): device.name for device in devices},
    )


def _available(device: DeviceInfo) -> int | None:
    """MiB when all of our instances have left."""
    if device.free_mib is None:
        return None
    return device.free_mib + sum(device.used_mib.values())
