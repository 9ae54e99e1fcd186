"""What plans rule out, and what they must not."""

from typing import Any

import pytest

from paddock.api.placement import Plan
from paddock.api.tunings import Changes, TuningTrial
from paddock.bench.spread import spread_of
from paddock.tuning.pruning import Planned, pruned
from tests.tuning.spaces import gpu, host, plan


def known(made: Plan, changes: Changes | None = None, score: float = 10.0) -> Planned:
    found = TuningTrial(number=1, choices={}, changes=changes or {}, state="measured", score=spread_of([score]))  # fmt: skip
    return Planned(found, made)


IN_RAM = plan(gpu(model=6000), host(model=3500), experts_in_ram=8, graph_splits=18)
ON_GPU = plan()


@pytest.mark.parametrize(
    ("made", "changes", "before", "why"),
    [
        (plan(fits=False, warnings=["RPC0 lacks 3 GiB"]), {}, [], "does not fit: RPC0 lacks 3 GiB"),
        (plan(fits=False, refusal="it says no"), {}, [], "does not fit: it says no"),
        (ON_GPU, {"fit-target": "256"}, [known(ON_GPU)], "lies as trial 1"),
        (IN_RAM, {"fit-target": "2048"}, [known(ON_GPU)], "more of it would lie in RAM than in trial 1"),
        (IN_RAM, {"fit-target": "2048"}, [known(ON_GPU, {"threads": "4"})], None),  # other flags differ
        (ON_GPU, {"threads": "4"}, [known(ON_GPU)], None),
        (ON_GPU, {"fit-target": "256"}, [known(IN_RAM)], None),
        (IN_RAM, {}, [], None),
    ],
)  # fmt: skip
def test_what_need_not_be_loaded(
    made: Plan, changes: Changes, before: list[Planned], why: str | None
) -> None:
    found = pruned(made, changes, before, "chat", None)
    assert (found.why if found else None) == why


def test_an_estimate_rules_out_only_what_cannot_fit() -> None:
    guess: dict[str, Any] = {"source": "estimate"}
    assert pruned(plan(**guess), {}, [known(plan())], "chat", None) is None
    assert pruned(plan(fits=False, **guess), {}, [], "chat", None)


def test_more_in_ram_may_be_faster_where_devices_are_far_away() -> None:
    far = {"id": "RPC0[10.0.0.2:50052]"}
    here = plan(gpu("RPC0", **far), host())
    made = plan(gpu("RPC0", **far, model=6000), host(model=3500), experts_in_ram=8)
    assert pruned(made, {"fit-target": "2048"}, [known(here)], "chat", None) is None


def test_a_longer_context_makes_up_for_weights_in_ram() -> None:
    made = plan(gpu(model=6000), host(model=3500), experts_in_ram=8, n_ctx=65_536)
    assert pruned(made, {"fit-target": "2048"}, [known(ON_GPU)], "chat", None) is None


def test_for_context_nothing_shorter_than_the_best_is_loaded() -> None:
    best = known(plan(n_ctx=65_536), {"ctx-size": "65536"}, score=65_536)
    shorter = pruned(plan(n_ctx=32_768), {"ctx-size": "32768"}, [best], "context", best.trial)
    assert shorter
    assert "no more context" in shorter.why
    longer = pruned(plan(n_ctx=131_072), {"ctx-size": "131072"}, [best], "context", best.trial)
    assert longer is None
