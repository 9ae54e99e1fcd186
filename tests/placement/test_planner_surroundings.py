"""What is around planning: who outlives it, who is left behind, which engines and machines plan."""

import os
import select
import threading
from pathlib import Path

import pytest

from paddock.api.placement import Plan
from paddock.core.model import HOST
from paddock.engine.engine import Engine
from paddock.engine.locate import find_engine
from paddock.errors import EngineError
from paddock.host.processes import pids, session_of
from paddock.placement.plan_cache import PlanCache
from paddock.placement.planner import Planner
from tests.placement.ground import around, beside, profile
from tests.placement.planned import CTX, Ground, own_engine
from tests.rig import needs_rig, rig


@needs_rig
def test_rpc_servers_outlive_planning(shapes: Path, engine: Engine, tmp_path: Path):
    """With the signals as they are by default, where a client's end while it is answered is fatal."""
    with rig(tmp_path, 220, 180, fragile=True) as devices:
        ground = Ground(devices, (220, 180), shapes, engine, tmp_path)
        for model in ("dense", "moe", "gemma3", "dense"):
            assert ground.plan(model, CTX).source == "engine"
        assert [process.poll() for process in devices.processes] == [None, None]


@needs_rig
def test_rpc_servers_outlive_a_plan_that_is_cancelled(shapes: Path, engine: Engine, tmp_path: Path):
    """A planner that kills its engine at once ends them in one of a hundred cases."""
    with rig(tmp_path, 220, 180, fragile=True) as devices:
        ground = Ground(devices, (220, 180), shapes, engine, tmp_path)
        own, here = ground.profile("moe", CTX), beside(devices, 220, 180)
        for moment in range(6):
            planner = Planner()
            timer = threading.Timer(0.04 * moment, planner.cancel)
            timer.start()
            planner.plan(own, engine, None, here)
            timer.join()
        assert [process.poll() for process in devices.processes] == [None, None]


def test_one_that_is_cancelled_ends_at_once_and_leaves_nobody_behind(tmp_path: Path, shapes: Path):
    os.mkfifo(tmp_path / "pid")
    engine = own_engine(tmp_path, f"echo $$ > {tmp_path}/pid; sleep 600")
    own = profile(f"model = {shapes}/dense.gguf\n", tmp_path, engine)
    planner, plans = Planner(PlanCache(tmp_path / "plans")), list[Plan]()
    thread = threading.Thread(
        target=lambda: plans.append(planner.plan(own, engine, None, around()))
    )
    thread.start()
    pid = int((tmp_path / "pid").read_text())
    planner.cancel()
    thread.join(30)
    assert (plans[0].source, plans[0].notes) == ("estimate", ["an estimate: cancelled"])
    assert all(has_ended(member) for member in pids() if session_of(member) == pid)
    assert not (tmp_path / "plans").exists()


def has_ended(pid: int) -> bool:
    """Whether it ends within seconds; whoever adopted it may not have waited for it yet."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], 10)[0])
    finally:
        os.close(descriptor)


def test_what_is_planned_after_a_cancellation_is_planned(
    tmp_path: Path, shapes: Path, engine: Engine
):
    planner = Planner()
    planner.cancel()
    own = profile(f"model = {shapes}/draft.gguf\n{CTX}", tmp_path, engine)
    assert planner.plan(own, engine, None, around()).source == "engine"


def test_it_plans_for_a_machine_without_a_gpu(tmp_path: Path, shapes: Path, engine: Engine):
    found = Planner().plan(
        profile(f"model = {shapes}/draft.gguf\n{CTX}", tmp_path, engine), engine, None, around()
    )
    (host,) = found.devices
    assert (found.source, found.fits, found.n_ctx) == ("engine", True, 8192)
    assert (host.id, host.available, host.margin) == (HOST, 64_000, 0)
    assert host.context == 16  # two layers of 1 KiB a token
    assert (found.notes, found.steps, found.warnings) == ([], [], [])


def test_the_embedded_engine_plans_too(tmp_path: Path, shapes: Path, engine: Engine):
    try:
        embedded = find_engine("embedded", cache_dir=tmp_path)
    except EngineError:
        pytest.skip("needs the package xllamacpp")
    own = profile(f"model = {shapes}/draft.gguf\n{CTX}parallel = 1\n", tmp_path, embedded)
    found = Planner().plan(own, embedded, None, around())
    assert (found.source, found.n_ctx, found.engine) == ("engine", 8192, "embedded")
    assert [(d.device, d.context) for d in found.devices] == [("Host", 16)]
