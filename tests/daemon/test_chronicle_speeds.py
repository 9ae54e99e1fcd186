"""Speeds: which requests tell one, how often it is written, and what is thought of it."""

import pytest

from paddock.config.profile import Profile
from paddock.core.events import (
    Adopted,
)
from paddock.core.model import InstanceId, ProfileId
from paddock.daemon.history import observer as observer_module
from paddock.daemon.memory import ledger as ledger_module
from paddock.host.memory import Memory
from tests.daemon.chronicled import LONG, SHORT, World

# ---- speeds ----


async def test_an_answer_of_a_few_tokens_gives_no_speed(world: World):
    live = await world.loaded()
    await world.answered(live, 40.0, tokens=SHORT)
    assert (await world.load()).samples == 0
    assert (world.chronicle.speed_of(live.id), world.chronicle.speeds) == (None, {})
    await world.answered(live, 40.0, tokens=LONG)
    await world.answered(live, 4.0, tokens=SHORT)
    assert world.chronicle.speeds[live.profile].generation == 40.0
    entry = await world.load()
    assert (entry.samples, entry.generation, entry.prompt) == (1, 40.0, None)


async def test_a_long_prompt_gives_its_own_speed(world: World):
    live = await world.loaded()
    await world.answered(live, 40.0, tokens=SHORT, prompt=128)
    entry = await world.load()
    assert (entry.samples, entry.generation, entry.prompt) == (1, None, 400.0)
    world.now = 1.0
    await world.answered(live, 40.0, tokens=LONG, prompt=127)
    assert (await world.load()).prompt == 400.0


async def test_of_many_requests_one_a_second_is_written_and_all_are_weighed(world: World):
    live = await world.loaded()
    for _ in range(5):
        await world.answered(live, 40.0)
    world.now = 0.9
    await world.answered(live, 40.0)
    assert (await world.load()).samples == 1
    world.now = 10.0
    await world.answered(live, 50.0)
    assert (await world.load()).samples == 2
    assert world.reached[-1].samples == 7
    assert world.reached[-1].generation == 40.0


async def test_it_is_judged_anew_every_ten_seconds_and_reported_when_that_changes_anything(
    world: World,
):
    live = await world.loaded()
    await world.answered(live, 40.0)
    assert [verdict.samples for verdict in world.reached] == [0, 1]
    world.now = 9.9
    await world.answered(live, 40.0)
    assert len(world.reached) == 2
    world.now = 10.0
    await world.answered(live, 40.0)
    assert [verdict.samples for verdict in world.reached] == [0, 1, 3]


async def test_the_same_verdict_is_reported_once(world: World):
    live = await world.loaded()
    world.chronicle.adopted(live)
    await world.chronicle.finish()
    assert len(world.reached) == 1


async def test_slower_than_its_owner_said_is_degraded_and_says_what_holds_it_down(world: World):
    world.define(Profile("a", 1, None, (), expected_speed=40.0))
    world.gpus.throttled = ("thermal", "power")
    live = await world.loaded()
    assert world.reached[-1].state == "verified"
    await world.answered(live, 20.0)
    found = await world.verdict()
    assert (found.state, found.speed, found.expected_generation) == ("degraded", "degraded", 40.0)
    assert [reason.code for reason in found.reasons] == [
        "slower-than-expected",
        "thermal-limit",
        "power-limit",
    ]


async def test_slower_than_the_best_of_the_same_kind_is_degraded(world: World):
    for speed in (40.0, 50.0, 20.0):
        live = await world.loaded()
        await world.answered(live, speed)
        world.end(live)
        world.now += 20
    found = await world.verdict()
    assert [reason.code for reason in found.reasons] == ["slower-than-best"]
    assert (found.generation, found.expected_generation) == (20.0, 50.0)


async def test_while_the_machine_swaps_that_is_why(world: World, monkeypatch: pytest.MonkeyPatch):
    def swapped(pages: int) -> None:
        monkeypatch.setattr(ledger_module, "read_memory", lambda: Memory(pages_swapped_in=pages))
        world.ledger.read({})

    world.define(Profile("a", 1, None, (), expected_speed=40.0))
    swapped(1000)
    live = await world.loaded()
    swapped(1001)
    await world.answered(live, 20.0)
    codes = [reason.code for reason in (await world.verdict()).reasons]
    assert codes == ["slower-than-expected", "swapping"]


# ---- whose speed it is ----


async def test_a_request_alone_is_measured(world: World):
    live = await world.loaded()
    world.ask("a", 1)
    await world.answered(live, 40.0)
    world.leave(1)
    world.ask("a", 2)
    world.leave(2)
    world.now = 1.0
    await world.answered(live, 40.0)  # its line came later
    assert (await world.load()).samples == 2


async def test_requests_at_once_are_left_out(world: World):
    live = await world.loaded()
    world.ask("a", 1)
    world.ask("a", 2)
    await world.answered(live, 20.0)
    assert (await world.load()).samples == 0
    assert world.chronicle.speeds == {}
    assert world.chronicle.speed_of(live.id) is None


async def test_so_is_the_one_that_ends_last_and_the_first_whose_line_comes_late(world: World):
    live = await world.loaded()
    world.ask("a", 1)
    world.ask("a", 2)
    world.leave(1)
    await world.answered(live, 20.0)
    world.leave(2)
    await world.answered(live, 20.0)
    assert (await world.load()).samples == 0
    world.ask("a", 3)
    await world.answered(live, 40.0)
    assert (await world.load()).samples == 1
    shown = world.chronicle.speed_of(live.id)
    assert shown == world.chronicle.speeds[live.profile]
    assert shown is not None
    assert shown.generation == 40.0


async def test_others_at_work_on_its_device_are_a_reason(world: World):
    world.define(Profile("a", 1, None, (), expected_speed=40.0))
    live, other = await world.loaded(), await world.loaded("b")
    world.ask("a", 1)
    world.ask("b", 2)
    world.leave(2)
    await world.answered(live, 20.0)  # the other has gone already
    assert (await world.load()).samples == 0
    world.leave(1)
    world.ask("a", 3)
    await world.answered(live, 20.0)
    found = await world.verdict()
    assert [reason.code for reason in found.reasons] == ["slower-than-expected", "device-shared"]
    await world.answered(other, 40.0)
    assert (await world.load("b")).samples == 0  # `a` works there now


async def test_an_idle_neighbour_does_not_matter_and_one_that_loads_does(world: World):
    live = await world.loaded()
    await world.loaded("b")
    await world.answered(live, 40.0)
    assert (await world.load()).samples == 1
    loading = InstanceId("b.9")
    world.scheduler.handle(Adopted(loading, ProfileId("b"), "f", ready=False), 0)
    world.now = 1.0
    await world.answered(live, 20.0)
    assert (await world.load()).samples == 1


async def test_what_waited_for_a_cpu_is_judged_by_later_requests(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    """Of 10 s each the first request's instance waits 3, the others' 1."""
    queue = {"waited": 0.0}
    monkeypatch.setattr(observer_module, "waited", lambda _: queue["waited"])
    world.define(Profile("a", 1, None, (), expected_speed=40.0))
    live = await world.loaded()
    said = []
    for ticket, more, speed in ((1, 3.0, 6.2), (2, 1.0, 40.0), (3, 1.0, 40.0)):
        world.ask("a", ticket)
        world.now, queue["waited"] = world.now + 10, queue["waited"] + more
        await world.answered(live, speed)
        world.leave(ticket)
        found = await world.verdict()
        said.append((found.state, [reason.code for reason in found.reasons]))
    assert said == [("unknown", ["machine-busy"]), ("verified", []), ("verified", [])]
