"""The lines at the foot of the screen: what happened, worded once, when it happened. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from paddock import excerpt
from paddock.api.bench import BenchNow
from paddock.api.events import ConfigChanged, SwitchEnded
from paddock.api.placement import Verdict
from paddock.api.pulls import PullInfo
from paddock.api.tunings import TRIAL_SUFFIX, TuningNow
from paddock.api.types import Failure
from paddock.figures.units import plural, seconds
from paddock.tui.problems import ConfProblem, mistakes
from paddock.tui.state import Notice, NoticeKind, View

KEPT = 50
_VERIFIED = ", verified"


def noted(view: View, kind: NoticeKind, text: str, now: float, *, profile: str = "") -> View:
    """With one more line; of the oldest ones the last fifty are kept."""
    line = excerpt.line(" ".join(text.split()))
    if view.notices and (view.notices[-1].kind, view.notices[-1].text) == (kind, line):
        view = replace(view, notices=view.notices[:-1])  # said a moment ago: it is as new as this
    return replace(view, notices=(*view.notices, Notice(kind, line, now, profile))[-KEPT:])


def switch_noted(view: View, ended: SwitchEnded, now: float) -> View:
    """How a switch ended."""
    return noted(view, ended.outcome, _ending(ended), now, profile=ended.profile)


def crash_noted(view: View, profile: str, failure: Failure, now: float) -> View:
    """What served has ended and was not meant to."""
    return noted(view, "failed", f"{profile}: {reason(profile, failure)}", now, profile=profile)


def verdict_noted(
    view: View, profile: str, verdict: Verdict, before: Verdict | None, now: float
) -> View:
    """Good news is added to the line about the load, bad news gets its own."""
    if verdict.state == "verified":
        return _verified(view, profile)
    if verdict.state != "degraded" or (before and complaint(before) == complaint(verdict)):
        return view
    return noted(view, "degraded", f"{profile} {complaint(verdict)}", now, profile=profile)


def yield_noted(view: View, now: float) -> View:
    """The GPUs were yielded, or are ours again."""
    info = view.yielded
    return noted(view, "yield", info.in_words() if info else "the GPUs are Paddock's again", now)


def pull_noted(view: View, pull: PullInfo, now: float) -> View:
    """How a download goes: one line, which goes on as long as nothing else is said."""
    last = view.notices[-1] if view.notices else None
    if last and last.kind == "pull" and last.text.startswith(f"{pull.model}: "):
        view = replace(view, notices=view.notices[:-1])
    return noted(view, "pull", f"{pull.model}: {pull.in_words()}", now)


def tuning_noted(view: View, tuning: TuningNow, now: float) -> View:
    """How a study goes: one line, as of a download."""
    last = view.notices[-1] if view.notices else None
    if last and last.kind == "tuning" and last.profile == tuning.profile:
        view = replace(view, notices=view.notices[:-1])
    left = f", at most {seconds(tuning.eta)} left" if tuning.eta else ""
    text = f"{tuning.profile}: {tuning.in_words()}{left}"
    return noted(view, "tuning", text, now, profile=tuning.profile)


def bench_noted(view: View, bench: BenchNow, now: float) -> View:
    """How a benchmark goes: one line over all its profiles, as of a download."""
    last = view.notices[-1] if view.notices else None
    if last and last.kind == "bench":
        view = replace(view, notices=view.notices[:-1])
    left = f", about {seconds(bench.eta)} left" if bench.eta else ""
    text = f"{bench.profile}: {bench.in_words()}{left}"
    return noted(view, "bench", text, now, profile=bench.profile)


def config_noted(view: View, event: ConfigChanged, now: float) -> View:
    """What was applied, or why nothing was."""
    named = [*event.changed, *event.added, *event.removed]
    if named and all(name.endswith(TRIAL_SUFFIX) for name in named):
        return view  # flags of a trial: of no file
    if found := mistakes(event.config):
        return noted(view, "config", not_applied(found), now)
    return noted(view, "config", f"models.conf was read again: {changes(event)}", now)


def not_applied(found: Sequence[ConfProblem]) -> str:
    """Why models.conf, as it is now, changes nothing: its first mistake, and how many more there are."""
    more = f", and {len(found) - 1} more" if len(found) > 1 else ""
    return f"models.conf was not applied: {found[0].text}{more}"


def changes(event: ConfigChanged) -> str:
    """`changed a, b; added c`."""
    lists = {"changed": event.changed, "added": event.added, "removed": event.removed}
    facts = [f"{word} {', '.join(names)}" for word, names in lists.items() if names]
    return "; ".join(facts) or "nothing changed"


def complaint(verdict: Verdict) -> str:
    """`degraded: 33 graph splits instead of 5`; of one that is well, its state alone."""
    found = "; ".join(reason.message for reason in verdict.reasons)
    is_reported = verdict.state == "degraded" and found
    return f"is {verdict.state}: {found}" if is_reported else f"is {verdict.state}"


def reason(profile: str, failure: Failure | None) -> str:
    """What a failure says, without the profile's name that every line begins with anyway."""
    return failure.message.removeprefix(f"{profile} ") if failure else "no reason was given"


def _ending(ended: SwitchEnded) -> str:
    match ended.outcome:
        case "ready":
            return f"{ended.profile} is ready after {seconds(ended.seconds)}"
        case "cancelled":
            return (
                f"{ended.profile}: cancelled after {seconds(ended.seconds)}{_back(ended.restored)}"
            )
        case "failed":
            why = reason(ended.profile, ended.failure)
            return f"{ended.profile}: failed: {why}{_back(ended.restored)}"


def _back(restored: Iterable[str]) -> str:
    names = list(restored)
    return f"; {', '.join(names)} {plural(len(names), 'comes', 'come')} back" if names else ""


def _verified(view: View, profile: str) -> View:
    """The verdict on a load comes a moment after it."""
    own = [i for i, notice in enumerate(view.notices) if notice.profile == profile]
    if not own or view.notices[own[-1]].kind != "ready":
        return view
    last = view.notices[own[-1]]
    text = last.text.removesuffix(_VERIFIED) + _VERIFIED
    notices = list(view.notices)
    notices[own[-1]] = replace(last, text=text)
    return replace(view, notices=tuple(notices))
