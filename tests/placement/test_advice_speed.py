"""What makes a profile slow: real plans on devices that are too small, or large enough."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from paddock.placement.advice_speed import forcing
from paddock.placement.examination import unforced
from tests.placement.clinic import DENSE, MOE, Clinic, codes, found
from tests.rig import needs_rig, rig


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    return Clinic(tmp_path)


# ---- dense models that spill ----


@needs_rig
def test_advice_for_a_dense_model_that_spills_names_the_context_that_would_fit(
    clinic: Clinic, tmp_path: Path
):
    clinic.model(DENSE)
    with rig(tmp_path, 400) as devices:
        keys = "CTX_SIZE = 16384\nFIT_TARGET = 10"
        advice = found(clinic.planned(keys, shared=devices.flag), "dense-in-ram")
        assert advice.severity == "warning"
        assert re.match(
            r"3 of 13 layers lie in RAM, and each token of a dense model", advice.message
        )
        assert "85 tokens/s became 6" in advice.message
        line = re.match(r"write (CTX_SIZE = (\d+)) \((\d+) tokens less than now\)", advice.hint)
        assert line
        assert int(line[2]) + int(line[3]) == 16384
        better = keys.replace("CTX_SIZE = 16384", line[1])
        assert codes(clinic.planned(better, shared=devices.flag)) == []
        assert "a quantisation of at most" in advice.hint


@needs_rig
def test_without_a_plan_for_the_context_it_is_computed_and_fits_as_well(
    clinic: Clinic, tmp_path: Path
):
    clinic.model(DENSE)
    with rig(tmp_path, 400) as devices:
        keys = "CTX_SIZE = 16384\nFIT_TARGET = 10"
        facts = replace(clinic.planned(keys, shared=devices.flag), unbound=None)
        line = re.search(r"CTX_SIZE = \d+", found(facts, "dense-in-ram").hint)
        assert line
        better = keys.replace("CTX_SIZE = 16384", line[0])
        assert codes(clinic.planned(better, shared=devices.flag)) == []


@needs_rig
def test_where_no_context_is_short_enough_only_a_smaller_file_helps(clinic: Clinic, tmp_path: Path):
    clinic.model(DENSE)
    with rig(tmp_path, 250) as devices:
        facts = clinic.planned("CTX_SIZE = 4096\nFIT_TARGET = 10", shared=devices.flag)
    bits = re.fullmatch(
        r"a quantisation of at most (\d\.\d) bits per weight would do \(this one has 8\.5\)",
        found(facts, "dense-in-ram").hint,
    )
    assert bits
    assert 5 < float(bits[1]) < 8


@needs_rig
def test_layers_kept_in_ram_by_hand(clinic: Clinic, tmp_path: Path):
    clinic.model(DENSE)
    with rig(tmp_path, 400) as devices:
        facts = clinic.planned("CTX_SIZE = 2048\nN_GPU_LAYERS = 6", shared=devices.flag)
    advice = found(facts, "dense-in-ram")
    assert (advice.line, advice.hint) == (9, "write N_GPU_LAYERS = auto")


@needs_rig
def test_experts_in_ram_and_a_machine_without_gpus_are_no_such_case(clinic: Clinic, tmp_path: Path):
    clinic.model(MOE)
    with rig(tmp_path, 200) as devices:
        assert codes(clinic.planned("CTX_SIZE = 4096\nFIT_TARGET = 10", shared=devices.flag)) == []
    clinic.model(DENSE)
    assert codes(clinic.planned("CTX_SIZE = 4096", shared="")) == []


# ---- tensors kept in RAM without need ----


@needs_rig
@pytest.mark.parametrize(
    "keys", ["cpu-moe = on", "n-cpu-moe = 6", "EXTRA_ARGS = -ot 'blk\\..*_exps=CPU'"]
)
def test_experts_kept_in_ram_by_habit_on_a_model_that_fits(
    clinic: Clinic, tmp_path: Path, keys: str
):
    clinic.model(MOE)
    with rig(tmp_path, 260, 180) as devices:
        facts = clinic.planned(f"CTX_SIZE = 4096\nFIT_TARGET = 10\n{keys}", shared=devices.flag)
    advice = found(facts, "overrides-not-needed")
    assert (advice.severity, advice.line) == ("warning", 10)
    assert "MiB in RAM without need: RPC0 would hold " in advice.message
    assert ", RPC1 would hold " in advice.message
    assert advice.hint.startswith("leave out --")


@needs_rig
def test_experts_that_would_not_fit_stay_where_they_are(clinic: Clinic, tmp_path: Path):
    clinic.model(MOE)
    with rig(tmp_path, 150) as devices:
        facts = clinic.planned("CTX_SIZE = 4096\ncpu-moe = on", shared=devices.flag)
    assert facts.unforced is not None
    assert "overrides-not-needed" not in codes(facts)


@needs_rig
def test_nor_are_they_moved_at_the_price_of_context(clinic: Clinic, tmp_path: Path):
    clinic.model(MOE)
    with rig(tmp_path, 300) as devices:
        facts = clinic.planned("FIT_TARGET = 10\ncpu-moe = on", shared=devices.flag)
    plan, alone = facts.plan, facts.unforced
    assert plan is not None
    assert alone is not None
    assert (alone.n_ctx or 0) < (plan.n_ctx or 0)
    assert "overrides-not-needed" not in codes(facts)


def test_an_override_that_names_a_gpu_keeps_nothing_in_ram(clinic: Clinic):
    both = "EXTRA_ARGS = -ot 'blk\\.1\\.=CUDA1' -ot 'exps=CPU'"
    assert [flag.values[0] for flag in forcing(clinic.profile(both))] == ["exps=CPU"]
    left = unforced(clinic.profile(both))
    assert left
    assert left.argv[-2:] == ("--override-tensor", "blk\\.1\\.=CUDA1")
    assert unforced(clinic.profile("EXTRA_ARGS = -ot 'blk\\.1\\.=CUDA1'")) is None


@needs_rig
def test_a_batch_that_drives_experts_into_ram_is_more_than_a_remark(clinic: Clinic, tmp_path: Path):
    clinic.model(MOE)
    with rig(tmp_path, 260, 180) as devices:
        facts = clinic.planned("CTX_SIZE = 4096\nFIT_TARGET = 10\nub = 2048", shared=devices.flag)
    advice = found(facts, "large-ubatch")
    assert advice.severity == "warning"
    assert re.search(
        r"take \d+ MiB of RPC0, \d+ MiB of RPC1 more than with -ub 512", advice.message
    )


# ---- SPEED ----


@pytest.mark.parametrize(
    ("measured", "severity"), [(70, "warning"), (90, None), (110, None), (130, "info")]
)
def test_a_speed_that_was_typed_against_one_that_was_measured(
    clinic: Clinic, measured: float, severity: str | None
):
    facts = replace(clinic.facts("SPEED = ~100 t/s"), generation=measured, samples=12)
    if severity is None:
        assert codes(facts) == []
        return
    advice = found(facts, "speed-contradicted")
    assert advice.severity == severity
    assert f"SPEED says 100 tokens/s, measured: {measured:.1f} (12 requests)" in advice.message
    assert f"write SPEED = ~{measured} t/s" in advice.hint


def test_without_a_number_or_a_measurement_there_is_nothing_to_compare(clinic: Clinic):
    assert codes(replace(clinic.facts("SPEED = ~TBD"), generation=5.0, samples=1)) == []
    assert codes(clinic.facts("SPEED = 100")) == []
