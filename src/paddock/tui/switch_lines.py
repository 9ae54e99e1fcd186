"""Switches as lines: what happens, how far, how fast, how long still; or why it failed. Pure."""

from dataclasses import dataclass

from paddock.api.types import Progress, Stage
from paddock.figures.units import age, mib, percent, plural, rate, seconds
from paddock.tui.notices import reason
from paddock.tui.state import Switch, View

_STAGES: dict[Stage, str] = {
    "downloading": "downloading",
    "queued": "waiting for its turn",
    "draining": "draining",
    "saving": "saving the context",
    "stopping": "stopping",
    "memory": "waiting for memory",
    "starting": "starting",
    "fitting": "fitting",
    "loading": "loading",
    "warming": "warming",
    "restoring": "restoring the context",
    "ready": "verifying",
    "failed": "failed",
    "cancelled": "cancelled",
}
_LEAST_WATCHED = 0.5  # seconds of reading before a rate is shown


@dataclass(frozen=True, slots=True)
class SwitchLine:
    """A switch in one line, or why it failed."""

    profile: str
    stage: str  # in words: `loading projector`, `draining qwen-coder-30b`
    fraction: float | None  # 0 to 1; None: nobody knows, the bar runs to and fro
    percent: str
    amount: str  # `6.1 GiB of 14.2 GiB`
    rate: str
    elapsed: str
    left: str  # `about 6 s left`
    failure: str  # empty while it goes on
    hint: str
    log: tuple[str, ...]  # the last lines of a failed instance
    restored: tuple[str, ...]  # who comes back after the failure

    @property
    def text(self) -> str:
        """All of it."""
        if self.failure:
            comes = plural(len(self.restored), "comes", "come")
            back = f"; {', '.join(self.restored)} {comes} back" if self.restored else ""
            return f"{self.profile} failed after {self.elapsed}: {self.failure}{back}"
        facts = (self.percent, self.amount, self.rate, self.elapsed, self.left)
        return f"{self.profile}: {', '.join([self.stage, *filter(None, facts)])}"


def switch_lines(view: View, now: float) -> tuple[SwitchLine, ...]:
    """Those going on, then those that failed and were not read yet."""
    ordered = sorted(view.switches.values(), key=lambda switch: switch.failure is not None)
    return tuple(switch_line(switch, now) for switch in ordered)


def switch_line(switch: Switch, now: float) -> SwitchLine:
    progress, failure = switch.progress, switch.failure
    passed = 0.0 if failure else max(now - switch.reported, 0.0)
    elapsed = switch.reported - switch.began if failure else progress.elapsed + passed
    share = None if failure else fraction(progress)
    return SwitchLine(
        profile=switch.profile,
        stage="failed" if failure else stage(progress),
        fraction=share,
        percent=percent(share),
        amount="" if failure else _amount(progress),
        rate="" if failure else rate(loading_rate(switch)),
        elapsed=seconds(elapsed),
        left="" if failure else _left(progress, passed),
        failure=reason(switch.profile, failure) if failure else "",
        hint=failure.hint if failure else "",
        log=tuple(failure.log) if failure else (),
        restored=switch.restored,
    )


def stage(progress: Progress) -> str:
    """What happens, in words, and who is waited for."""
    part = progress.part_in_words
    word = _STAGES[progress.stage]
    if not part:
        return word
    return f"{word} of {part}" if progress.stage in ("memory", "saving") else f"{word} {part}"


def fraction(progress: Progress) -> float | None:
    """How far its bar is."""
    return 1.0 if progress.is_in_place else progress.fraction


def loading_rate(switch: Switch) -> float | None:
    """MiB/s since its first byte was reported."""
    done = switch.progress.mib_done
    if switch.first is None or done is None or switch.progress.stage != "loading":
        return None
    since, before = switch.first
    watched = switch.reported - since
    return (done - before) / watched if watched >= _LEAST_WATCHED and done > before else None


def _amount(progress: Progress) -> str:
    if progress.mib_total is None or progress.mib_done is None:
        return ""
    return f"{mib(progress.mib_done)} of {mib(progress.mib_total)}"


def _left(progress: Progress, passed: float) -> str:
    left = (progress.eta or 0.0) - passed
    return f"about {age(left)} left" if left >= 1 else ""
