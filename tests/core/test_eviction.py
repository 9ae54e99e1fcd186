"""Who leaves: load time and time since the last use in one rule, over whole histories of requests.

Requests come one after the other, from one who has no patience problem: each is served and over before
the next, so that nothing but the choice of who leaves is seen. `bench/eviction.py` has long ones.
"""

from itertools import product

import hypothesis.strategies as st
import pytest
from hypothesis import given

from paddock.core.effects import Spawn, Stop
from paddock.core.events import Asked, Left, TimePassed
from paddock.core.model import DeviceId, ProfileId, Room, Spec, Ticket
from tests.core.story import (
    GPU,
    GPU2,
    Story,
    asked,
    exited,
    freed,
    left,
    ready,
    spec,
    stop,
    unload,
)

FIVE = Room({GPU: 10})  # for models of 5 MiB: two fit


class Shop:
    """Serves requests one after the other; each load takes the time that its spec says."""

    def __init__(self, *specs: Spec, room: Room = FIVE) -> None:
        self.story = Story(*specs, room=room)
        self.costs = {spec.id: spec.cost for spec in specs}
        self.now = 0.0
        self.loads: list[str] = []
        self.left: list[str] = []
        self._tickets = 0

    def serve(self, names: str) -> None:
        for name in names:
            self._ask(ProfileId(name))

    def _ask(self, name: ProfileId) -> None:
        self._tickets += 1
        self.now += 1000  # longer than any patience: no grace is left
        effects = self.story(self.now, Asked(Ticket(self._tickets), name))
        while effects:
            effect = effects.pop(0)
            if isinstance(effect, Stop):
                self.left.append(effect.instance.split(".")[0])
                effects += self.story(self.now, exited(effect.instance))
                effects += self.story(self.now, freed(effect.instance))
            elif isinstance(effect, Spawn):
                self.loads.append(name)
                self.now += self.costs[name]
                effects += self.story(self.now, ready(effect.instance))
        self.story(self.now, Left(Ticket(self._tickets)))
        self.story(self.now, TimePassed())

    @property
    def seconds(self) -> float:
        return sum(self.costs[ProfileId(name)] for name in self.loads)


def test_a_slow_one_that_is_not_used_any_more_does_not_stay_for_ever():
    """It outstays a few loads of the others, as many as its own costs; then they have the room."""
    shop = Shop(spec("s", 5, cost=15), spec("a", 5, cost=5), spec("b", 5, cost=5))
    shop.serve("s" + "ab" * 30)
    assert "s" in shop.left
    assert len(shop.loads) <= 3 + 15 / 5 + 1


def test_a_slow_one_that_is_used_stays():
    shop = Shop(spec("s", 5, cost=60), spec("a", 5, cost=5), spec("b", 5, cost=5))
    shop.serve("sab" * 30)
    assert shop.loads.count("s") == 1


def test_milliseconds_decide_nothing_among_equals():
    """The longest unused leaves, whichever load was a moment slower."""
    for a, b, c in product((5.0, 5.004, 6.5), repeat=3):
        shop = Shop(spec("a", 5, cost=a), spec("b", 5, cost=b), spec("c", 5, cost=c))
        shop.serve("abacabac")
        assert shop.left == ["b", "c", "b"], "a is asked for every other time"


def test_what_is_short_counts_and_nothing_else():
    """The one of much host memory is no help where the GPU is full."""
    host = DeviceId("host")
    offloaded = Spec(ProfileId("m"), {GPU: 2, host: 60}, cost=10)
    dense = Spec(ProfileId("d"), {GPU: 8}, cost=12)
    wanted = Spec(ProfileId("w"), {GPU: 8, host: 1}, cost=5)
    shop = Shop(offloaded, dense, wanted, room=Room({GPU: 10, host: 128}))
    shop.serve("mdw")
    assert shop.left == ["d"]


def test_where_only_their_number_is_limited_the_quickest_to_load_leaves():
    big, small = spec("b", 8, cost=40), spec("s", 1, cost=3)
    shop = Shop(big, small, spec("w", 1), room=Room({GPU: 100, GPU2: 0}, max_instances=2))
    shop.serve("sbsbw")
    assert shop.left == ["s"]


@pytest.mark.parametrize("slow", [1, 3, 9])
@given(names=st.text("abcd", min_size=5, max_size=40))
def test_it_costs_at_most_a_few_times_what_the_best_choice_would(slow, names):
    """GreedyDual-Size loads for at most k times the seconds of the best, who knows the future.

    k is how many fit, here 2; prices taken for equal make it as much more as they may differ.
    """
    costs = {"a": slow, "b": 1, "c": 2, "d": 1}
    shop = Shop(*(spec(name, 5, cost=cost) for name, cost in costs.items()))
    shop.serve(names)
    assert shop.seconds <= 2 * 1.5 * _best(names, costs) + sum(costs.values())


def _best(names: str, costs: dict[str, float]) -> float:
    """The least seconds of loading, over all ways to keep at most two."""
    best: dict[frozenset[str], float] = {frozenset(): 0.0}
    for name in names:
        after: dict[frozenset[str], float] = {}
        for kept, spent in best.items():
            price = spent + (0 if name in kept else costs[name])
            for other in [*kept - {name}, name]:
                pair = frozenset({name, other}) if name not in kept else kept
                after[pair] = min(after.get(pair, price), price)
        best = after
    return min(best.values())


def test_what_leaves_is_worth_what_it_was_chosen_for():
    """Neither who leaves already nor who goes for another makes what lacks look larger."""
    s = Story(spec("e", 4), spec("a", 3, cost=10), spec("d", 3, cost=10), spec("b", 9))
    for number, name in enumerate("ead", 1):
        s(100 * number, asked(number, name))
        s(100 * number + 10, ready(f"{name}.{number}"))
        s(100 * number + 10, left(number))
    assert stop("e.1", "unloaded") in s(1000, unload("e"))
    assert s(2000, asked(1, "b")) == [stop("a.2"), stop("d.3")]
    assert s.scheduler._books.inflation == pytest.approx(10 / (3 / 5)), "5 of the 9 MiB lack"
