"""What is reported of a switch while it happens: stages in their order, and how far a load is."""

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest

from paddock.api.events import SwitchEnded, SwitchProgress
from paddock.api.types import Progress
from paddock.config.settings import Paths
from paddock.daemon.activity.switches import mib_done
from paddock.daemon.instances import phase as ph
from paddock.daemon.instances.stages import Stages
from paddock.llama.output import StateLine
from paddock.llama.scripted import ScriptedModel, write
from tests.yard import Yard, places, yard

# In the order of a switch; stages may be left out, as nobody looks in between.
ORDER = [
    "queued", "draining", "saving", "stopping", "memory",
    "starting", "fitting", "loading", "warming", "ready",
]  # fmt: skip


@pytest.fixture(scope="module")
def heavy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """600 MB that have to be read."""
    model = ScriptedModel(say="I am heavy.", name="heavy", dense=True, target_mib=600)
    return write(tmp_path_factory.mktemp("heavy") / "heavy.gguf", model)


def here(tmp_path: Path, models: Path, conf: str) -> Paths:
    return msgspec.structs.replace(places(tmp_path / "yard", conf), models_dir=models)


def make_cold(path: Path) -> None:
    """Drop it from the page cache, so that loading it is real reading."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


async def switch(home: Yard, model: str) -> list[Progress]:
    """All that was reported of one switch to `model`."""
    reported: list[Progress] = []
    with home.daemon.bus.subscribe() as events:
        await anext(events)  # the snapshot: from now on everything is reported
        await home.post("/switch", {"model": model, "wait": False})
        async for event in events:
            if isinstance(event, SwitchProgress) and event.profile == model:
                reported.append(event.progress)
            if isinstance(event, SwitchEnded) and event.profile == model:
                assert event.outcome == "ready"
                return reported
    raise AssertionError("the bus was closed")


def stages(reported: Iterable[Progress]) -> list[str]:
    """Each stage once for as long as it lasted."""
    names: list[str] = []
    for progress in reported:
        if not names or names[-1] != progress.stage:
            names.append(progress.stage)
    return names


def fractions(reported: list[Progress]) -> list[float]:
    return [p.fraction for p in reported if p.stage == "loading" and p.fraction is not None]


async def test_a_load_on_the_cpu_says_how_far_it_is_and_then_how_long_it_takes(
    tmp_path: Path, heavy: Path
):
    """With mmap the server itself reports 0 and 1 only; the rest is read from /proc."""
    paths = here(tmp_path, heavy.parent, f"[heavy]\nmodel = {heavy.name}\n")
    loads: list[list[Progress]] = []
    async with yard(paths) as home:
        while len(loads) < 2 or (not seen_halfway(loads) and len(loads) < 8):
            make_cold(heavy)  # a fast disk may still have it between two looks: then once more
            loads.append(await switch(home, "heavy"))
            await home.post("/unload", {"model": "heavy"})
            await home.until(lambda s: not s.instances)
    assert seen_halfway(loads), loads
    size = heavy.stat().st_size >> 20
    for load in loads:
        assert fractions(load) == sorted(fractions(load))
        assert {p.mib_total for p in load if p.stage == "loading"} <= {size, size + 1}
        assert all((p.mib_done or 0) <= size + 1 for p in load)
    assert all(p.eta is None for p in loads[0])
    etas = [p.eta for p in loads[1] if p.eta is not None]
    assert etas
    assert etas == sorted(etas, reverse=True)


def seen_halfway(loads: list[list[Progress]]) -> bool:
    return any(0 < fraction < 1 for load in loads for fraction in fractions(load))


async def test_the_stages_of_a_switch_come_in_their_order(tmp_path: Path, models: Path):
    conf = "[alpha]\nmodel = alpha.gguf\n[beta]\nmodel = beta.gguf\n"
    async with yard(here(tmp_path, models, conf), max_instances=1) as home:
        first = await switch(home, "alpha")
        second = await switch(home, "beta")
    for reported in (first, second):
        names = stages(reported)
        assert names == sorted(names, key=ORDER.index)
        assert names[-1] == "ready"
    assert "stopping" in stages(second)
    assert {p.part for p in second if p.stage in ("draining", "stopping", "memory")} == {"alpha"}
    assert not any(p.part for p in first if p.stage != "loading")


async def test_nobody_waits_for_itself_by_its_progress(tmp_path: Path, models: Path):
    """Its profile was changed while it ran: the old instance leaves, the new one is started."""
    conf = "[alpha]\nmodel = alpha.gguf\n"
    paths = here(tmp_path, models, conf)
    async with yard(paths, max_instances=1) as home:
        await switch(home, "alpha")
        paths.config.write_text(paths.config.read_text() + "temp = 0.5\n")
        await home.until(lambda s: all(i.stale for i in s.instances))
        reported = await switch(home, "alpha")
    assert stages(reported) == sorted(stages(reported), key=ORDER.index)
    assert "alpha" not in {p.part for p in reported}


# ---- three voices that come in no fixed order ----


def heard(*words: StateLine | str | int) -> list[ph.Phase]:
    """The phases after each of these: a state line, a hint of the log, or MiB of 100."""
    life, phases = Stages(), list[ph.Phase]()
    phase: ph.Phase = ph.Starting()
    for word in words:
        match word:
            case StateLine():
                phase = life.after_state(phase, word)
            case str():
                phase = life.after_hint(phase, word)
            case int():
                phase = life.after_look(phase, mib_done=word, mib_total=100)
        phases.append(phase)
    return phases


def state(fraction: float | None, part: str = "text_model") -> StateLine:
    return StateLine("loading", part, fraction)


def test_a_model_is_announced_before_it_is_fitted():
    phases = heard(state(0.0), "fitting", "loading", 40, state(1.0))
    assert phases == [
        ph.Starting(),
        ph.Fitting(),
        ph.Loading("text_model"),
        ph.Loading("text_model", 0.4),
        ph.Warming(),
    ]


def test_the_log_may_be_ahead_of_the_protocol():
    phases = heard("fitting", state(0.0), "loading", state(0.0))
    assert phases[1] == ph.Fitting()
    assert phases[-1] == ph.Loading("text_model")


def test_all_that_was_written_in_one_moment_does_not_lead_back():
    """The log is read before the protocol."""
    phases = heard("fitting", "loading", "warming", state(0.0), state(0.0), state(0.5), state(1.0))
    assert phases[2:] == [ph.Warming()] * 5


def test_an_engine_whose_log_is_silent_reports_fractions():
    assert heard(state(0.0), state(0.35)) == [ph.Starting(), ph.Loading("text_model", 0.35)]


def test_what_the_engine_reports_is_not_outdone_by_estimates():
    phases = heard("loading", state(0.0), state(0.35), 90, state(0.3))
    assert phases[2:] == [ph.Loading("text_model", 0.35)] * 3


def test_a_draft_model_follows_with_a_bar_of_its_own():
    phases = heard(
        "loading", 70, state(1.0), state(0.0, "spec_model"), 80, state(1.0, "spec_model")
    )
    assert phases[2:] == [
        ph.Warming(),
        ph.Loading("spec_model"),
        ph.Loading("spec_model"),
        ph.Warming(),
    ]


@pytest.mark.parametrize(
    ("phase", "seen", "done"),
    [
        (ph.Loading("text_model", 0.65), 293, 327),  # the engine's own fraction counts
        (ph.Loading("text_model", None), 293, 293),
        (ph.Loading("text_model", None), 9000, 503),
        (ph.Loading("text_model", None), None, 0),
        (ph.Loading("mmproj_model", 0.1), 500, None),  # of the projector alone
        (ph.Warming(), 503, None),
    ],
)
def test_percent_and_mib_are_of_one_source(phase: ph.Phase, seen: int | None, done: int | None):
    assert mib_done(phase, seen, 503) == done
