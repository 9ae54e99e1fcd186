"""The property machine is worth its time: each planted bug is found, by the promise that it breaks.

Only those that are found within a second or two stand here. A promise that ends too early, a context that
is forgotten, a move for a wait and a copy too soon are found as well, in 3 to 16 s; `test_choose.py` has them one by one.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from math import inf

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from paddock.cluster.policy import choose as deciding
from paddock.cluster.policy.books import ClusterBooks
from paddock.cluster.policy.choice import Wanted
from paddock.cluster.policy.facts import NodeFacts
from paddock.cluster.policy.weighing import HomeWeighing
from paddock.core.eviction import Resident, leavers
from tests.cluster.policy.test_properties import Cluster

pytestmark = pytest.mark.long

HUNT = settings(
    max_examples=200,
    stateful_step_count=40,
    deadline=None,
    database=None,
    phases=[Phase.generate],  # the shortest history is of no interest here
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)
SEARCHES = 12


def hunt(promise: str) -> None:
    """The bug is found by this promise in one of several searches, as in `tests/core`."""
    met = []
    for number in range(SEARCHES):
        machine = seed(number)(type("Searched", (Cluster,), {}))
        try:
            run_state_machine_as_test(machine, settings=HUNT)
        except AssertionError as error:
            met.append(str(error).partition("\n")[0])
            if re.match(promise, met[-1]):
                return
    pytest.fail(f"{promise!r} was never broken; in {SEARCHES} searches these were: {met}")


def test_promised_memory_that_is_forgotten_is_noticed(monkeypatch):
    def standing(self: ClusterBooks, facts: NodeFacts, now: float):
        return {m: c for m, c in facts.copies.items() if c.state != "ending"}

    monkeypatch.setattr(ClusterBooks, "standing", standing)
    hunt("memory over-committed")


def test_a_ready_home_that_is_passed_over_is_noticed(monkeypatch):
    monkeypatch.setattr(deciding._Decision, "_among_live", deciding._Decision._among_loads)
    hunt("a ready home is not used|moved for nothing")


def test_a_lost_node_that_is_still_used_is_noticed(monkeypatch):
    monkeypatch.setattr(ClusterBooks, "lost", lambda self, node: None)
    hunt("sent to a lost node")


def test_a_second_try_at_the_same_node_is_noticed(monkeypatch):
    init = HomeWeighing.__init__

    def forgetful(self: HomeWeighing, wanted: Wanted, books: ClusterBooks, now: float) -> None:
        init(self, replace(wanted, without=frozenset()), books, now)

    monkeypatch.setattr(HomeWeighing, "__init__", forgetful)
    hunt("sent where it was tried")


def test_a_pinned_one_that_leaves_is_noticed(monkeypatch):
    def unpinned(self: HomeWeighing, facts: NodeFacts, need, copies):
        residents: Sequence[Resident] = [self._resident(facts, m, c) for m, c in copies.items()]
        found = leavers(need, residents, [], facts.room)
        return None if found is None else tuple(r.instance for r in found)

    monkeypatch.setattr(HomeWeighing, "_leavers", unpinned)
    hunt("a pinned one left")


def test_a_model_that_is_given_up_where_it_is_ready_is_noticed(monkeypatch):
    monkeypatch.setattr(deciding._Decision, "_limit", lambda self, best: inf)
    hunt("a ready home is not used|moved for nothing|to and fro")
