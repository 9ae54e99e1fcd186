"""Why an instance ended that should not have: the cause that everybody who waited for it is told. Pure."""

from collections.abc import Sequence

from paddock.core.model import Cause, InstanceId, ProfileId
from paddock.llama.output import failure_reason

TOLD_LINES = 20  # of the log, in the cause of a failure


def failed(
    profile: ProfileId, instance: InstanceId, code: int | None, lines: Sequence[str]
) -> Cause:
    """It ended by itself, with this exit code (negative: a signal) after these lines of its log."""
    reason = failure_reason(lines)
    text = f"{profile} {_ended(code)}" + (f": {reason}" if reason else "")
    hint = f"`paddock logs {instance}` shows all of it"
    return Cause("load_failed", text, hint, code, tuple(lines[-TOLD_LINES:]))


def stalled(profile: ProfileId, seconds: float, code: int | None, lines: Sequence[str]) -> Cause:
    """It gave no sign of life for so long, and was ended for that."""
    text = f"no sign of life for {seconds:.0f} s while loading {profile}"
    hint = "see its log; raise stall-timeout for a slow disk"
    return Cause("stalled", text, hint, code, tuple(lines[-TOLD_LINES:]))


def hung(profile: ProfileId, seconds: float, lines: Sequence[str]) -> Cause:
    """It was asked something, gave no sign of life for so long, and was ended for that."""
    text = (
        f"{profile} hung: it was asked, and for {seconds:g} s it sent, logged and computed nothing"
    )
    hint = "see its log; hang-timeout in paddock.toml sets the limit"
    return Cause("hung", text, hint, log=tuple(lines[-TOLD_LINES:]))


def _ended(code: int | None) -> str:
    if code is None:
        return "ended"
    return f"was killed by signal {-code}" if code < 0 else f"exited with code {code}"
