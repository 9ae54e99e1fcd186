"""An hour of clients who ask, are served, and ask again at once: nobody waits for long, and the
stable does more than switch. The bounds follow from the rules and the times alone.
"""

import pytest

from paddock.core.model import (
    UNKNOWN,
    Asker,
    DeviceId,
    InstanceId,
    ProfileId,
    Room,
    Rules,
    Spec,
    Ticket,
)
from paddock.core.scheduler import Scheduler
from tests.core.world import Pace, World

GPU = DeviceId("gpu0")
HOUR = 3600.0


class Traffic(World):
    """One client for each of `wishes`: the names that it asks for by turns, for ever.

    `known`: each says who it is.
    """

    def __init__(
        self, pace: Pace, *wishes: str, rules: Rules | None = None, known: bool = False
    ) -> None:
        names = sorted(set("".join(wishes)))
        specs = [Spec(ProfileId(name), {GPU: 6}) for name in names]
        super().__init__(Scheduler, rules or Rules(), specs, Room({GPU: 10}))
        self.pace = pace
        self.served = 0
        self.waits: dict[str, float] = dict.fromkeys(names, 0.0)  # the longest, by profile
        self._next: dict[Ticket, tuple[str, Asker]] = {}
        for number, wish in enumerate(wishes):
            self.come(wish, Asker(f"client {number}") if known else UNKNOWN)

    def come(self, wish: str, asker: Asker = UNKNOWN) -> None:
        self._next[Ticket(self._tickets + 1)] = wish[1:] + wish[0], asker
        self.ask(ProfileId(wish[0]), asker=asker)

    def leave(self, ticket: Ticket) -> None:
        super().leave(ticket)
        self.served += 1
        self.come(*self._next.pop(ticket))

    def _grant(self, ticket: Ticket, instance: InstanceId) -> None:
        request = self.waiting[ticket]
        waited = self.now - request.since
        self.waits[request.profile] = max(waited, self.waits[request.profile])
        super()._grant(ticket, instance)

    def run(self, seconds: float = HOUR) -> None:
        end = self.now + seconds
        while self.now < end:
            assert self.step()


def switch_time(pace: Pace) -> float:
    return pace.exit + pace.free + pace.load


def patience(pace: Pace, rules: Rules) -> float:
    return max(rules.patience, 2 * pace.load)


def longest_wait(pace: Pace, rules: Rules, profiles: int) -> float:
    """Its patience ends; whoever came before it is switched to, served and drained; then it."""
    return patience(pace, rules) + profiles * (switch_time(pace) + 2 * pace.request)


def most_loads(pace: Pace, rules: Rules, profiles: int) -> float:
    """A switch is made when a tenure is over, or when somebody's patience is: count both.

    And none is made before the one before it has served somebody.
    """
    by_tenure = HOUR / (switch_time(pace) + rules.tenure * pace.load)
    by_patience = profiles * HOUR / (switch_time(pace) + patience(pace, rules))
    by_nature = HOUR / (switch_time(pace) + pace.request)
    return min(by_tenure + by_patience, by_nature) + profiles


PACES = [
    Pace(load=1, request=0.5),
    Pace(load=5, request=1),
    Pace(load=5, request=12),
    Pace(load=20, request=3),
    Pace(load=45, request=3),
]
pytestmark = [pytest.mark.long, pytest.mark.parametrize("pace", PACES, ids=str)]


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("wishes", [("a", "b"), ("a", "b", "c"), ("a", "a", "a", "b")])
def test_who_competes_for_the_room_neither_thrashes_nor_starves(pace, wishes, known):
    traffic, profiles = Traffic(pace, *wishes, known=known), len(set(wishes))
    traffic.run()
    assert traffic.spawns <= most_loads(pace, traffic.rules, profiles)
    assert max(traffic.waits.values()) <= longest_wait(pace, traffic.rules, profiles)


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("wishes", [("ab", "ba"), ("abc", "bca", "cab"), ("ab",) * 8 + ("ba",) * 8])
def test_clients_that_change_their_minds_are_batched_and_served(pace, wishes, known):
    traffic, profiles = Traffic(pace, *wishes, known=known), len(set(wishes[0]))
    traffic.run()
    assert traffic.spawns * len(wishes) / profiles <= traffic.served + len(wishes)
    assert max(traffic.waits.values()) <= longest_wait(pace, traffic.rules, profiles)


@pytest.mark.parametrize("wish", ["ab", "abc", "aab"])
def test_one_client_alone_waits_for_nothing_but_the_switch(pace, wish):
    traffic = Traffic(pace, wish, known=True)
    traffic.run()
    assert max(traffic.waits.values()) <= switch_time(pace) + 1e-6
    rounds = traffic.served / len(wish)
    assert traffic.spawns >= (rounds - 1) * len(set(wish)), "it does not fit, so each is a switch"


def test_one_who_changes_its_mind_does_not_push_out_one_who_does_not(pace):
    """Whoever stays with a model has it for a tenure each time, or until the other was away for long."""
    traffic = Traffic(pace, "ab", "a", known=True)
    traffic.run()
    stay = min(traffic.rules.tenure * pace.load, patience(pace, traffic.rules) - switch_time(pace))
    rounds = HOUR / (2 * switch_time(pace) + pace.request + stay)
    assert traffic.spawns <= 2 * (rounds + 1)
    assert max(traffic.waits.values()) <= longest_wait(pace, traffic.rules, 2)


@pytest.mark.parametrize("known", [False, True])
def test_many_requests_share_each_switch(pace, known):
    """Where each request cost a switch, both numbers would be the same."""
    traffic = Traffic(pace, "a", "b", known=known)
    traffic.run()
    stay = min(traffic.rules.tenure * pace.load, patience(pace, traffic.rules) - switch_time(pace))
    full_stays = traffic.spawns - 3  # the first of each has no tenure yet, the last is cut short
    assert traffic.served >= full_stays * max(1, stay // pace.request)


def test_one_who_waits_for_a_model_that_is_never_idle_gets_through(pace):
    traffic = Traffic(pace, "a", "a", "a")
    traffic.run(100)
    asked_at, ticket = traffic.now, Ticket(traffic._tickets + 1)
    traffic.configure([*traffic.specs.values(), Spec(ProfileId("b"), {GPU: 6})])
    traffic.waits["b"] = 0.0
    traffic.come("b")
    while ticket in traffic.waiting:
        assert traffic.step()
    limit = patience(pace, traffic.rules) + pace.request + switch_time(pace)
    assert traffic.now - asked_at <= limit + 1e-6


def test_clients_that_fit_together_are_loaded_once(pace):
    traffic = Traffic(pace, "a", "b", "c")
    traffic.measure(Room({GPU: 18}))
    traffic.run()
    assert traffic.spawns == 3


def test_a_stable_with_nothing_to_do_sleeps(pace):
    world = World(
        Scheduler,
        Rules(),
        [Spec(ProfileId("a"), {GPU: 6}), Spec(ProfileId("b"), {GPU: 3}, ttl=60)],
        Room({GPU: 10}),
    )
    world.pace = pace
    for name in world.specs:
        world.ask(name)
    while world.leased or world.waiting:
        assert world.step()
    idle_since = world.now
    assert world.scheduler.deadline is not None
    assert world.scheduler.deadline - idle_since <= 60
    world.settle(crowded=False)
    assert world.scheduler.deadline is None
    assert [p.profile for p in world.processes.values()] == ["a"]
