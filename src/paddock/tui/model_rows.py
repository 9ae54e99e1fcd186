"""A row of the table of models: a profile, or a variant of one. Pure."""

from dataclasses import dataclass

from paddock.api.types import ProfileInfo, VariantInfo
from paddock.figures.units import age, ago, mib, percent, speed, tokens, unix
from paddock.tui.marks import STATES, VERDICTS, Mark
from paddock.tui.notices import reason
from paddock.tui.state import View
from paddock.tui.switch_lines import fraction, stage


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One profile or variant in one line; an empty string where there is nothing to show."""

    id: str
    title: str
    state: Mark
    note: str  # what is remarkable just now: `42 %`, `2 waiting`, why it failed
    size: str
    context: str
    speed: str  # measured, and what is promised: `105 / ~112 t/s`
    verdict: Mark | None
    last_used: str
    is_current: bool  # it answers requests that name no model
    is_pinned: bool
    is_bench: bool
    measured: str = ""  # the speed alone: `105 t/s`; before it was measured, what is promised
    used_ago: str = ""  # `3 min`: `last_used` for narrow columns
    variant_of: str = ""  # the profile whose instance it is another name for


def model_row(view: View, profile: ProfileInfo, now: float) -> ModelRow:
    return ModelRow(
        id=profile.id,
        title=profile.title,
        state=STATES[profile.state],
        note=_note(view, profile),
        size=mib(profile.size_mib),
        context=tokens(_context(view, profile)),
        speed=speeds(profile),
        verdict=VERDICTS[profile.verdict.state] if profile.verdict else None,
        last_used=last_used(view, profile, now),
        is_current=profile.id == view.current,
        is_pinned=profile.pin,
        is_bench=profile.bench,
        measured=_measured(profile),
        used_ago=_used_ago(view, profile, now),
    )


def variant_row(base: ModelRow, variant: VariantInfo) -> ModelRow:
    """A variant stands as its profile does, whose row has the figures."""
    return ModelRow(
        id=variant.id,
        title=variant.title,
        state=base.state,
        note="",
        size="",
        context="",
        speed="",
        verdict=None,
        last_used="",
        is_current=False,
        is_pinned=False,
        is_bench=variant.bench,
        variant_of=variant.variant_of,
    )


def speeds(profile: ProfileInfo) -> str:
    """`105 / ~112 t/s`; one of the two, or the file's own words, where that is all."""
    measured = profile.speed.generation if profile.speed else None
    promised = profile.expected_speed
    if measured is not None and promised is not None:
        return f"{speed(measured).removesuffix(' t/s')} / ~{_short(promised)} t/s"
    if measured is not None:
        return speed(measured)
    return f"~{_short(promised)} t/s" if promised is not None else profile.speed_text


def last_used(view: View, profile: ProfileInfo, now: float) -> str:
    """`3 min ago`; while it answers, `now`."""
    passed = _passed(view, profile, now)
    return "now" if profile.state == "busy" else "" if passed is None else ago(passed)


def _used_ago(view: View, profile: ProfileInfo, now: float) -> str:
    passed = _passed(view, profile, now)
    return "now" if profile.state == "busy" else "" if passed is None else age(passed)


def _passed(view: View, profile: ProfileInfo, now: float) -> float | None:
    """Seconds since it was used."""
    at = unix(profile.last_used) if profile.last_used else None
    return None if at is None or view.epoch is None else max(view.epoch + now - at, 0.0)


def _measured(profile: ProfileInfo) -> str:
    measured = profile.speed.generation if profile.speed else None
    return speeds(profile) if measured is None else speed(measured)


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}"


def _context(view: View, profile: ProfileInfo) -> int | None:
    """Tokens: as loaded, else as the file says."""
    instance = view.instance_of(profile.id)
    loaded = instance.placement.n_ctx if instance and instance.placement else None
    return loaded or profile.ctx_size


def _note(view: View, profile: ProfileInfo) -> str:
    switch = view.switches.get(profile.id)
    parts = []
    is_coming = switch is not None and not switch.failure
    if switch and is_coming:
        parts.append(percent(fraction(switch.progress)) or stage(switch.progress))
    if profile.waiting:
        parts.append(f"{profile.waiting} waiting")
    if profile.failure and not is_coming:
        parts.append(reason(profile.id, profile.failure))
    if profile.stale:
        parts.append("models.conf has changed since")
    return ", ".join(parts)
