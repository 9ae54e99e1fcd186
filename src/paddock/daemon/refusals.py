"""From the core's causes to the errors that the borders translate, and to the wire's failures."""

from paddock import errors
from paddock.api.types import Failure
from paddock.core.model import Cause

_BY_CODE: dict[str, type[errors.PaddockError]] = {
    kind.code: kind
    for kind in (
        errors.UnknownModel,
        errors.LoadFailed,
        errors.CannotLoad,
        errors.RecentlyFailed,
        errors.Cancelled,
        errors.CannotFit,
        errors.QueueFull,
        errors.ShuttingDown,
        errors.StateUnwritable,
        errors.InternalFault,
        errors.Restarting,
        errors.GpusYielded,
    )
}


def as_error(cause: Cause) -> errors.PaddockError:
    """The error that a refused client gets; what made a load fail is a LoadFailed."""
    kind = _BY_CODE.get(cause.code, errors.LoadFailed)
    return kind(cause.message, hint=cause.hint, detail=cause.log)


def as_failure(cause: Cause) -> Failure:
    return Failure(
        code=cause.code,
        message=cause.message,
        hint=cause.hint,
        exit_code=cause.exit_code,
        log=list(cause.log),
    )


def failure_of(error: errors.PaddockError) -> Failure:
    return Failure(code=error.code, message=error.message, hint=error.hint, log=list(error.detail))
