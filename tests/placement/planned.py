"""Ground on which plans are made and kept to: a rig's devices, models, an engine."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from paddock.api.placement import Plan
from paddock.config.profile import Profile
from paddock.engine.engine import Engine
from paddock.engine.locate import find_engine
from paddock.llama.gguf import Facts
from paddock.placement.planner import Planner
from paddock.placement.planning import Circumstances
from tests.placement.ground import ALONE, Loaded, beside, profile, really
from tests.rig import Rig
from tests.yard import wrapper

CTX = "ctx-size = 8192\n"


@dataclass
class Ground:
    """Devices, models, an engine, and a folder for everything else."""

    rig: Rig
    mib: tuple[int, ...]
    shapes: Path
    engine: Engine
    folder: Path

    def profile(self, model: str, flags: str = "") -> Profile:
        alone = "".join(f"{k} = {v}\n" for k, v in ALONE.items() if k not in flags)
        conf = f"model = {self.shapes}/{model}.gguf\n{self.rig.flag}{alone}{flags}"
        return profile(conf, self.folder, self.engine)

    def plan(
        self,
        model: str,
        flags: str = "",
        here: Circumstances | None = None,
        facts: Facts | None = None,
    ) -> Plan:
        here = here or beside(self.rig, *self.mib)
        return Planner().plan(self.profile(model, flags), self.engine, facts, here)

    def planned_and_loaded(self, model: str, flags: str = "") -> Plan:
        """The plan, which a real load is found to keep to."""
        found = self.plan(model, flags)
        assert found.source == "engine", found.notes
        loaded = really(self.profile(model, flags), self.engine, self.folder)
        assert differences(found, loaded) == [], (found, loaded)
        return found


def differences(plan: Plan, loaded: Loaded) -> list[str]:
    """Where the load is not as it was planned."""
    placement = loaded.reader.placement
    held = {d.device: d.model + d.context + d.compute for d in plan.devices}
    found = [
        f"{device}: {loaded.mib(device):.0f} MiB there, planned were {mib}"
        for device, mib in held.items()
        if abs(loaded.mib(device) - mib) > max(0.05 * mib, 16)
    ]
    compared: dict[str, tuple[object, object]] = {
        "layers": ({d.device: d.layers for d in plan.devices if d.layers}, loaded.layers),
        "context": (plan.n_ctx, placement.n_ctx),
        "splits": (plan.graph_splits, placement.graph_splits),
    }
    return found + [
        f"{what}: {a} planned, {b} there" for what, (a, b) in compared.items() if a != b
    ]


def on(*mib: int) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("ground", [mib], indirect=True, ids=str)


def own_engine(folder: Path, body: str) -> Engine:
    """One that does this before it becomes the real one, if it ever does."""
    return find_engine(str(wrapper(folder / "engine", body)), cache_dir=folder / "cache")
