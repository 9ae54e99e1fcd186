"""The tree of errors: each class is one situation that somebody can act on.

`code` is stable and for programs, the message says what is wrong, `hint` what to do about it.
Raised where the situation is known; translated once per border (`http/errors.py`, `cli/main.py`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from paddock import excerpt


class PaddockError(Exception):
    """Something that Paddock itself refuses or fails to do."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500  # the HTTP status that says it best
    # Seconds after which the same request may well succeed; None: waiting does not help.
    passes_in: float | None = None

    def __init__(self, message: str, *, hint: str = "", detail: tuple[str, ...] = ()) -> None:
        """Cut to what a person reads: clients, files and engines are quoted in it."""
        self.message = excerpt.line(message, excerpt.MESSAGE)
        self.hint = excerpt.line(hint, excerpt.MESSAGE)
        # further lines: the last log lines, other problems of the same file
        self.detail = excerpt.first(detail)
        super().__init__(self.message)

    def __str__(self) -> str:
        return self.message


class ConfigError(PaddockError):
    """models.conf or paddock.toml cannot be used as it stands."""

    code = "config_invalid"
    status = 409


class ConfigChangedMeanwhile(PaddockError):
    """models.conf is not the text any more that an edit began with."""

    code = "config_changed"
    status = 409

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        detail: tuple[str, ...] = (),
        fingerprint: str = "",
    ) -> None:
        """`fingerprint`: of the text that is there now."""
        super().__init__(message, hint=hint, detail=detail)
        self.fingerprint = fingerprint


class EngineError(PaddockError):
    """No usable llama-server, or it refused what it was asked."""

    code = "engine_unusable"
    status = 503


class DefaultStays(EngineError):
    """An engine is no default before a trial of it has passed, or there is none to go back to."""

    code = "default_stays"
    status = 409


class UnknownModel(PaddockError):
    code = "model_not_found"
    status = 404


class ModelMissing(PaddockError):
    """The request names no model and none can be assumed."""

    code = "model_required"
    status = 400


class NotLoaded(PaddockError):
    """Something was asked of a model that is not loaded, and asking must not load it."""

    code = "model_not_loaded"
    status = 409


class LoadFailed(PaddockError):
    """The instance ended before it was ready; `detail` holds its last log lines."""

    code = "load_failed"
    status = 502


class CannotLoad(LoadFailed):
    """Its file is missing or short, or its engine said that it cannot load it: nothing was tried."""

    code = "cannot_load"


class FetchFailed(LoadFailed):
    """Its profile names a repository of a hub, and the files could not be fetched from there."""

    code = "fetch_failed"


class RecentlyFailed(LoadFailed):
    """It failed a moment ago, and trying again at once would evict a working model for nothing."""

    code = "load_failed_recently"
    status = 503


class StillLoading(PaddockError):
    """What was asked for is to come from a model that is still being loaded."""

    code = "model_loading"
    status = 503
    passes_in = 1.0


class Cancelled(PaddockError):
    """The user cancelled the load, or the request."""

    code = "cancelled"
    status = 503


class CannotFit(PaddockError):
    """It can never fit beside what may not leave."""

    code = "cannot_fit"
    status = 503


class TuningRuns(PaddockError):
    """A profile is tuned already; one at a time is."""

    code = "tuning_runs"
    status = 409


class QueueFull(PaddockError):
    """As many requests as may wait for this profile."""

    code = "queue_full"
    status = 429
    passes_in = 5.0  # where nobody knows: a load, or some answers


class KeyBusy(PaddockError):
    """As many requests of this key are being served as it may have at a time."""

    code = "key_busy"
    status = 429
    passes_in = 1.0


class TokensSpent(PaddockError):
    """The tokens that this key may use in a day are used."""

    code = "tokens_spent"
    status = 429

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        detail: tuple[str, ...] = (),
        passes_in: float | None = None,
    ) -> None:
        """`passes_in`: seconds until the next day begins."""
        super().__init__(message, hint=hint, detail=detail)
        self.passes_in = passes_in


class ShuttingDown(PaddockError):
    code = "shutting_down"
    status = 503


class Restarting(ShuttingDown):
    """It ends, and its instances stay for the next daemon, which is here in a moment."""

    code = "restarting"
    passes_in = 5.0


class GpusYielded(PaddockError):
    """The GPUs are left to other programs, until somebody resumes, or for a time that is known."""

    code = "yielded"
    status = 503
    passes_in = 60.0  # where nobody knows


class UpstreamGone(PaddockError):
    """The instance ended or closed the connection in the middle of a reply.

    The next request loads it again; one that crashes each time is held back as a failed load is.
    """

    code = "upstream_gone"
    status = 502
    passes_in: float | None = 1.0


class CutOff(UpstreamGone):
    """A person had the instance stopped in the middle of a reply: asking again would load it again."""

    code = "cut_off"
    status = 503
    passes_in = None


class NodeLost(UpstreamGone):
    """A machine of the stable was lost in the middle of a reply, or before one, and no other could answer."""

    code = "node_lost"


class NodesAway(PaddockError):
    """All machines that have this model are gone for the moment."""

    code = "nodes_away"
    status = 503
    passes_in = 10.0


class StateUnwritable(PaddockError):
    """Our own folder cannot be written: a full disk, mostly. It says nothing about the model."""

    code = "state_unwritable"
    status = 503


class InstanceHangs(PaddockError):
    """The instance gave no sign of life for so long that it was ended."""

    code = "instance_hangs"
    status = 504
    passes_in = 1.0


class BodyTooLarge(PaddockError):
    code = "body_too_large"
    status = 413


class BadRequest(PaddockError):
    code = "bad_request"
    status = 400


class UnknownCoding(PaddockError):
    """The body is compressed in a way that cannot be read here."""

    code = "unknown_coding"
    status = 415


class RequestTimeout(PaddockError):
    """The rest of a request did not come."""

    code = "request_timeout"
    status = 408


class HeadTooLarge(PaddockError):
    """The target or a header of a request is longer than any that makes sense."""

    code = "head_too_large"
    status = 431


class TooManyConnections(PaddockError):
    """As many clients are being served as there are file descriptors for."""

    code = "too_many_connections"
    status = 503
    passes_in = 1.0


class NoRoomForBody(PaddockError):
    """Large bodies lie on the disk until they are served, and there is no room for one more."""

    code = "no_room_for_body"
    status = 503
    passes_in = 1.0


class InternalFault(PaddockError):
    """A fault of Paddock's own."""

    code = "internal"
    status = 500


class Unauthorized(PaddockError):
    code = "unauthorized"
    status = 401


class Forbidden(PaddockError):
    code = "forbidden"
    status = 403


class NoSuchThing(PaddockError):
    """No such instance, log, job or route."""

    code = "not_found"
    status = 404


class NotHere(PaddockError):
    """Another program of this kind does it; Paddock does not, and says what to do instead."""

    code = "not_supported"
    status = 501


class DaemonUnreachable(PaddockError):
    """No daemon answers at the address."""

    code = "daemon_unreachable"
    status = 503


class DaemonAlreadyRuns(PaddockError):
    code = "daemon_already_runs"
    status = 409


@contextmanager
def ungrouped() -> Iterator[None]:
    """An error that is alone in the group of a TaskGroup leaves the block by itself, so that each border knows it."""
    try:
        yield
    except ExceptionGroup as group:
        error: Exception = group
        while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
            error = error.exceptions[0]
        raise error from error.__cause__
