"""What is written of loads, and what is thought of them."""

from pathlib import Path

import msgspec
import pytest

from paddock.api.placement import Verdict
from paddock.config.profile import Flag, Origin, Profile
from paddock.core.model import Cause, ProfileId
from tests.daemon.chronicled import GPU, LOG, PLAN, World
from tests.yard import places, yard

# ---- loads ----


async def test_a_load_is_written_with_where_it_lies_and_what_is_thought_of_it(world: World):
    live = await world.loaded()
    entry = await world.load()
    assert (entry.instance, entry.outcome, entry.seconds) == (live.id, "ready", 2.5)
    assert (entry.engine, entry.engine_version) == ("native", "b11434")
    assert entry.devices == f"nvidia 580: NVIDIA H100 ({GPU})"
    assert entry.placement is not None
    assert (entry.placement.layers_offloaded, entry.placement.free) == (33, {"CUDA0": 8348})
    assert entry.verdict == Verdict(state="verified", placement="verified")
    assert world.reached == [entry.verdict]
    assert world.chronicle.verdict_of(live.id) == world.chronicle.verdicts[ProfileId("a")] == entry.verdict  # fmt: skip
    assert live.record.load_id == entry.id
    assert [record.load_id for record in world.records] == [entry.id]


@pytest.mark.parametrize("outcome", ["failed", "cancelled"])
async def test_a_load_that_came_to_nothing_is_written_with_its_cause(world: World, outcome: str):
    live = world.instance()
    world.chronicle.load_ended(live, outcome, 0.5, Cause("load_failed", "out of memory"))
    await world.chronicle.finish()
    entry = await world.load()
    assert (entry.outcome, entry.cause, entry.verdict) == (outcome, "out of memory", None)
    assert (world.reached, world.chronicle.verdict_of(live.id)) == ([], None)


async def test_what_lies_worse_than_before_is_reported_with_who_took_the_memory(world: World):
    del world.plans[world.profiles["a"].fingerprint]
    first = LOG.replace("8348", "80000")
    live = await world.loaded(log=first)
    world.end(live)
    await world.loaded(log=LOG.replace("33/33", "20/33"))
    assert [verdict.state for verdict in world.reached] == ["unknown", "degraded"]
    assert [reason.message for reason in (await world.verdict()).reasons] == [
        "20 layers on devices instead of 33",
        "CUDA0 had 70.0 GiB less free memory; other programs hold 71.0 GiB (hog)",
    ]


async def test_a_choice_of_devices_of_which_the_engine_sees_fewer_degrades_a_load(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,7")
    await world.loaded()
    [reason] = world.reached[0].reasons
    assert reason.code == "choice-unmatched"
    assert reason.message == "CUDA_VISIBLE_DEVICES=0,7 names 2 devices, the engine sees 1 (CUDA0)"


async def test_of_ours_the_one_beside_is_named(world: World):
    world.instance("b")
    await world.loaded(log=LOG.replace("33/33", "20/33").replace("8348", "3000"))
    assert [reason.code for reason in world.reached[0].reasons] == ["more-in-ram", "shared-memory"]
    assert "b is loaded there too" in world.reached[0].reasons[1].message


async def test_slots_with_their_own_caches_are_not_taken_for_a_cut_context(world: World):
    four = Flag("--parallel", ("4",), Origin("a", "parallel"))
    own = world.define(Profile("a", 1, None, (four,)))
    world.plans.clear()
    world.plans[own.fingerprint] = msgspec.structs.replace(PLAN, n_ctx=32768)
    live = world.instance()
    live.report.note_context(8192)  # as the server says of a slot
    world.chronicle.load_ended(live, "ready", 1.0, None)
    await world.chronicle.finish()
    assert (await world.verdict()).state == "verified"


async def test_one_that_has_ended_is_judged_no_more(world: World):
    live = world.instance()
    world.chronicle.load_ended(live, "ready", 1.0, None)
    world.chronicle.ended(live.id)
    await world.chronicle.finish()
    await world.answered(live, 40.0)
    assert (await world.load()).samples == 0
    assert (world.reached, world.chronicle.verdict_of(live.id)) == ([], None)


# ---- with a real daemon and a real model ----


async def test_a_real_load_is_verified_against_its_plan_and_measured_by_a_probe(
    tmp_path: Path, models: Path
):
    paths = places(tmp_path / "yard", "[endless]\nmodel = endless.gguf\n")
    paths = msgspec.structs.replace(paths, models_dir=models)
    async with yard(paths, plan_ahead=True, probe_after=0.2) as home:
        (own,) = home.daemon.roster.stable.profiles.values()
        await home.until(lambda _: home.daemon.plans.engine_plan(own.fingerprint))
        await home.post("/switch", {"model": "endless", "wait": True})
        status = await home.until(
            lambda s: any(i.verdict and i.verdict.samples for i in s.instances)
        )
        (instance,) = status.instances
        assert instance.verdict is not None
        assert (instance.verdict.placement, instance.verdict.reasons) == ("verified", [])
        history = home.daemon.chronicle.history
        (entry,) = await history.loads("endless")
        assert (entry.outcome, entry.samples, entry.verdict) == ("ready", 1, instance.verdict)
        assert entry.devices == home.daemon.parts.ledger.device_set
