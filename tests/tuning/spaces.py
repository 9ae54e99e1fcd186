"""A small space, plans, and a machine of which the truth is known."""

from collections.abc import Callable, Mapping
from typing import Any

from paddock.api.placement import DevicePlan, Plan
from paddock.api.tunings import TuningTrial
from paddock.bench.spread import spread_of
from paddock.tuning.search import BudgetSpent
from paddock.tuning.space import Choice, Knob, Space, TunedProfile


def _ladder(name: str, flag: str, *values: int, today: int) -> Knob:
    order = [today, *(value for value in values if value != today)]
    choices = tuple(Choice(str(v), {} if v == today else {flag: str(v)}) for v in order)
    return Knob(name, choices, ladder=tuple(order.index(v) for v in values))


SPACE = Space(
    (
        _ladder("threads", "threads", 1, 2, 3, 4, today=2),
        _ladder("ubatch", "ubatch-size", 128, 256, 512, 1024, 2048, today=512),
        Knob("load-mode", (Choice("mmap"), Choice("none", {"load-mode": "none"}))),
    )
)


class Machine:
    """Tries by a function from choices to a score; None: it fails. Counts what it had to measure."""

    def __init__(
        self,
        truth: Callable[[Mapping[str, str]], float | None],
        *,
        space: Space = SPACE,
        most: int = 1000,
        guesses: list[dict[str, str]] | None = None,
    ) -> None:
        self._truth, self._space, self._most = truth, space, most
        self._guesses = guesses or []
        self.tried: list[TuningTrial] = []

    @property
    def made(self) -> int:
        return len(self.tried)

    def try_(self, choices: Mapping[str, str]) -> TuningTrial:
        if known := next((one for one in self.tried if one.choices == choices), None):
            return known
        if self.made >= self._most:
            raise BudgetSpent
        score = self._truth(choices)
        found = TuningTrial(
            number=self.made + 1, choices=dict(choices), changes=self._space.changes(choices),
            state="failed" if score is None else "measured", score=spread_of([score, score, score]),
        )  # fmt: skip
        self.tried.append(found)
        return found

    def guess(self) -> TuningTrial:
        if not self._guesses:
            return TuningTrial(number=self.made + 1, choices=self._space.today(), state="same")
        return self.try_(self._guesses.pop(0))


def trial(number: int, generation: float, context: int, free_mib: int) -> TuningTrial:
    return TuningTrial(
        number=number, choices={}, state="measured", generation=generation, context=context,
        free_mib=free_mib, score=spread_of([generation]),
    )  # fmt: skip


def gpu(name: str = "CUDA0", **fields: Any) -> DevicePlan:
    usual: dict[str, Any] = {
        "id": f"0000:0{name[-1]}:00.0", "model": 9000, "context": 500, "compute": 300, "overhead": 400,
        "margin": 1024, "available": 15_000, "size": 24_000, "layers": 40,
    }  # fmt: skip
    return DevicePlan(device=name, **usual | fields)


def host(**fields: Any) -> DevicePlan:
    return DevicePlan(device="Host", id="host", **{"model": 500, "available": 60_000} | fields)


def plan(*devices: DevicePlan, **fields: Any) -> Plan:
    usual: dict[str, Any] = {
        "profile": "m", "source": "engine", "fits": True, "n_ctx": 16_384, "layers": 40,
        "layers_on_devices": 40, "graph_splits": 2,
    }  # fmt: skip
    return Plan(devices=list(devices or (gpu(), host())), **usual | fields)


def tuned(made: Plan | None = None, **fields: Any) -> TunedProfile:
    usual: dict[str, Any] = {"flags": {}, "fixed": frozenset(), "cores": 8}
    return TunedProfile(plan=made or plan(), **usual | fields)
