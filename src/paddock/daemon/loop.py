"""The loop: an event comes in, the scheduler decides, what it decided is performed.

The only owner of the scheduler's `handle`, and of the leases. Everything happens in one call of
`feed`, without waiting; whoever gets a lease later is woken.
"""

from itertools import count
from typing import Protocol, assert_never

from paddock.api.types import Progress
from paddock.core import effects as ef
from paddock.core import events as ev
from paddock.core.model import UNKNOWN, Asker, Cause, InstanceId, ProfileId, Ticket
from paddock.core.scheduler import Scheduler
from paddock.core.upcoming import Upcoming
from paddock.daemon.activity.switches import Switches
from paddock.daemon.alarm import Alarm
from paddock.daemon.clock import Clock
from paddock.daemon.faults import Faults
from paddock.daemon.instances.registry import Registry
from paddock.daemon.lease import Lease
from paddock.daemon.refusals import as_error


class Effects(Protocol):
    """Whoever performs what the scheduler decides of instances: the daemon."""

    def spawn(self, order: ef.Spawn) -> None: ...
    def stop(self, order: ef.Stop) -> None: ...
    def switch_done(self, done: ef.SwitchDone) -> None: ...
    def foresee(self, upcoming: Upcoming | None) -> None:
        """This is what comes next, once those who leave for it are gone."""

    def granted(self, instance: InstanceId) -> None:
        """A request is about to use this instance."""

    def handled(self, event: ev.Event) -> None:
        """All that this event led to was performed."""


class Loop:
    """Feeds the scheduler, performs its effects, and keeps the leases that it grants."""

    def __init__(
        self,
        scheduler: Scheduler,
        registry: Registry,
        switches: Switches,
        effects: Effects,
        clock: Clock,
        faults: Faults,
    ) -> None:
        self._scheduler, self._registry, self._switches = scheduler, registry, switches
        self._effects, self._clock, self._faults = effects, clock, faults
        self._alarm = Alarm(self._time_passed, clock)
        self._tickets = count(1)
        self._leases: dict[Ticket, Lease] = {}
        self._is_foreseen = False  # something was said to come next

    def feed(self, event: ev.Event) -> None:
        """Let the scheduler know of it, and do what it decides."""
        scheduler = self._scheduler
        for effect in scheduler.handle(event, self._clock.now()):
            try:
                self._perform(effect)
            except Exception as error:  # noqa: BLE001  # the other effects concern others
                self._faults.note("effects", error)
                self._not_performed(effect, error)
        if scheduler.deadline is not None:
            self._alarm.set(scheduler.deadline)
        if self._is_foreseen or scheduler.upcoming is not None:
            self._foresee(scheduler.upcoming)
        self._tell(event)

    # Twice for each request, so `try` stands here, which costs nothing, and not `Faults.caught` (1.5 µs).

    def _foresee(self, upcoming: Upcoming | None) -> None:
        self._is_foreseen = upcoming is not None
        try:
            self._effects.foresee(upcoming)
        except Exception as error:  # noqa: BLE001  # what was decided is done already
            self._faults.note("effects", error)

    def _tell(self, event: ev.Event) -> None:
        try:
            self._effects.handled(event)
        except Exception as error:  # noqa: BLE001  # as above
            self._faults.note("effects", error)

    def _time_passed(self) -> None:
        self.feed(ev.TimePassed())

    def _perform(self, effect: ef.Effect) -> None:
        match effect:
            case ef.Grant(ticket, instance):
                self._grant(ticket, instance)
            case ef.Refuse(ticket, cause):
                if lease := self._leases.get(ticket):
                    lease.refuse(as_error(cause))
            case ef.Spawn():
                self._switches.begin(effect.profile)
                self._effects.spawn(effect)
            case ef.Stop():
                self._effects.stop(effect)
            case ef.SwitchDone():
                self._effects.switch_done(effect)
            case _:
                assert_never(effect)

    def _grant(self, ticket: Ticket, instance: InstanceId) -> None:
        self._effects.granted(instance)
        if lease := self._leases.get(ticket):
            lease.grant(self._registry[instance].endpoint)

    def _not_performed(self, effect: ef.Effect, error: Exception) -> None:
        """End what the effect was about: otherwise somebody would wait for it for ever."""
        cause = Cause("internal", f"an internal fault of Paddock: {error!r}")
        match effect:
            case ef.Grant(ticket) | ef.Refuse(ticket):
                if lease := self._leases.get(ticket):
                    lease.refuse(as_error(cause))
            case ef.Spawn():
                self.feed(ev.Exited(effect.instance, cause))
                self.feed(ev.MemoryFreed(effect.instance))
            case ef.Stop():
                if live := self._registry.get(effect.instance):
                    live.kill()
            case _:
                pass  # a switch was over, and this only its report

    def close(self) -> None:
        """No deadline is waited for any more."""
        self._alarm.cancel()

    # ---- leases ----

    def ask(
        self,
        profile: ProfileId,
        *,
        insist: bool = False,
        force: bool = False,
        asker: Asker = UNKNOWN,
        is_order: bool = False,
    ) -> Lease:
        """A lease on this profile, granted already or to be waited for. The rest: as in `events.Asked`.
        Raises the PaddockError of an immediate refusal."""
        lease = Lease(self, Ticket(next(self._tickets)), profile)
        self._leases[lease.ticket] = lease
        asked = ev.Asked(lease.ticket, profile, insist, force, asker, is_order)
        self.feed(asked)
        if lease.refusal is not None:
            self.give_back(lease)
            raise lease.refusal
        if lease.endpoint is None:
            self._switches.begin(profile)
            self._tell(asked)  # now as the first step of a switch
        return lease

    def give_back(self, lease: Lease) -> None:
        """The only place where a lease ends."""
        if self._leases.pop(lease.ticket, None) is not None:
            self.feed(ev.Left(lease.ticket))

    def progress_of(self, profile: ProfileId) -> Progress:
        """How far the switch to this profile is."""
        return self._switches.progress(profile)
