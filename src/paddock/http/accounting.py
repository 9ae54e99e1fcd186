"""The one line that each relayed request leaves in the log, and its number in the metrics."""

import logging
from time import monotonic
from typing import TYPE_CHECKING

from paddock.daemon.history.usage_log import RequestUse
from paddock.http.reply_usage import ReplyUsage

if TYPE_CHECKING:
    from paddock.daemon.activity.metrics import Metrics
    from paddock.daemon.activity.requests import Request
    from paddock.http.call import RelayedCall

log = logging.getLogger(__name__)


class Account:
    """When a request came, was let in, and heard its first byte; who served it."""

    __slots__ = (
        "_surface",
        "call",
        "ended",
        "first",
        "granted",
        "instance",
        "profile",
        "started",
        "usage",
    )

    def __init__(self, surface: str) -> None:
        self._surface = surface
        self.started = monotonic()
        self.granted = self.first = self.ended = 0.0  # 0: not yet
        self.profile = self.instance = ""  # empty: not known yet
        self.call: RelayedCall | None = None  # once it is resolved
        self.usage = ReplyUsage()

    def close(self, metrics: "Metrics", status: int, outcome: str) -> None:
        """Write it down. `status` is the error's own, also where its client heard a 400."""
        now = self.ended = monotonic()
        total = now - self.started
        metrics.request_done(self.profile, self._surface, status, total)
        if log.isEnabledFor(logging.INFO):
            write(
                f"request api={self._surface} model={self.profile or '-'} instance={self.instance or '-'} "
                f"status={status} outcome={outcome} wait={(self.granted or now) - self.started:.3f} "
                f"first={(self.first or now) - self.started:.3f} total={total:.3f}{self._in_vain()}"
            )

    def used(self, listed: "Request | None", *, generates: bool) -> RequestUse:
        """What it took of its instance, once it is closed. `generates`: an end before the reply's own hides tokens."""
        seconds = self.ended - self.granted
        if (tokens := self.usage.read()) is not None:
            return RequestUse(seconds, tokens.prompt, tokens.answer)
        if listed is None or not (generates or listed.had_task):
            return RequestUse(seconds)
        return RequestUse(seconds, *listed.tokens_so_far, is_counted=False)

    def _in_vain(self) -> str:
        call = self.call
        if call is None or not (call.prompt.sampling.overruled or call.ignored):
            return ""
        said = (("overruled", call.prompt.sampling.overruled), ("ignored", call.ignored))
        return "".join(f" {word}={','.join(names)}" for word, names in said if names)


def write(line: str) -> None:
    """Straight to the daemon's own handler (`cli/background/log_lines.py`) where no other listens: logging's
    way there takes 10 µs, of which a record for this one line is most."""
    handlers = logging.root.handlers
    take = getattr(handlers[0], "take_line", None) if len(handlers) == 1 else None
    if take is not None and not log.handlers:
        take(log.name, line)
    else:
        log.info("%s", line)
