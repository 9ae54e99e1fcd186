"""What switches cost together, who alternates, and which change would end it by its plans."""

from pathlib import Path

import msgspec
import pytest

from paddock.api.placement import DevicePlan, Plan
from paddock.api.stats import Alternation, Stats
from paddock.api.switches import SwitchEntry, SwitchPhase
from paddock.config.profile import Flag, Origin, Profile
from paddock.daemon.reports.remedies import Remedies, smaller_context, with_context
from paddock.daemon.reports.stats import summed
from paddock.errors import BadRequest
from paddock.http.past import _since
from tests.daemon.test_switch_progress import here
from tests.yard import yard


def entry(profile: str, left: str = "", *, waits: tuple[float, ...] = (2.0,), **fields: object):
    usual = {
        "profile": profile, "instance": f"{profile}.1", "ended_at": "2026-11-30T10:00:00.000Z",
        "seconds": 3.0, "outcome": "ready", "left": left.split(), "waits": list(waits),
        "phases": [
            SwitchPhase(name="stopping", seconds=1.0), SwitchPhase(name="loading", seconds=2.0),
        ],
    }  # fmt: skip
    return msgspec.convert(usual | fields, SwitchEntry)


def test_costs_add_up_and_who_was_waited_for_longest_comes_first():
    stats = summed(
        "",
        [
            entry("a", waits=(1.0, 4.0), read_again=100, read_again_seconds=0.5),
            entry("b", waits=()),
            entry("b", waits=(7.0,), outcome="failed"),
        ],
    )
    assert [row.profile for row in stats.profiles] == ["b", "a"]
    total = stats.total
    assert (total.switches, total.failed, total.seconds) == (3, 1, 9.0)
    assert (total.waits, total.waited, total.longest_wait) == (3, 12.0, 7.0)
    assert (total.read_again, total.read_again_seconds) == (100, 0.5)


def test_two_alternate_where_each_left_for_the_other():
    switches = [
        entry("b"), entry("a", "b"), entry("b", "a c", read_again=900, read_again_seconds=1.5),
        entry("a", "b"), entry("c", "d"), entry("a", "a"),
    ]  # fmt: skip
    [row] = summed("", switches).alternations
    assert (row.one, row.other, row.times) == ("a", "b", 3)
    assert (row.waited, row.loading, row.read_again, row.read_again_seconds) == (6.0, 6.0, 900, 1.5)


def test_the_costliest_alternations_come_first_and_are_bounded():
    switches = [
        entry(one, other, waits=(float(n),))
        for n in range(15)
        for one, other in ((f"a{n}", f"b{n}"), (f"b{n}", f"a{n}"))
    ]
    rows = summed("", switches).alternations
    assert [row.one for row in rows[:2]] == ["a14", "a13"]
    assert len(rows) == 10


def test_without_switches_there_is_nothing():
    assert summed("", []).total.switches == 0


# ---- what would end it, by plans of a made-up GPU of 24,000 MiB ----

KIB_PER_TOKEN = {"big": 256, "small": 64, "heavy": 1}
WEIGHTS = {"big": 9000, "small": 6000, "heavy": 20_000}  # MiB


def profile(name: str, ctx: int) -> Profile:
    return Profile(
        id=name, line=1, model=None, flags=(Flag("--ctx-size", (str(ctx),), Origin(name, "")),)
    )


async def planned(found: Profile) -> Plan:
    """As an engine would: memory grows evenly with the context."""
    ctx = found.ctx_size or 0
    device = DevicePlan(
        device="CUDA0", id="0000:01:00.0", model=WEIGHTS[found.id], compute=500, margin=1000,
        context=ctx * KIB_PER_TOKEN[found.id] // 1024, available=24_000,
    )  # fmt: skip
    return Plan(profile=found.id, source="engine", fits=True, devices=[device], n_ctx=ctx)


class MadeUpGpu:
    async def plan(self, profile: Profile) -> Plan:
        return await planned(profile)


async def judged(one: Profile, other: Profile, *, max_instances: int = 0) -> Alternation:
    row = Alternation(one=one.id, other=other.id, times=4)
    await Remedies(MadeUpGpu(), max_instances=max_instances).judge(row, one, other)
    return row


async def test_a_smaller_context_in_one_of_them_ends_it():
    row = await judged(profile("big", 32_768), profile("small", 32_768))
    assert row.fits is False
    assert row.why.startswith("CUDA0: ")
    [remedy] = row.remedies
    assert remedy.message == "with ctx-size = 19456 in big both fit"
    assert remedy.settings == {"big": "ctx-size = 19456"}
    assert (await judged(profile("big", 19_456), profile("small", 32_768))).fits
    assert not (await judged(profile("big", 24_576), profile("small", 32_768))).fits


async def test_where_one_is_not_enough_both_get_less():
    row = await judged(profile("big", 32_768), profile("small", 131_072))
    assert [remedy.settings for remedy in row.remedies] == [
        {"big": "ctx-size = 8192", "small": "ctx-size = 32768"}
    ]


async def test_where_weights_alone_are_too_much_nothing_is_proposed():
    row = await judged(profile("heavy", 32_768), profile("small", 32_768))
    assert (row.fits, row.remedies) == (False, [])


async def test_two_that_fit_are_kept_apart_by_a_setting_or_were_by_somebody_else():
    apart = await judged(profile("big", 8192), profile("small", 8192), max_instances=1)
    assert [r.message for r in apart.remedies] == [
        "max-instances = 1 in paddock.toml keeps them apart: by their plans both fit"
    ]
    assert (await judged(profile("big", 8192), profile("small", 8192))).remedies == []


async def test_two_that_share_an_rpc_server_get_no_advice_on_contexts():
    class OnRpc:
        async def plan(self, profile: Profile) -> Plan:
            plan = await planned(profile)
            plan.devices[0].device, plan.devices[0].id = "RPC0", "RPC0[127.0.0.1:50052]"
            return plan

    row = Alternation(one="big", other="small", times=2)
    await Remedies(OnRpc(), max_instances=0).judge(
        row, profile("big", 32_768), profile("small", 8192)
    )
    assert "RPC server" in row.why
    assert row.remedies == []


async def test_a_context_below_use_is_no_remedy():
    plan = await planned(profile("big", 8192))
    plan.devices[0].available = 18_000
    assert smaller_context(plan, await planned(profile("small", 32_768))) is None


def test_a_changed_profile_is_another_version_of_the_same():
    before = profile("big", 32_768)
    after = with_context(before, 8192)
    assert (after.id, after.ctx_size) == ("big", 8192)
    assert after.fingerprint != before.fingerprint


async def test_a_daemon_says_what_its_switches_cost(tmp_path: Path, models: Path):
    conf = "[alpha]\nmodel = alpha.gguf\n[beta]\nmodel = beta.gguf\n"
    async with yard(here(tmp_path, models, conf), max_instances=1) as home:
        for model in ("alpha", "beta", "alpha"):
            await home.answer(model)
        await home.daemon.chronicle.finish()
        stats = msgspec.convert(await home.get("/stats"), Stats)
        later = msgspec.convert(await home.get("/stats?since=2099-01-01T00:00:00Z"), Stats)
        refused = await home.get("/stats?since=yesterday")
    assert (stats.total.switches, stats.total.waits) == (3, 3)
    [row] = stats.alternations
    assert (row.one, row.other, row.times, row.fits) == ("alpha", "beta", 2, True)
    assert "max-instances = 1" in row.remedies[0].message
    assert later.total.switches == 0
    assert refused["error"]["message"] == "since: 'yesterday' is not a time"


@pytest.mark.parametrize("text", ["yesterday", "2026-11-30T25:00", "9999-12-31T23:59:59-12:00"])
def test_what_is_no_time_is_refused(text: str):
    with pytest.raises(BadRequest, match="is not a time"):
        _since(text)
