"""Who failed: for how long no request makes it try again, after a failed load or a row of crashes."""

from paddock.core.books import Books, Setback
from paddock.core.model import Cause, ProfileId, Rules

# Failures of Paddock's own disk or limits: they say nothing of the profile, so it may be tried again.
_OURS = frozenset({"state_unwritable", "too_many_files"})


def note_failed_load(books: Books, profile: ProfileId, cause: Cause, now: float) -> None:
    """Hold it back, longer with each failure."""
    if cause.code in _OURS:
        return
    before = books.setbacks.get(profile)
    times = before.count + 1 if before else 1
    books.setbacks[profile] = Setback(times, now + _hold_back(books.rules, times), cause)


def note_crash(
    books: Books, profile: ProfileId, cause: Cause, now: float, *, lived: float
) -> Cause | None:
    """Count it; the reason for those who wait, where each would only see it crash once more."""
    rules, before = books.rules, books.setbacks.get(profile)
    times = before.count + 1 if before and lived < rules.steady else 1
    surplus = times - rules.crashes + 1
    until = now + _hold_back(rules, surplus) if surplus > 0 else now
    crash = Cause("crashed", cause.message, cause.hint, cause.exit_code, cause.log)
    books.setbacks[profile] = Setback(times, until, crash)
    return crash if surplus > 0 else None


def note_ready(books: Books, profile: ProfileId) -> None:
    """Its load succeeded; but a crash loop gets ready each time."""
    setback = books.setbacks.get(profile)
    if setback and setback.cause.code != "crashed":
        del books.setbacks[profile]


def held_back(books: Books, profile: ProfileId, now: float) -> Cause | None:
    """Why a request does not have it loaded now, if its last failure was a moment ago."""
    setback = books.setbacks.get(profile)
    if setback and now < setback.until and not books.is_up(profile):
        return _not_again_yet(profile, setback, now)
    return None


def _hold_back(rules: Rules, times: int) -> float:
    return float(min(rules.retry_after * 2 ** min(times - 1, 30), rules.retry_limit))


def _not_again_yet(profile: ProfileId, setback: Setback, now: float) -> Cause:
    return Cause(
        "load_failed_recently",
        f"{setback.cause.message} (not tried again for {setback.until - now:.0f} s)",
        f"`paddock switch {profile}` tries again at once",
        setback.cause.exit_code,
        setback.cause.log,
    )
