"""Who used what: counted in memory with each request, and added to the history once a second."""

import asyncio
from typing import NamedTuple

import msgspec

from paddock.api.usage import UsageRow, total
from paddock.daemon.activity.metrics import Metrics
from paddock.daemon.clock import Day
from paddock.daemon.history.chronicle import Chronicle
from paddock.daemon.keyring import Holder

_EVERY = 1.0  # seconds between two writes


class RequestUse(NamedTuple):
    """What one request took."""

    seconds: float = 0.0
    prompt: int = 0  # tokens
    answer: int = 0
    is_counted: bool = True  # False: these tokens are only what its instance had logged by then


class UsageLog:
    """Counts what requests use, for the history, the metrics and the limit of each key."""

    def __init__(
        self,
        chronicle: Chronicle,
        metrics: Metrics,
        day: Day | None = None,
    ) -> None:
        """`chronicle`: in its turn, and in its history, what was counted is written down."""
        self._history, self._chronicle = chronicle.history, chronicle
        self._metrics, self._day = metrics, day or Day()
        self._pending: dict[tuple[str, str, str], UsageRow] = {}
        self._is_due = False

    def note(self, holder: Holder | None, model: str, use: RequestUse) -> None:
        """A request has ended; `holder` None: no key was asked for."""
        name = holder.name if holder else ""
        self._count((self._day.today(), name, model), use)
        if holder is not None:
            holder.spend(use.prompt + use.answer)
        if holder is not None and not holder.is_gone:
            self._metrics.used(name, prompt=use.prompt, generated=use.answer, seconds=use.seconds)
        if not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_later(_EVERY, self.flush)

    def _count(self, place: tuple[str, str, str], use: RequestUse) -> None:
        row = self._pending.get(place)
        if row is None:
            day, key, model = place
            row = self._pending[place] = UsageRow(day=day, key=key, model=model)
        row.requests += 1
        row.prompt_tokens += use.prompt
        row.answer_tokens += use.answer
        row.seconds += use.seconds
        row.uncounted += not use.is_counted

    def flush(self) -> None:
        """Have what was counted written down."""
        self._is_due = False
        if self._pending:
            self._chronicle.write_later(self._write)

    async def _write(self) -> None:
        rows, self._pending = self._pending, {}
        try:
            await self._history.add_usage(rows.values())
        except Exception:  # a full disk: the next write has it
            for place, row in self._pending.items():
                rows[place] = _both(rows[place], row) if place in rows else row
            self._pending = rows
            raise

    async def found(self, since: str, until: str) -> list[UsageRow]:
        """What was used from day to day, the newest first, up to now."""
        await asyncio.shield(self._write())  # cut off, nobody would know what is written
        return await self._history.usage(since, until)

    async def spent_today(self) -> dict[str, int]:
        """Tokens, by key."""
        today = self._day.today()
        spent: dict[str, int] = {}
        for row in await self._history.usage(today, today):
            spent[row.key] = spent.get(row.key, 0) + row.prompt_tokens + row.answer_tokens
        return spent


def _both(one: UsageRow, other: UsageRow) -> UsageRow:
    """Of the same day, key and model."""
    return msgspec.structs.replace(total((one, other)), day=one.day, key=one.key, model=one.model)
