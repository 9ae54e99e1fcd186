"""What may be the cause, where a load lies or runs worse than it should. Pure."""

from collections.abc import Iterator

from paddock.api.placement import LoadEntry, Plan, Reason
from paddock.figures.units import plural
from paddock.llama.backends import backends, named
from paddock.llama.fit import HOST
from paddock.placement.verify_load import Load, Pace, is_alike
from paddock.placement.words import gib

_TELLING = 256  # MiB of free memory that are missing

CAUSES = (
    "foreign-memory",
    "shared-memory",
    "engine-changed",
    "profile-changed",
    "devices-changed",
    "context-grown",
    "thermal-limit",
    "power-limit",
    "swapping",
    "device-shared",
)


def placement_causes(load: Load, plan: Plan | None, last: LoadEntry | None) -> Iterator[Reason]:
    """What is different from what was planned, and from the ready load before it."""
    yield from _memory_causes(load, plan, last)
    if last is None:
        return
    yield from _engine_causes(load, last)
    if last.fingerprint != load.fingerprint:
        yield Reason(code="profile-changed", message="the profile's flags have changed since")
    if last.devices and last.devices != load.devices:
        yield Reason(
            code="devices-changed",
            message=f"driver and devices are {load.devices}, they were {last.devices}",
        )
    before = last.placement.n_ctx if last.placement else None
    if before is not None and before < (load.placement.n_ctx or 0):
        message = f"the context is {load.placement.n_ctx} tokens, it was {before}"
        yield Reason(code="context-grown", message=message)


def _engine_causes(load: Load, last: LoadEntry) -> Iterator[Reason]:
    """Another version, or other backends of the same one."""
    now, then = load.engine_version, last.engine_version
    if last.placement and not is_alike(load, last):
        now = f"{now} with {named(backends(load.placement))}"
        then = f"{then} with {named(backends(last.placement))}"
    if now != then:
        yield Reason(code="engine-changed", message=f"the engine is {now}, it was {then}")


def _memory_causes(load: Load, plan: Plan | None, last: LoadEntry | None) -> Iterator[Reason]:
    """Devices of which less was free than when it lay well, or than was planned for."""
    before = last.placement.free if last and last.placement else {}
    for device, free in load.placement.free.items():
        then = max(before.get(device, 0), _planned_free(plan, device))
        if then - free < _TELLING:
            continue
        missing = gib(then - free)
        if others := load.beside.get(device):
            are = plural(others.count(",") + 1, "is", "are")
            message = f"{device} had {missing} less free memory: {others} {are} loaded there too"
            yield Reason(code="shared-memory", message=message)
        else:
            yield _foreign(
                f"{device} had {missing} less free memory", *load.foreign.get(device, (0, ""))
            )


def _foreign(what: str, mib: int, names: str) -> Reason:
    """Of programs that are none of ours, where the driver knows any."""
    if not mib:
        message = f"{what}; no other program is known to hold any"
        return Reason(code="foreign-memory", message=message, hint="lower CTX_SIZE")
    by = f" ({names})" if names else ""
    message = f"{what}; other programs hold {gib(mib)}{by}"
    return Reason(code="foreign-memory", message=message, hint="close them, or lower CTX_SIZE")


def _planned_free(plan: Plan | None, device: str) -> int:
    """What an engine would have seen free: the driver's context is taken by then."""
    planned = plan.device(device) if plan else None
    if planned is None or planned.available is None or device == HOST:
        return 0
    return planned.available - planned.overhead


def speed_causes(pace: Pace, load: Load) -> Iterator[Reason]:
    """What its devices and the machine did while its speed was measured."""
    if "thermal" in pace.throttled:
        yield Reason(
            code="thermal-limit",
            message="its GPU was too hot and slowed down",
            hint="look at fans and airflow",
        )
    if {"power", "hardware"} & pace.throttled:
        yield Reason(
            code="power-limit",
            message="its GPU ran at its power limit",
            hint="`paddock status` shows the active limit",
        )
    if pace.pages_swapped_in > 0:
        yield Reason(
            code="swapping",
            message="the machine read from swap while it worked",
            hint="unload what lies in RAM, or use a smaller quantisation",
        )
    if pace.was_shared:
        names = ", ".join(sorted(set(load.beside.values())))
        by = f": {names}" if names else ""
        yield Reason(code="device-shared", message=f"others worked on its devices too{by}")
