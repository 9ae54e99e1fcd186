"""The one line that each relayed request leaves in the log, and its number in the metrics."""

import logging
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from paddock.http.relay import Exchange

log = logging.getLogger(__name__)


class Account:
    """When a request came, was let in, and heard its first byte; what it asked for in vain."""

    __slots__ = ("first", "granted", "ignored", "started")

    def __init__(self) -> None:
        self.started = monotonic()
        self.granted = self.first = 0.0  # 0: not yet
        self.ignored: tuple[str, ...] = ()

    def close(self, exchange: "Exchange", status: int, outcome: str) -> None:
        """Write it down. `status` is the error's own, also where its client heard a 400."""
        now = monotonic()
        total = now - self.started
        name = exchange.route.surface.name
        exchange.front.daemon.metrics.request_done(exchange.profile, name, status, total)
        if log.isEnabledFor(logging.INFO):
            log.info(
                "request api=%s model=%s instance=%s status=%d outcome=%s wait=%.3f first=%.3f total=%.3f%s",
                name,
                exchange.profile or "-",
                exchange.instance or "-",
                status,
                outcome,
                (self.granted or now) - self.started,
                (self.first or now) - self.started,
                total,
                self._in_vain(exchange),
            )

    def _in_vain(self, exchange: "Exchange") -> str:
        if not exchange.sampling.overruled and not self.ignored:
            return ""
        said = (("overruled", exchange.sampling.overruled), ("ignored", self.ignored))
        return "".join(f" {word}={','.join(names)}" for word, names in said if names)
