"""Why an instance ended that should not have: the cause that everybody who waited for it gets. Pure."""

import errno
from collections.abc import Sequence

from paddock import excerpt
from paddock.core.model import Cause, InstanceId, ProfileId
from paddock.llama.output import failure_reason

CAUSE_LINES = excerpt.LOG_LINES  # of the log, in the cause of a failure


def failed(
    profile: ProfileId, instance: InstanceId, code: int | None, lines: Sequence[str]
) -> Cause:
    """It ended by itself, with this exit code (negative: a signal) after these lines of its log."""
    reason = excerpt.line(failure_reason(lines))
    text = f"{profile} {_ended(code)}" + (f": {reason}" if reason else "")
    hint = f"`paddock logs {instance}` shows all of it"
    return Cause("load_failed", text, hint, code, tuple(lines))


def not_started(program: str, error: OSError) -> Cause:
    """The process could not be made. A limit of this machine says nothing about the profile."""
    text = f"cannot start {program}: {error.strerror or error}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
        return Cause("state_unwritable", text, "free some MiB on the disk of the state folder")
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return Cause("too_many_files", text, "raise the limit of open files (ulimit -n)")
    return Cause("spawn_failed", text)


def stalled(profile: ProfileId, seconds: float, code: int | None, lines: Sequence[str]) -> Cause:
    """It gave no sign of life for so long, and was ended for that."""
    text = f"no sign of life for {seconds:.0f} s while loading {profile}"
    hint = "see its log; raise stall-timeout for a slow disk"
    return Cause("stalled", text, hint, code, tuple(lines))


def hung(profile: ProfileId, seconds: float, lines: Sequence[str]) -> Cause:
    """It was asked something, gave no sign of life for so long, and was ended for that."""
    text = (
        f"{profile} hung: it was asked, and for {seconds:g} s it sent, logged and computed nothing"
    )
    hint = "see its log; hang-timeout in paddock.toml sets the limit"
    return Cause("hung", text, hint, log=tuple(lines[-CAUSE_LINES:]))


def _ended(code: int | None) -> str:
    if code is None:
        return "ended"
    return f"was killed by signal {-code}" if code < 0 else f"exited with code {code}"
