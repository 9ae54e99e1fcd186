"""Opens the history, or what stands in for it where its file cannot be opened."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from paddock.api.bench import BenchRun
from paddock.api.placement import LoadEntry, Speed, Verdict
from paddock.api.switches import SwitchEntry
from paddock.api.tunings import Tuning
from paddock.api.usage import UsageRow
from paddock.daemon.faults import Faults
from paddock.daemon.history.store import HistoryStore


class NullHistoryStore(HistoryStore):
    """Keeps nothing: stands in where the file cannot be opened."""

    def __init__(self) -> None:
        """Without a database."""

    async def add_load(self, _: LoadEntry) -> int:
        return 0

    async def add_switch(self, _: SwitchEntry) -> int:
        return 0

    async def switches(
        self, profile: str | None = None, *, since: str = "", limit: int = 50
    ) -> list[SwitchEntry]:
        return []

    async def usage(self, since: str, until: str = "9") -> list[UsageRow]:
        return []

    async def keep_bench(self, run: BenchRun) -> int:
        return 0

    async def benches(self, *, limit: int = 50) -> list[BenchRun]:
        return []

    async def bench(self, number: int) -> BenchRun | None:
        return None

    async def keep_tuning(self, tuning: Tuning) -> int:
        return 0

    async def tunings(self, profile: str | None = None, *, limit: int = 50) -> list[Tuning]:
        return []

    async def tuning(self, number: int) -> Tuning | None:
        return None

    async def last_loads(self) -> dict[str, float]:
        return {}

    async def last_found(self) -> dict[str, tuple[Verdict | None, Speed]]:
        return {}

    async def close(self) -> None: ...
    async def _write(self, statement: str, values: Iterable[Any]) -> None: ...
    async def _find(self, which: str, limit: int, **values: object) -> list[LoadEntry]:
        return []


async def opened(path: Path, faults: Faults) -> HistoryStore:
    """The history of this file; one that keeps nothing where the file cannot be opened."""
    with faults.caught("history"):
        return await HistoryStore.open(path)
    return NullHistoryStore()
