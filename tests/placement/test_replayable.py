"""When a plan's flags may be given to a load, and when fit has to search anew."""

from hypothesis import given
from hypothesis import strategies as st

from paddock.api.placement import DevicePlan, Plan
from paddock.core.model import DeviceId
from paddock.placement.devices import Reading
from paddock.placement.replayable import obstacle, replay
from tests.placement.ground import gpu

CARD, OTHER = "0000:01:00.0", "0000:02:00.0"
FLAGS = ["--fit", "off"]


def plan(*, available: int = 20_000, model: int = 8_000, steps: list[str] | None = None) -> Plan:
    """On one card, of which it counted with so much; 1,024 MiB are to stay free."""
    device = DevicePlan(device="CUDA0", id=CARD, model=model, margin=1024, available=available)
    host = DevicePlan(device="Host", id="host", model=500, available=1_000)
    return Plan(profile="m", source="engine", fits=True, devices=[device, host], replay=FLAGS,
                gpus=[CARD], steps=steps or [])  # fmt: skip


def having(free: int | None, *more: Reading) -> dict[DeviceId, Reading]:
    known = Reading(DeviceId(CARD), "CUDA0", 24_000, free)
    return {reading.id: reading for reading in (known, *more)}


def test_what_counted_with_the_memory_that_is_free_is_replayed():
    assert obstacle(plan(), having(20_000), {}) == ""


def test_less_is_enough_while_what_it_needs_and_the_margin_are_there():
    assert obstacle(plan(), having(9_024), {}) == ""
    assert obstacle(plan(), having(9_023), {}) == (
        "CUDA0 has 8.8 GiB free, its plan counted with 19.5 GiB"
    )


def test_who_stays_beside_it_takes_its_part():
    assert obstacle(plan(), having(20_000), {DeviceId(CARD): 10_000}) == ""
    assert obstacle(plan(), having(20_000), {DeviceId(CARD): 11_000}).startswith("CUDA0 has")


def test_what_was_cut_is_fitted_anew_where_there_is_more():
    cut = plan(available=8_500, steps=["2 of 33 layers to RAM"])
    assert obstacle(cut, having(8_500), {}) == obstacle(cut, having(8_560), {}) == ""
    assert obstacle(cut, having(9_000), {}) == "CUDA0 has 8.8 GiB, its plan was cut to 8.3 GiB"


def test_another_set_of_gpus_is_fitted_anew():
    assert obstacle(plan(), having(20_000, gpu(OTHER, 9_000)), {}) == (
        "the GPUs are not those of its plan"
    )
    assert obstacle(plan(), {}, {}) == "the GPUs are not those of its plan"


def test_memory_that_nobody_can_read_is_left_to_fit():
    assert obstacle(plan(), having(None), {}) == "nobody can tell what is free of CUDA0"


def test_without_flags_there_is_nothing_to_replay():
    bare = plan()
    bare.replay = []
    assert obstacle(bare, having(20_000), {}) == "there is no plan with flags for it"


MIB = st.integers(min_value=0, max_value=30_000)


@given(available=MIB, model=MIB, free=MIB, beside=MIB, is_cut=st.booleans())
def test_no_load_is_replayed_into_less_than_it_counted_with_or_needs(
    available: int, model: int, free: int, beside: int, is_cut: bool
):
    made = plan(available=available, model=model, steps=["cut"] if is_cut else [])
    if obstacle(made, having(free), {DeviceId(CARD): beside}) == "":
        left = free - beside
        assert left >= available or left >= model + 1024
        assert not is_cut or free <= available + 64


# ---- what a load is given, and what its engine must see ----


def far(available: int, *, model: int = 100, margin: int = 16, overflowing: int = 0) -> Plan:
    """On a device behind RPC, of which only the engine can tell what is free."""
    device = DevicePlan(device="RPC0", id="RPC0[127.0.0.1:1]", model=model, margin=margin,
                        available=available, overflowing=overflowing)  # fmt: skip
    return Plan(profile="m", source="engine", fits=True, devices=[device], replay=FLAGS)


def test_of_a_device_behind_rpc_the_engine_must_see_enough():
    given_ = replay(far(500))
    assert given_.needs == {"RPC0": 116}
    assert given_.shortage({"RPC0": 116}) == given_.shortage({}) == ""
    assert given_.shortage({"RPC0": 90}) == "RPC0 has 90 MiB free, its plan needs 116 MiB"


def test_what_filled_its_device_needs_no_more_than_its_plan_counted_with():
    """Fit's last trial may be over the target for a moment: `planning._is_over_full`."""
    assert replay(far(110)).needs == {"RPC0": 110}


def test_of_a_gpu_here_the_ledger_is_asked():
    assert replay(plan()).needs == {}


def test_layers_that_lie_in_part_elsewhere_are_known_without_fits_word():
    assert replay(far(500, overflowing=3)).placement.layers_overflowing == 3
    assert replay(far(500)).placement.layers_overflowing is None
    assert replay(far(500)).placement.replayed
