"""A scheduler that is fed a history, and short words for what happens and what it orders.

`s(now, event)` gives the effects. One device of 10 MiB, on which `a` and `b` (6 MiB each) exclude
each other and `c` (3 MiB) fits beside either. Instances are numbered in the order of their start.
"""

from typing import Any

from paddock.core.effects import Effect, Grant, Outcome, Refuse, Spawn, Stop, SwitchDone, Why
from paddock.core.events import (
    Adopted,
    Asked,
    BecameReady,
    CancelAsked,
    Configured,
    Event,
    Examined,
    Exited,
    KeepAsked,
    Left,
    Measured,
    MemoryFreed,
    Placed,
    TimePassed,
    UnloadAsked,
)
from paddock.core.model import (
    Asker,
    Cause,
    DeviceId,
    InstanceId,
    ProfileId,
    Room,
    Rules,
    Spec,
    Ticket,
)
from paddock.core.scheduler import Scheduler

GPU, GPU2 = DeviceId("gpu0"), DeviceId("gpu1")
TEN = Room({GPU: 10})
ENDED = Cause("exited", "it ended", exit_code=0)
BROKEN = Cause("load_failed", "out of memory", "use less context", 1, ("cudaMalloc failed",))


def spec(name: str, mib: int = 6, **rest: Any) -> Spec:
    return Spec(ProfileId(name), {GPU: mib}, **rest)


A, B, C = spec("a"), spec("b"), spec("c", 3)


class Story:
    """Knows the profiles and the room, and doubts every deadline."""

    def __init__(self, *specs: Spec, room: Room = TEN, **rules: Any) -> None:
        self.scheduler = Scheduler(Rules(**rules))
        self._tickets = 1000
        self(0, configured(*specs))
        self(0, Measured(room))

    def __call__(self, now: float, event: Event) -> list[Effect]:
        effects = self.scheduler.handle(event, now)
        deadline = self.scheduler.deadline
        assert deadline is None or deadline > now, "a deadline that has passed spins the daemon"
        return effects

    @property
    def deadline(self) -> float | None:
        return self.scheduler.deadline

    def used(self, now: float, name: str, instance: str) -> None:
        """Somebody asks for it, it loads in no time, and is idle again."""
        self._tickets += 1
        assert spawn(instance) in self(now, asked(self._tickets, name))
        self(now, ready(instance))
        self(now, left(self._tickets))

    def gone(self, now: float, instance: str, cause: Cause = ENDED) -> list[Effect]:
        return [*self(now, exited(instance, cause)), *self(now, freed(instance))]


# ---- what happens ----


def configured(*specs: Spec) -> Configured:
    return Configured(specs)


def asked(
    ticket: int, name: str, *, insist: bool = False, force: bool = False, by: str = ""
) -> Asked:
    return Asked(Ticket(ticket), ProfileId(name), insist, force, Asker(by))


def examined(name: str, flaw: Cause | None) -> Examined:
    return Examined(ProfileId(name), flaw)


def left(ticket: int) -> Left:
    return Left(Ticket(ticket))


def ready(instance: str) -> BecameReady:
    return BecameReady(InstanceId(instance))


def placed(instance: str, mib: int) -> Placed:
    return Placed(InstanceId(instance), {GPU: mib})


def exited(instance: str, cause: Cause = ENDED) -> Exited:
    return Exited(InstanceId(instance), cause)


def freed(instance: str) -> MemoryFreed:
    return MemoryFreed(InstanceId(instance))


def adopted(instance: str, fingerprint: str = "", *, is_ready: bool = True) -> Adopted:
    return Adopted(InstanceId(instance), _profile(instance), fingerprint, is_ready)


def unload(name: str, *, now: bool = False) -> UnloadAsked:
    return UnloadAsked(ProfileId(name), now)


def kept(name: str, *, ttl: float) -> KeepAsked:
    return KeepAsked(ProfileId(name), ttl)


def cancel(name: str) -> CancelAsked:
    return CancelAsked(ProfileId(name))


tick = TimePassed()

# ---- what must be done ----


def spawn(instance: str) -> Spawn:
    return Spawn(InstanceId(instance), _profile(instance))


def stop(instance: str, why: Why = "evicted") -> Stop:
    return Stop(InstanceId(instance), why)


def grant(ticket: int, instance: str) -> Grant:
    return Grant(Ticket(ticket), InstanceId(instance))


def refuse(ticket: int, cause: Cause) -> Refuse:
    return Refuse(Ticket(ticket), cause)


def done(
    instance: str, outcome: Outcome = "ready", cause: Cause | None = None, back: str = ""
) -> SwitchDone:
    """`back`: the names of those brought back, parted by spaces."""
    restoring = tuple(ProfileId(name) for name in back.split())
    return SwitchDone(_profile(instance), InstanceId(instance), outcome, cause, restoring)


def refused(effects: list[Effect]) -> dict[int, str]:
    """The codes with which tickets were refused."""
    return {int(e.ticket): e.cause.code for e in effects if isinstance(e, Refuse)}


def _profile(instance: str) -> ProfileId:
    return ProfileId(instance.split(".")[0])
