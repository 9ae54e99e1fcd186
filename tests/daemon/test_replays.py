"""Which loads are given their plan's placement, on a GPU that is made up and beside others that stay or leave."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from paddock.api.placement import DevicePlan, Plan
from paddock.config.profile import Profile
from paddock.core.live import Coming, Ending, Live, Serving
from paddock.core.model import DeviceId, InstanceId, ProfileId
from paddock.daemon.faults import Faults
from paddock.daemon.memory.replays import Replays
from paddock.engine.engine import Engine
from paddock.llama.flags import FlagSet
from tests.daemon.ledgers import FIRST, NOTHING, gpu, ledger
from tests.placement.ground import written

OWN = InstanceId("m.2")
ENGINE = Engine("native", "native", ("llama-server",), "1", 1, FlagSet.of(()), "1")
FLAGS = ["--fit", "off", "--n-gpu-layers", "33"]


@dataclass
class Place:
    """A GPU of 24,000 MiB, of which so much is free, and a plan that counted with 20,000 and needs 10,000."""

    free: int = 20_000
    live: dict[InstanceId, Live] = field(default_factory=dict)  # as the scheduler has them
    readings: int = 0

    def __post_init__(self) -> None:
        self.ledger = ledger(gpu(0, self.free))
        device = DevicePlan(device="CUDA0", id=FIRST, model=10_000, margin=1024, available=20_000)
        self.plan: Plan | None = Plan(
            profile="m", source="engine", fits=True, devices=[device], replay=FLAGS, gpus=[FIRST]
        )

    def engine_plan(self, _: str) -> Plan | None:
        return self.plan

    def measure(self) -> None:
        self.readings += 1
        self.ledger.read(NOTHING)

    def flags(
        self,
        profile: Profile | None = None,
        engine: Engine = ENGINE,
        *,
        leavers: tuple[InstanceId, ...] = (),
    ) -> list[str]:
        """What a load is given; nothing where fit searches."""
        own: Any = self
        replays = Replays(own, self.ledger, own, own, Faults())
        given = replays.of(profile or written(), engine, OWN, leavers=leavers)
        return given.flags if given else []

    def beside(self, state: Coming | Serving | Ending, mib: int, id_: str = "other.1") -> "Place":
        other = InstanceId(id_)
        self.live[other] = Live(other, ProfileId("other"), {DeviceId(FIRST): mib}, "", state)
        return self


def test_the_devices_are_read_anew_for_each_load():
    place = Place()
    assert place.flags() == FLAGS
    assert place.readings == 1


def test_what_another_program_took_since_is_left_to_fit():
    assert Place(free=12_000).flags() == FLAGS, "enough for it and its margin"
    assert Place(free=11_000).flags() == []


def test_whoever_is_still_booked_takes_room_also_while_it_ends():
    for state in (Serving(0, 0), Ending()):
        assert Place().beside(state, 9_500).flags() == []
        assert Place().beside(state, 8_500).flags() == FLAGS
    assert Place().beside(Coming(0), 9_500, OWN).flags() == FLAGS, "that is itself"


def test_who_will_be_gone_before_it_allocates_takes_none():
    place = Place().beside(Ending(), 9_500, "other.1")
    assert place.flags(leavers=(InstanceId("other.1"),)) == FLAGS


def test_a_profile_that_forbids_it_a_container_and_no_plan_are_left_to_fit():
    unplanned = Place()
    unplanned.plan = None
    assert unplanned.flags() == []
    assert Place().flags(written(replay_fit="off")) == []
    assert Place().flags(engine=replace(ENGINE, kind="container")) == []


def test_a_driver_that_fails_costs_the_replay_and_not_the_load(monkeypatch: pytest.MonkeyPatch):
    place = Place()
    monkeypatch.setattr(place, "measure", lambda: 1 / 0)
    assert place.flags() == []
