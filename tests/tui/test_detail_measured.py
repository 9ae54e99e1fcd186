"""What a profile's last benchmark and study found, in its detail."""

from io import StringIO

from rich.console import Console

from paddock.api.bench import BenchedProfile, BenchRun, DepthFigures, RunSummary
from paddock.api.tunings import Tuning, TuningList, TuningSummary, TuningTrial
from paddock.bench.spread import spread_of
from paddock.tui.detail_measured import measured_of
from tests.tui.screens import Deaf

AT = "2026-11-30T10:00:00+00:00"


def _depth(depth: int, write: float, read: float) -> DepthFigures:
    return DepthFigures(
        depth=depth, generation=spread_of([write]), prompt=spread_of([read]), first_token=spread_of([0.25])
    )  # fmt: skip


def _trial(number: int, score: float, **changes: str) -> TuningTrial:
    return TuningTrial(
        number=number, choices={}, changes=dict(changes), state="measured", score=spread_of([score]),
        generation=score, context=4096, free_mib=2048,
    )  # fmt: skip


class Kept(Deaf):
    """One benchmark, and one study."""

    def bench_runs(self, limit: int | None = None) -> list[RunSummary]:
        other = RunSummary(id=4, begun_at=AT, outcome="done", profiles=["b"])
        return [other, RunSummary(id=3, begun_at=AT, outcome="done", profiles=["a", "b"])]

    def bench_run(self, number: int) -> BenchRun:
        assert number == 3, "the last one that has it"
        one = BenchedProfile(
            profile="a", outcome="done", depths=[_depth(512, 60, 900), _depth(4096, 30, 450)]
        )
        return BenchRun(id=3, begun_at=AT, outcome="done", version="", repeat=1, answer=1, profiles=[one])  # fmt: skip

    def tunings(self, profile: str | None = None, limit: int | None = None) -> TuningList:
        return TuningList(
            tunings=[TuningSummary(id=7, profile="a", goal="chat", outcome="done", begun_at=AT)]
        )

    def tuning(self, number: int) -> Tuning:
        return Tuning(
            id=number, profile="a", goal="chat", outcome="done", begun_at=AT, verdict="better",
            trials=[_trial(1, 40.0), _trial(2, 60.0, threads="8"), _trial(3, 50.0)], front=[2],
            today=spread_of([40.0]), best=spread_of([60.0]),
        )  # fmt: skip


def _lines(daemon: Deaf) -> list[str]:
    out = StringIO()
    Console(file=out, width=120, color_system=None).print(measured_of(daemon, "a"))
    return [" ".join(line.split()) for line in out.getvalue().splitlines() if line.strip()]


def test_speeds_over_depth_and_what_a_study_found_are_bars() -> None:
    assert _lines(Kept()) == [
        "benchmark 3, 2026-11-30 10:00, by depth",
        "tokens writes reads first token",
        f"512 {20 * '█'} 60.0 t/s {20 * '█'} 900 t/s 0.2 s",
        f"4,096 {10 * '█'} 30.0 t/s {10 * '█'} 450 t/s 0.2 s",
        "tuning 7 for chat, 2026-11-30 10:00: +50.0%",
        "score writes context left free with",
        f"{13 * '█'} 40.0 40.0 t/s 4,096 2.0 GiB today's flags",
        f"{20 * '█'} 60.0 60.0 t/s 4,096 2.0 GiB threads 8",
    ]


def test_a_profile_that_was_never_measured_has_no_such_lines() -> None:
    assert _lines(Deaf()) == []
