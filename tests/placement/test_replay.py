"""What fit chose, given as flags: real loads with and without the search lie byte for byte alike."""

import re
import subprocess
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.engine.engine import Engine
from paddock.engine.launch import rehearsal
from paddock.engine.locate import find_engine
from paddock.errors import EngineError
from paddock.llama.fit import Fit, FitTrial, is_host
from paddock.llama.fit_log import DONE, FitReader
from paddock.placement.planner import Planner
from paddock.placement.rehearsal import Rehearsal
from paddock.placement.replay import _moved, is_placed_by_hand, replay_of
from tests.placement.ground import around, profile, written
from tests.placement.planned import CTX, Ground, on
from tests.rig import needs_rig

LOGS = Path(__file__).parents[1] / "llama"
_PLACED = re.compile(
    r"buffer size|sched_reserve: graph|assigned to device|overridden to|n_ctx  |n_ctx_slot|offloaded"
)
_numbers = count(1)


def placed(ground: Ground, model: str, flags: str, replay: Sequence[str] = ()) -> list[str]:
    """All that a real load prints of where it lies, its tensors and its graph, without the times."""
    socket = str(ground.folder / f"replay-{next(_numbers)}.sock")
    own = ground.profile(model, flags)
    argv = rehearsal(ground.engine, own, socket=socket, changes=("--no-warmup", *replay))
    found: list[str] = []
    with subprocess.Popen(
        argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace"
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if DONE in line:
                found = []  # what came before were fit's trials
            elif _PLACED.search(line):
                found.append(line.split(" ", 2)[2].strip())
            if "model loaded" in line:
                break
        process.kill()
    return found


TABLE = [
    ((600, 500), ["dense", "moe", "jamba", "mamba", "gemma3"], CTX),
    ((600, 500), ["dense"], ""),
    ((220, 180), ["dense", "moe", "jamba"], ""),
    ((220, 180), ["moe"], CTX),
    ((210,), ["dense", "moe", "gemma3"], ""),
    ((210,), ["moe"], "parallel = 2\n"),
    ((90, 60, 120), ["moe", "dense"], CTX),
    ((60,), ["dense"], "ctx-size = 0\n"),
]
CASES = [
    pytest.param(mib, model, flags, id=f"{model}-{'+'.join(map(str, mib))}-{flags.strip()}")
    for mib, models, flags in TABLE
    for model in models
]


@needs_rig
@pytest.mark.parametrize(("ground", "model", "flags"), CASES, indirect=["ground"])
def test_a_replayed_load_prints_the_same_buffers_as_a_fitted_one(
    ground: Ground, model: str, flags: str
):
    plan = ground.plan(model, flags)
    assert plan.replay[:2] == ["--fit", "off"], plan.notes
    fitted = placed(ground, model, flags)
    assert any("buffer size" in line for line in fitted)
    assert placed(ground, model, flags, plan.replay) == fitted


@needs_rig
@on(220, 180)
def test_a_draft_model_lies_alike_too(ground: Ground):
    flags = f"model-draft = {ground.shapes}/draft.gguf\n"
    plan = ground.plan("moe", flags)
    assert placed(ground, "moe", flags, plan.replay) == placed(ground, "moe", flags)


@needs_rig
@on(220, 180)
@pytest.mark.parametrize(
    "flags",
    ["fit = off\n", "n-gpu-layers = 12\n", "tensor-split = 1,1\n", "n-cpu-moe = 4\n",
     "override-tensor = blk\\.1\\..*=CPU\n", "split-mode = layer\n"],
)  # fmt: skip
def test_what_its_owner_places_is_left_alone(ground: Ground, flags: str):
    assert is_placed_by_hand(ground.profile("moe", CTX + flags))
    assert ground.plan("moe", CTX + flags).replay == []


@pytest.mark.parametrize("layers", ["auto", "-1"])
def test_layers_that_are_left_to_fit_are_not_placed_by_hand(layers: str):
    assert not is_placed_by_hand(written(f"--n-gpu-layers {layers}"))


@needs_rig
@on(220, 180)
@pytest.mark.parametrize("model", ["dense", "moe"])
def test_a_plan_takes_one_start_of_its_engine_and_knows_the_weights_of_each_device(
    ground: Ground, monkeypatch: pytest.MonkeyPatch, model: str
):
    starts, start = count(), Rehearsal._start

    def counted(*those: Any) -> Any:
        next(starts)
        return start(*those)

    monkeypatch.setattr(Rehearsal, "_start", counted)
    plan = ground.plan(model, CTX)
    assert next(starts) == 1
    held = {d.device: d.model for d in plan.devices if d.device != "Host"}
    assert plan.replay_weights == held


def test_the_embedded_engine_takes_the_flags_too(tmp_path: Path, shapes: Path):
    try:
        engine = find_engine("embedded", cache_dir=tmp_path)
    except EngineError:
        pytest.skip("needs the package xllamacpp")
    own = profile(f"model = {shapes}/draft.gguf\nparallel = 2\n", tmp_path, engine)
    plan = Planner().plan(own, engine, None, around())
    assert plan.replay == ["--fit", "off", "--ctx-size", "32768"]
    ground = Ground(None, (), shapes, engine, tmp_path)  # type: ignore[arg-type]
    ground.profile = lambda *_: own  # type: ignore[method-assign]
    assert placed(ground, "", "", plan.replay) == placed(ground, "", "")


# ---- what recorded searches come to ----


def recorded(name: str) -> Fit:
    reader = FitReader()
    for line in (LOGS / f"fit-11434-{name}.txt").read_text(encoding="utf-8").splitlines():
        reader.feed(line)
    fit = reader.fit()
    assert fit is not None
    return fit


def words(name: str, engine: Engine, *flags: str) -> list[str]:
    return replay_of(written(*flags), engine, recorded(name))


def test_what_fits_on_two_gpus_keeps_its_shares(engine: Engine):
    assert words("h100-fits", engine) == [
        "--fit", "off", "--n-gpu-layers", "33", "--tensor-split", "17,16",
    ]  # fmt: skip


def test_layers_and_a_context_that_was_cut_become_flags(engine: Engine):
    assert words("h100-dense", engine) == [
        "--fit", "off", "--ctx-size", "12800", "--n-gpu-layers", "33", "--tensor-split", "25,8",
    ]  # fmt: skip


def test_a_context_that_was_asked_for_is_not_given_twice(engine: Engine):
    assert "--ctx-size" not in words("h100-dense", engine, "--ctx-size 12800")


@pytest.mark.parametrize("name", ["h100-moe", "rpc-moe"])
def test_every_tensor_that_was_moved_and_no_other_is_sent_where_it_was(name: str, engine: Engine):
    """What the log calls `CUDA_Host` is RAM: no name that `--override-tensor` knows."""
    said = words(name, engine)[-1]
    assert "CUDA_Host" not in said
    assert_moved(said, recorded(name).trial.moved)


def assert_moved(said: str, moved: dict[str, list[str]]) -> None:
    """As llama.cpp reads it: patterns with commas between them, searched for, the first hit counts."""
    patterns = [pattern.rpartition("=")[::2] for pattern in said.split(",")]
    for buffer, names in moved.items():
        for tensor in names:
            hits = [place for pattern, place in patterns if re.search(pattern, tensor)]
            assert hits == ["CPU" if is_host(buffer) else buffer]
            assert not any(re.search(p, f"{tensor}_scale") or re.search(p, f"a.{tensor}") for p, _ in patterns)  # fmt: skip


LAYER = st.integers(min_value=0, max_value=130)
PART = st.sampled_from(["ffn_up_exps", "ffn_down_exps", "ffn_gate_exps", "ffn_gate_inp"])
TENSOR = st.builds(lambda layer, part: f"blk.{layer}.{part}.weight", LAYER, PART)
BUFFER = st.sampled_from(["CUDA1", "CUDA_Host", "CPU", "RPC0[127.0.0.1:50052]", "RPC1[[::1]:1]"])


@given(st.dictionaries(TENSOR, BUFFER, min_size=1, max_size=60))
def test_any_tensors_go_where_a_trial_had_them(places: dict[str, str]):
    moved: dict[str, list[str]] = {}
    for tensor, buffer in places.items():
        moved.setdefault(buffer, []).append(tensor)
    ((_, said),) = _moved(FitTrial(moved=moved))
    assert_moved(said, moved)


@pytest.mark.parametrize("name", ["h100-fits", "h100-dense", "h100-moe", "rpc-moe"])
def test_the_shares_of_the_devices_are_all_layers_on_them(name: str, engine: Engine):
    said, fit = words(name, engine), recorded(name)
    shares = [int(share) for share in said[said.index("--tensor-split") + 1].split(",")]
    assert sum(shares) == int(said[said.index("--n-gpu-layers") + 1])
    on_devices = {d.name: fit.trial.layers.get(d.name, 0) for d in fit.devices}
    assert shares == list(on_devices.values())


def test_where_fit_gave_up_there_is_nothing_to_replay(engine: Engine):
    assert words("h100-ngl-99", engine) == []
