"""Whether the GPUs are yielded, as people see it. Only reads."""

from datetime import datetime

from paddock.api.yielding import YieldInfo
from paddock.core.live import Live
from paddock.core.yielding import needs_gpu
from paddock.daemon.parts import Parts


def yielded(parts: Parts) -> YieldInfo | None:
    """Since when, until when, by whom, who still leaves and who stays; None: it is not."""
    record = parts.yield_state.current
    if record is None:
        return None
    live = list(parts.scheduler.live.values())
    return YieldInfo(
        since=record.since,
        by=record.by,
        until=None if record.until is None else _time_of(record.until),
        requests=parts.on_yield,
        leaving=[one.profile for one in live if needs_gpu(one.demand) or one.is_ending],
        staying=[one.profile for one in live if _stays(one)],
        back=list(map(str, parts.scheduler.away or ())),
    )


def _stays(live: Live) -> bool:
    return not needs_gpu(live.demand) and not live.is_going


def _time_of(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
