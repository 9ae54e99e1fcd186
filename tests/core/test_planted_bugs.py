"""The property machine is worth its time: each planted bug is found, by the promise that it breaks."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from paddock.core import books, note, scheduler, settle
from paddock.core.books import Books, Promise, Waiter, Want
from paddock.core.effects import Effect, Grant, Refuse
from paddock.core.eviction import Resident, leavers
from paddock.core.live import Ending, Live, Serving
from paddock.core.model import Cause, Demand, InstanceId, ProfileId, Room, Ticket
from paddock.core.room import fits
from paddock.core.settle import stop
from tests.core import world
from tests.core.test_properties import Stable

pytestmark = pytest.mark.long

HUNT = settings(
    max_examples=400,
    stateful_step_count=40,
    deadline=None,
    database=None,
    phases=[Phase.generate],  # the shortest history is of no interest here
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)


SEARCHES = 12


def hunt(promise: str) -> None:
    """The bug is found by this promise in one of several searches.

    In a single one it may break another promise first, or none: Hypothesis also draws from the constants of
    all modules that are imported, so that what it tries first changes with each of them.
    """
    met = []
    for number in range(SEARCHES):
        machine = seed(number)(type("Searched", (Stable,), {}))
        try:
            run_state_machine_as_test(machine, settings=HUNT)
        except AssertionError as error:
            met.append(str(error).partition("\n")[0])
            if re.match(promise, met[-1]):
                return
    pytest.fail(f"{promise!r} was never broken; in {SEARCHES} searches these were: {met}")


def test_a_kill_under_a_client_is_noticed(monkeypatch):
    def may_leave(self: Books, live: Live, want: Want, now: float) -> bool:
        return isinstance(live.state, Serving)  # whoever uses it

    monkeypatch.setattr(Books, "may_leave", may_leave)
    hunt("killed under a client")


def test_a_load_while_the_gpus_are_yielded_is_noticed(monkeypatch):
    monkeypatch.setattr(settle, "is_held", lambda books, profile: False)
    hunt("took a yielded GPU")


def test_an_idle_one_that_stays_on_a_yielded_gpu_is_noticed(monkeypatch):
    monkeypatch.setattr(settle, "leave_gpus", lambda books: iter(()))
    hunt("keeps a yielded GPU")


def test_a_ttl_that_forgets_to_look_for_requests_is_noticed(monkeypatch):
    def ttl_end(self: Books, live: Live) -> float | None:
        spec, state = self.specs.get(live.profile), live.state
        if spec is None or not spec.ttl or not isinstance(state, Serving):
            return None
        return state.idle_since + spec.ttl

    monkeypatch.setattr(Books, "ttl_end", ttl_end)
    hunt("killed under a client")


def _plant_note_left(
    monkeypatch: pytest.MonkeyPatch, buggy: Callable[[Books, Ticket, float], None]
) -> None:
    for caller in (note, scheduler):
        monkeypatch.setattr(caller, "note_left", buggy)


def test_a_leaked_lease_is_noticed(monkeypatch):
    def note_left(books: Books, ticket: Ticket, now: float) -> None:
        live = books.live.get(books.leased.get(ticket, InstanceId("")))
        if live and isinstance(live.state, Serving) and len(live.state.leases) > 1:
            return  # only the last one is taken off
        honest(books, ticket, now)

    honest = note.note_left
    _plant_note_left(monkeypatch, note_left)
    hunt("leaked lease")


def test_a_lease_that_outlives_its_crashed_instance_is_noticed(monkeypatch):
    def note_left(books: Books, ticket: Ticket, now: float) -> None:
        if books.leased.get(ticket, InstanceId("")) not in books.live:
            books.waiting.pop(ticket, None)
            return
        honest(books, ticket, now)

    honest = note.note_left
    _plant_note_left(monkeypatch, note_left)
    hunt("leaked lease")


def test_a_double_load_is_noticed(monkeypatch):
    def live_of(self: Books, profile: ProfileId) -> Live | None:
        mine = [live for live in self.live.values() if live.profile == profile]
        return next((live for live in mine if not live.is_ending), None)  # the old one still leaves

    monkeypatch.setattr(Books, "live_of", live_of)
    hunt("double load")


def test_a_waiter_lost_when_a_load_fails_is_noticed(monkeypatch):
    def refuse_all(books: Books, profile: ProfileId, cause: Cause) -> Iterator[Refuse]:
        waiters = [w for w in books.waiting.values() if w.profile == profile]
        for waiter in waiters:
            del books.waiting[waiter.ticket]
        yield from (Refuse(waiter.ticket, cause) for waiter in waiters[:1])

    monkeypatch.setattr(note, "refuse_all", refuse_all)
    hunt("(lost waiter|waits for what is known to fail)")  # whichever it meets first


def test_a_waiter_forgotten_behind_a_full_instance_is_noticed(monkeypatch):
    def is_full(books: Books, live: Live) -> bool:
        spec, state = books.specs.get(live.profile), live.state
        limit = spec.concurrency if spec else 0
        return bool(limit) and isinstance(state, Serving) and len(state.leases) >= limit

    def wants(self: Books, now: float) -> list[Want]:
        return [] if any(is_full(self, live) for live in self.live.values()) else honest(self, now)

    honest = Books.wants
    monkeypatch.setattr(Books, "wants", wants)
    hunt("starved")


def _forgets_where_nothing_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    def wants(self: Books, now: float) -> list[Want]:
        found = honest(self, now)
        return found if self.live else [want for want in found if want.profile in self.flaws]

    honest = Books.wants
    monkeypatch.setattr(Books, "wants", wants)


def test_a_lone_waiter_forgotten_where_nothing_lives_is_noticed_at_once(monkeypatch):
    _forgets_where_nothing_lives(monkeypatch)
    hunt("waits for itself")


def test_any_waiter_forgotten_where_nothing_lives_is_noticed_in_the_end(monkeypatch):
    _forgets_where_nothing_lives(monkeypatch)
    monkeypatch.setattr(world, "waits_for_itself", lambda world: False)  # which meets it first
    hunt("lost waiter")


def test_a_deadline_that_is_never_given_is_noticed(monkeypatch):
    monkeypatch.setattr(Books, "next_deadline", lambda self, now: None)
    hunt("lost waiter|starved")


def test_starvation_is_noticed(monkeypatch):
    monkeypatch.setattr(Books, "is_due", lambda self, want, now: False)
    hunt("starved")


def test_letting_newcomers_overtake_the_impatient_is_noticed(monkeypatch):
    monkeypatch.setattr(settle, "_close_only", lambda books, closed, now: None)
    hunt("starved")


def test_over_committed_memory_is_noticed(monkeypatch):
    def has_room(self: Books, demand: Demand, promises: object, doomed: object) -> bool:
        staying = [live.demand for live in self.live.values() if not live.is_ending]
        return fits(demand, staying, self.room)  # as if who was ordered to go were gone

    monkeypatch.setattr(Books, "has_room", has_room)
    hunt("memory over-committed")


def test_counting_one_device_only_is_noticed(monkeypatch):
    def fits_first(wanted: Demand, beside: Iterable[Demand], room: Room) -> bool:
        first = dict(list(room.capacity.items())[:1])
        return fits(wanted, beside, replace(room, capacity=first))

    monkeypatch.setattr(books, "fits", fits_first)
    hunt("memory over-committed")


def test_loads_that_overlap_are_noticed(monkeypatch):
    monkeypatch.setattr(Books, "may_load", lambda self, demand: True)
    hunt("loads overlap")


def _may_go(books: Books, live: Live) -> bool:
    return isinstance(live.state, Serving) and not books.is_pinned(live)


def test_evicting_what_could_stay_is_noticed(monkeypatch):
    def has_room(
        self: Books, demand: Demand, promises: list[Promise], doomed: set[InstanceId]
    ) -> bool:
        movable = any(_may_go(self, live) for live in self.live.values())
        return not movable and honest(self, demand, promises, doomed)

    def all_leave(
        wanted: Demand, candidates: list[Resident], staying: list[Demand], room: Room
    ) -> list[Resident] | None:
        return candidates if leavers(wanted, candidates, staying, room) is not None else None

    honest = Books.has_room
    monkeypatch.setattr(Books, "has_room", has_room)
    monkeypatch.setattr(books, "leavers", all_leave)
    hunt("evicted though everything fits")


def test_ignoring_the_limit_of_requests_is_noticed(monkeypatch):
    def may_serve(books: Books, state: Serving, waiter: Waiter) -> bool:
        closed = state.closed_since is not None and waiter.since >= state.closed_since
        return not state.leaving and not closed

    monkeypatch.setattr(settle, "_may_serve", may_serve)
    hunt("too many at once")


def test_granting_what_is_on_its_way_out_is_noticed(monkeypatch):
    def grant(books: Books) -> Iterator[Grant]:
        yield from honest(books)
        for waiter in list(books.waiting.values()):
            live = books.live_of(waiter.profile)
            if live and isinstance(live.state, Ending):
                del books.waiting[waiter.ticket]
                books.leased[waiter.ticket] = live.id
                yield Grant(waiter.ticket, live.id)

    honest = settle._grant
    monkeypatch.setattr(settle, "_grant", grant)
    hunt("granted what is not ready")


def test_a_second_order_to_stop_is_noticed(monkeypatch):
    def note_closing(books: Books, *, keep: bool) -> Iterator[Effect]:
        yield from honest(books, keep=keep)
        yield from (stop(live, "closing") for live in books.live.values() if not keep)

    honest = note._note_closing
    monkeypatch.setattr(note, "_note_closing", note_closing)
    hunt("stopped twice")


def test_a_deadline_that_has_passed_is_noticed(monkeypatch):
    def next_deadline(self: Books, now: float) -> float | None:
        return min((waiter.since + 5 for waiter in self.waiting.values()), default=None)

    monkeypatch.setattr(Books, "next_deadline", next_deadline)
    hunt("busy loop")


def test_a_grace_against_the_only_asker_is_noticed(monkeypatch):
    def missed_since(self: Books, live: Live) -> float:
        assert isinstance(live.state, Serving)
        return live.state.idle_since  # whoever used it

    monkeypatch.setattr(Books, "missed_since", missed_since)
    hunt("waits for itself")


def test_no_grace_at_all_is_noticed(monkeypatch):
    monkeypatch.setattr(Books, "missed_since", lambda self, live: float("-inf"))
    hunt("pushed out too soon")


def test_taking_everybody_for_one_asker_is_noticed(monkeypatch):
    def missed_since(self: Books, live: Live) -> float:
        return float("-inf") if self.waiting else honest(self, live)

    honest = Books.missed_since
    monkeypatch.setattr(Books, "missed_since", missed_since)
    hunt("pushed out too soon")


def test_a_load_of_what_is_known_to_fail_is_noticed(monkeypatch):
    monkeypatch.setattr(note, "_note_examined", lambda books, profile, flaw: None)
    hunt("(waits|evicted) for what is known to fail")
