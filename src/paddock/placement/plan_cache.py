"""Caches plans, one JSON file each: planning takes seconds on GPUs.

A plan is for one profile's flags, one engine build and one state of the model's files; those are its
key. It also holds for a certain amount of free memory, which `holds` compares.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import msgspec

from paddock.api.placement import DevicePlan, Plan
from paddock.atomic_write import atomic_write
from paddock.config.profile import Profile
from paddock.core.model import HOST, DeviceId
from paddock.engine.engine import Engine
from paddock.llama.facts import stamps
from paddock.llama.gguf import shards
from paddock.placement.devices import Readings, gpu_ids

# 2: with the flags that replay it; 3: with what was set aside for GPUs in RAM; 4: with what devices refuse
_FORMAT = 4
# Variables that say to backends which devices there are, in which order, and with which memory.
_CHOOSES = re.compile(
    r".*VISIBLE_DEVICES|GGML_.*|CUDA_DEVICE_ORDER|GPU_DEVICE_ORDINAL|ONEAPI_DEVICE_SELECTOR"
    r"|ZE_AFFINITY_MASK|HSA_OVERRIDE_GFX_VERSION"
    # The Vulkan loader's and Mesa's: which drivers there are, and which of their devices come first.
    r"|VK_(ADD_)?DRIVER_FILES|VK_ICD_FILENAMES|VK_LOADER_DRIVERS_(SELECT|DISABLE)"
    r"|VK_LOADER_DEVICE_(SELECT|ID_FILTER|TYPE_FILTER|VENDOR_ID_FILTER)|MESA_VK_DEVICE_SELECT.*|DRI_PRIME"
)
_CLOSE = 64  # MiB: what a desktop takes and gives back from minute to minute
_KEPT, _SWEPT_EVERY = 5_000, 100  # plans, of 1 KB each; the oldest go when so many are new
_LOOKED_AT = 50  # of the newest, for what an engine sees


class PlanCache:
    """A folder of plans; a plan that cannot be read or written counts as missing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._new = 0

    def find(self, key: str) -> Plan | None:
        with suppress(OSError, msgspec.MsgspecError):
            return msgspec.json.decode((self._folder / f"{key}.json").read_bytes(), type=Plan)
        return None

    def put(self, key: str, plan: Plan) -> None:
        """Write it atomically; nothing where that fails."""
        with suppress(OSError):
            atomic_write(self._folder / f"{key}.json", msgspec.json.encode(plan))
            if self._new % _SWEPT_EVERY == 0:
                self._forget_oldest()
            self._new += 1

    def devices(self, engine: Engine, endpoints: Collection[str] = ()) -> list[DevicePlan]:
        """The GPUs that this engine saw when it planned last, in its order; empty where nobody knows.

        `endpoints`: the RPC servers that were to be there, too.
        """
        with suppress(OSError):
            files = sorted(self._folder.glob("*.json"), key=lambda path: -path.stat().st_mtime)
            for plan in filter(None, (self.find(file.stem) for file in files[:_LOOKED_AT])):
                seen = [device for device in plan.devices if device.id != HOST]
                far = {device.description for device in seen if device.id.startswith("RPC")}
                if _is_by(plan, engine) and far == {*endpoints}:
                    return seen
        return []

    def drop(self, key: str) -> None:
        """Forget this plan."""
        with suppress(OSError):
            (self._folder / f"{key}.json").unlink(missing_ok=True)

    def _forget_oldest(self) -> None:
        found = sorted(self._folder.glob("*.json"), key=lambda path: path.stat().st_mtime)
        for path in found[:-_KEPT]:
            path.unlink(missing_ok=True)


def _is_by(plan: Plan, engine: Engine) -> bool:
    made_by = plan.source, plan.engine, plan.engine_version
    return made_by == ("engine", engine.name, engine.version)


def state_of(profile: Profile, engine: Engine) -> str:
    """A digest of everything on which a load's success may depend: flags, engine, files.

    Also a file's permissions, and files that are no models: every path that a flag names.
    """
    found = [stamp for path in dict.fromkeys(_named(profile)) for stamp in stamps(path)]
    return sha256(repr((profile.fingerprint, engine.build_mark, found)).encode()).hexdigest()


def key_of(profile: Profile, engine: Engine, environ: Mapping[str, str]) -> str:
    """A digest of the profile's flags, the engine, the model's files, and which devices it is to see.

    `environ`: what the engine is started in.
    """
    chosen = [f"{name}={environ[name]}" for name in sorted(environ) if _CHOOSES.fullmatch(name)]
    parts = [str(_FORMAT), profile.fingerprint, engine.build_mark, *chosen, *_stamps(profile)]
    return sha256("\0".join(parts).encode()).hexdigest()[:24]


def _named(profile: Profile) -> Iterable[Path]:
    """Every path that a flag names: models, drafts, adapters, templates."""
    for flag in profile.flags:
        for words in flag.values:
            yield from (Path(part) for part in words.split(",") if part.startswith("/"))


def _stamps(profile: Profile) -> Iterable[str]:
    files = [*(shards(profile.model) if profile.model else ()), profile.mmproj, *_named(profile)]
    for path in dict.fromkeys(filter(None, files)):
        with suppress(OSError):
            facts = path.stat()
            yield f"{path}:{facts.st_size}:{facts.st_mtime_ns}"


def holds(plan: Plan, readings: Readings) -> bool:
    """Whether fit would choose the same with the memory that there is now.

    A plan that fit had to change is void when a device's memory changes. A plan as asked for holds while
    it fits; over several devices its shares depend on their free memory.
    A GPU in RAM has what RAM has, which changes all the time: a quarter of it makes a difference.
    What was cut to a device of which nothing is known now, as after a restart, is found out anew.
    """
    if not _ram_holds(plan, readings):
        return False
    devices = [d for d in plan.devices if d.id != HOST and not d.in_ram]
    known = {d.id: readings[DeviceId(d.id)] for d in devices if DeviceId(d.id) in readings}
    if any(":" in d.id and not d.id.startswith("RPC") and d.id not in known for d in devices):
        return False  # a card is gone
    if _is_cut(plan) and len(known) < len(devices):
        return False
    return all(
        _device_holds(device, known[device.id].available_mib, plan, len(devices))
        for device in devices
        if device.id in known
    )


def _is_cut(plan: Plan) -> bool:
    """Whether more memory would make another plan of it."""
    return bool(plan.steps) or not plan.fits


def is_outgrown(plan: Plan, then: Readings, readings: Readings) -> bool:
    """Whether it was cut to less than there is now: what it says it needs, it would take no more.

    `then`: what the devices had when it was made.
    """
    if not _is_cut(plan):
        return False
    if _was_seen_larger(plan, then, readings):
        return True
    shares_ram = any(device.in_ram for device in plan.devices)
    read = {*_measured(readings), *([HOST] if shares_ram and HOST in readings else [])}
    return any(
        _has_more(device, readings[DeviceId(device.id)].available_mib)
        for device in plan.devices
        if device.id in read and not device.in_ram
    )


def _measured(readings: Readings) -> list[DeviceId]:
    """The GPUs of which drivers say what they have."""
    return [i for i in map(DeviceId, gpu_ids(readings)) if not readings[i].is_reported]


def _was_seen_larger(plan: Plan, then: Readings, now: Readings) -> bool:
    """Whether a load after this plan saw more of a device that only engines read.

    Each such load counts once: a plan made after it is a later look than that load's.
    """
    for device in plan.devices:
        id_ = DeviceId(device.id)
        if device.in_ram or id_ not in now or not now[id_].is_reported:
            continue
        seen = then[id_].loads_seen if id_ in then else 0
        if now[id_].loads_seen > seen and _has_more(device, now[id_].available_mib):
            return True
    return False


def _has_more(device: DevicePlan, now: int | None) -> bool:
    if now is None or device.available is None:
        return False
    return now > device.available + _tolerance(device)


def _tolerance(device: DevicePlan) -> int:
    """MiB; RAM changes all the time: a quarter of it makes a difference."""
    return max(_CLOSE, (device.available or 0) // 4) if device.id == HOST else _CLOSE


def is_news(plan: Plan, then: Readings, now: Readings) -> bool:
    """Whether the devices have something else than they had then, as far as this plan depends on it.

    What no driver reads is as the plan itself said, until a load sees more of it.
    """
    if gpu_ids(then) != gpu_ids(now) or _was_seen_larger(plan, then, now):
        return True
    shares_ram = any(device.in_ram for device in plan.devices)
    ids = _measured(now) + ([HOST] if shares_ram else [])
    return any(
        _has_changed(then[id_].available_mib, now[id_].available_mib, is_ram=id_ == HOST)
        for id_ in ids
        if id_ in then and id_ in now
    )


def may_fit_unseen(plan: Plan, readings: Readings) -> bool:
    """Whether it is refused for want of memory of which nobody but an engine can say that it is back.

    What is refused loads never, so no load would see it.
    """
    return not plan.fits and bool(_reported(plan, readings))


def is_reopened(plan: Plan, then: Readings, now: Readings) -> bool:
    """Whether such a plan was made beside instances of ours that are gone: what they held may be more than was booked."""
    if plan.fits:
        return False
    ids = (id_ for id_ in _reported(plan, now) if id_ in then)
    return any(then[id_].ours_mib - now[id_].ours_mib > _CLOSE for id_ in ids)


def _reported(plan: Plan, readings: Readings) -> list[DeviceId]:
    ids = [DeviceId(device.id) for device in plan.devices if not device.in_ram]
    return [id_ for id_ in ids if id_ in readings and readings[id_].is_reported]


def _has_changed(then: int | None, now: int | None, *, is_ram: bool) -> bool:
    if then is None or now is None:
        return then != now
    return abs(now - then) > (max(_CLOSE, then // 4) if is_ram else _CLOSE)


def _ram_holds(plan: Plan, readings: Readings) -> bool:
    """Whether GPUs in RAM have about what they had when a plan was cut to it."""
    if not _is_cut(plan) or not any(device.in_ram for device in plan.devices):
        return True
    then = next((d.available for d in plan.devices if d.id == HOST), None)
    now = readings[HOST].available_mib if HOST in readings else None
    return then is None or now is None or abs(now - then) <= max(_CLOSE, then // 4)


def _device_holds(device: DevicePlan, available: int | None, plan: Plan, count: int) -> bool:
    if available is None or device.available is None:
        return True
    change = available - device.available
    if _is_cut(plan):
        return abs(change) <= _CLOSE
    if count > 1 and abs(change) > max(_CLOSE, device.available // 50):
        return False
    return available - device.total >= device.margin
