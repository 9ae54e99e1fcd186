"""What a switch would do now, in numbers and in one sentence. Only reads; asks no engine."""

from paddock.api.activity import Leaver, Need, Preview
from paddock.api.placement import DevicePlan
from paddock.config.profile import Profile
from paddock.core.live import Live, Serving
from paddock.core.model import DeviceId, ProfileId
from paddock.daemon.parts import Parts
from paddock.daemon.reports.view import StatusView
from paddock.host.seen_files import SeenFiles
from paddock.placement.over_network import sent_by_load
from paddock.placement.words import gib


def previewed(
    parts: Parts,
    view: StatusView,
    profile: Profile,
    *,
    seen: SeenFiles | None = None,
    eta: float | None = None,
) -> Preview:
    """If this profile were switched to now. `seen`: its files in the page cache; `eta`: what that makes
    of the time of its last load."""
    name, now = ProfileId(profile.id), parts.clock.now()
    found = parts.scheduler.preview(name, now)
    flaw = parts.flaws.of(profile) if found.needs_load else None
    verdict = parts.chronicle.verdicts.get(name)
    seconds = parts.switches.expected.get(name)
    preview = Preview(
        profile=name,
        state=view.state(name),
        leavers=[] if flaw else [_leaver(live, now) for live in found.leavers],
        needs=_needs(parts, profile),
        refused=found.refused,
        unloadable=flaw.message if flaw else "",
        seconds=None if seconds is None else round(seconds, 3),
        size_mib=seen.mib if seen else None,
        cached_mib=seen.cached_mib if seen else None,
        network_mib=sent_by_load(parts.plans.of(profile).devices) or None,
        eta=eta if found.needs_load else None,
        verdict=verdict.state if verdict else None,
    )
    preview.summary = summary(preview, [live.profile for live in found.leaving])
    return preview


def _leaver(live: Live, now: float) -> Leaver:
    state = live.state
    idle = now - state.idle_since if isinstance(state, Serving) and not state.leases else None
    return Leaver(
        profile=live.profile, busy=live.is_busy, idle=None if idle is None else round(idle, 1)
    )


def _needs(parts: Parts, profile: Profile) -> list[Need]:
    plan = parts.plans.of(profile)
    return [_need(parts, device) for device in plan.devices if device.total]


def _need(parts: Parts, device: DevicePlan) -> Need:
    """By the ledger's own name, and of what it has read, where it knows the device."""
    reading = parts.ledger.readings.get(DeviceId(device.id))
    known = reading.available_mib if reading else None
    return Need(
        device=reading.name if reading else device.device,
        mib=device.total,
        of=device.available if known is None else known,
    )


# ---- in words ----

_SMALL = 32  # MiB: files that are read in no time
_WORTH_SAYING = 0.5  # seconds between the last load and this one


def summary(preview: Preview, leaving: list[ProfileId]) -> str:
    """All of it in one sentence; `leaving` are those that go already."""
    if preview.unloadable:
        return preview.unloadable.removeprefix(f"{preview.profile} ")
    if preview.state in ("ready", "busy") and not preview.leavers:
        return "is ready" if preview.state == "ready" else "is ready and busy"
    if preview.state == "loading":
        return "is loading already"
    if preview.refused:
        return f"cannot fit: {preview.refused}"
    return ", ".join([*_steps(preview, leaving), *_costs(preview)])


def _steps(preview: Preview, leaving: list[ProfileId]) -> list[str]:
    steps = [f"waits until {_listed([*leaving])} has left"] if leaving else []
    if busy := [leaver.profile for leaver in preview.leavers if leaver.busy]:
        steps.append(f"waits for {_listed(busy)}, which {'is' if len(busy) == 1 else 'are'} busy")
    if idle := [_named(leaver) for leaver in preview.leavers if not leaver.busy]:
        steps.append(f"unloads {_listed(idle)}")
    return steps or ["unloads nobody"]


def _named(leaver: Leaver) -> str:
    idle = leaver.idle
    return leaver.profile if idle is None else f"{leaver.profile} (idle {_lasting(idle)})"


def _lasting(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _costs(preview: Preview) -> list[str]:
    needs = [_needed(need) for need in preview.needs]
    took = f"took {_lasting(preview.seconds)} last time" if preview.seconds is not None else ""
    sent = f"sends {gib(preview.network_mib)} over the network" if preview.network_mib else ""
    needed = f"needs {_listed(needs)}" if needs else ""
    return list(filter(None, [needed, sent, took, _cached(preview)]))


def _cached(preview: Preview) -> str:
    """`1.2 of 14.2 GiB are in the page cache, so about 9 s now`."""
    if preview.cached_mib is None or (preview.size_mib or 0) < _SMALL:
        return ""
    assert preview.size_mib
    if preview.cached_mib >= preview.size_mib:
        share = "its files are in the page cache"
    else:
        held, size = gib(preview.cached_mib), gib(preview.size_mib)
        held = held.split()[0] if held.split()[1] == size.split()[1] else held
        share = f"{held} of {size} are in the page cache"
    now = preview.eta
    if now is None or preview.seconds is None or abs(now - preview.seconds) < _WORTH_SAYING:
        return share
    return f"{share}, so about {_lasting(now)} now"


def _needed(need: Need) -> str:
    """`21.4 of 22.1 GiB on CUDA0`."""
    if need.of is None:
        return f"{gib(need.mib)} on {need.device}"
    wanted, there = gib(need.mib), gib(need.of)
    if wanted.split()[1] == there.split()[1]:
        wanted = wanted.split()[0]
    return f"{wanted} of {there} on {need.device}"


def _listed(words: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
