"""What plans tell of memory: real plans over unequal devices, and readings where those need a display."""

from dataclasses import replace
from pathlib import Path

import pytest

from paddock.api.placement import DevicePlan, Plan
from paddock.core.model import HOST, DeviceId
from paddock.placement.advice import advise
from paddock.placement.devices import Reading, Taker
from paddock.placement.profile_facts import ProfileFacts
from tests.placement.clinic import DENSE, MOE, Clinic, codes, found
from tests.rig import needs_rig, rig


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    return Clinic(tmp_path)


def margins(line: str) -> list[int]:
    """The list in a ready line of a hint."""
    return [int(mib) for mib in line.split("FIT_TARGET = ")[1].split()[0].strip(",:").split(",")]


# ---- whether it fits ----


@needs_rig
def test_layers_set_by_hand_on_a_model_that_does_not_fit(clinic: Clinic, tmp_path: Path):
    clinic.model(DENSE)
    with rig(tmp_path, 260, 180) as devices:
        facts = clinic.planned("CTX_SIZE = 16384\nN_GPU_LAYERS = 99", shared=devices.flag)
    advice = found(facts, "does-not-fit")
    assert (advice.severity, advice.line) == ("error", 9)
    assert "RPC0 would have to hold 400 MiB of 260 MiB; RPC1" in advice.message
    assert "llama.cpp gives up fitting it: n_gpu_layers already set by user to 99" in advice.message
    assert advice.hint == "write N_GPU_LAYERS = auto, or lower CTX_SIZE"


@needs_rig
@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("FIT = off", "write FIT = on, or lower CTX_SIZE"),
        ("TENSOR_SPLIT = 1,1", "leave out --tensor-split, so that --fit can place it"),
    ],
)
def test_whatever_keeps_fit_from_its_work_is_named(
    clinic: Clinic, tmp_path: Path, key: str, hint: str
):
    clinic.model(DENSE)
    with rig(tmp_path, 260, 180) as devices:
        advice = found(
            clinic.planned(f"CTX_SIZE = 16384\n{key}", shared=devices.flag), "does-not-fit"
        )
    assert (advice.severity, advice.line, advice.hint) == ("error", 9, hint)


def test_one_device_that_is_too_small_on_a_made_up_plan(clinic: Clinic):
    device = DevicePlan(device="CUDA0", id="0000:01:00.0", model=9000, available=8000)
    plan = Plan(profile="p", source="estimate", fits=False, devices=[device])
    advice = found(replace(clinic.facts(), plan=plan), "does-not-fit")
    assert advice.message == (
        "it does not fit: CUDA0 would have to hold 8.8 GiB of 7.8 GiB (estimated)"
    )
    assert (advice.severity, advice.hint) == ("warning", "lower CTX_SIZE, or free GPU memory")


def _in_ram(clinic: Clinic, keys: str = "") -> ProfileFacts:
    host = DevicePlan(device="Host", id=HOST, model=3000, available=2048)
    takers = (Taker("firefox", 5000), Taker("java", 300))
    reading = Reading(HOST, "Host", 8192, 2048, takers=takers)
    plan = Plan(profile="p", source="engine", fits=True, devices=[host])
    return replace(clinic.facts(keys), plan=plan, readings={HOST: reading})


def test_ram_that_is_exceeded_on_made_up_readings(clinic: Clinic):
    advice = found(_in_ram(clinic), "ram-exceeded")
    assert advice.severity == "warning"
    assert advice.message == (
        "its part in RAM is 2.9 GiB, but only 2.0 GiB is available; most is held by firefox, java"
    )
    assert "`on-swap = refuse` would not load it" in advice.hint
    refused = found(_in_ram(clinic, "on-swap = refuse"), "ram-exceeded")
    assert refused.severity == "error"
    assert "`on-swap = refuse` keeps it from being loaded" in refused.hint


@needs_rig
def test_a_profile_that_fits_is_not_mentioned(clinic: Clinic, tmp_path: Path):
    clinic.model(MOE)
    with rig(tmp_path, 260, 180) as devices:
        keys = "CTX_SIZE = 2048\nFIT_TARGET = 10"
        assert codes(clinic.planned(keys, shared=devices.flag)) == []


# ---- margins ----


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("SPLIT_MODE = tensor", ["write CTX_SIZE"]),
        ("SPLIT_MODE = tensor\nCTX_SIZE = 2048", []),
        (
            "SPLIT_MODE = tensor\nFIT_TARGET = 256",
            ["write CTX_SIZE", "write a CTX_SIZE that leaves room, and no FIT_TARGET"],
        ),
        ("SPLIT_MODE = layer\nFIT_TARGET = 256", []),
    ],
)
def test_what_fit_does_not_do_for_tensors_is_said(clinic: Clinic, keys: str, said: list[str]):
    advice = [a for a in advise(clinic.facts(keys)) if a.code == "tensor-split-not-fitted"]
    assert [a.hint for a in advice] == said


def test_a_margin_of_all_is_not_held_against_one_that_splits_tensors(clinic: Clinic):
    facts = clinic.facts("SPLIT_MODE = tensor\nCTX_SIZE = 2048", shared="FIT_TARGET = 256")
    assert "tensor-split-not-fitted" not in codes(facts)


@needs_rig
@pytest.mark.parametrize(
    ("given", "what", "right"),
    [
        ("10,20,30", "3 margins for 2 devices (RPC0, RPC1): the rest is ignored", "10,20"),
        ("10,20,30,40", "4 margins for 2 devices", "10,20"),
    ],
)
def test_more_margins_than_devices(
    clinic: Clinic, tmp_path: Path, given: str, what: str, right: str
):
    with rig(tmp_path, 260, 180) as devices:
        facts = clinic.planned(f"FIT_TARGET = {given}", shared=devices.flag)
    advice = found(facts, "margins-miscounted")
    assert (advice.severity, advice.line) == ("warning", 8)
    assert what in advice.message
    assert advice.hint == f"write FIT_TARGET = {right}"


def _shared_margins(clinic: Clinic, keys: str, reading: dict[str, object]) -> ProfileFacts:
    """One device on a made-up plan, and `[*]` with two margins in line 2, meant for two."""
    device = DevicePlan(device="CUDA1", id="0000:02:00.0", model=900, available=24000)
    id_ = DeviceId(device.id)
    reading_of = Reading(id_, device.device, 24000, 23500, **reading)  # type: ignore[arg-type]
    plan = Plan(profile="p", source="engine", fits=True, devices=[device])
    facts = clinic.facts(keys, shared="FIT_TARGET = 128,1024")
    return replace(facts, plan=plan, readings={id_: reading_of})


@pytest.mark.parametrize(("reading", "right"), [({}, "128"), ({"drives_display": True}, "1024")])
def test_advice_about_a_shared_line_names_the_section_to_write_into_on_a_made_up_plan(
    clinic: Clinic, reading: dict[str, object], right: str
):
    advice = found(_shared_margins(clinic, "", reading), "margins-miscounted")
    assert advice.line == 2
    assert advice.hint == (
        f"write FIT_TARGET = {right}; do so in [p], since line 2 in [*] is for other profiles too"
    )
    own = found(_shared_margins(clinic, "FIT_TARGET = 1,2", reading), "margins-miscounted")
    assert "[*]" not in own.hint


def test_a_key_that_a_hint_names_counts_as_shared_too_on_a_made_up_plan(clinic: Clinic):
    device = DevicePlan(device="CUDA0", id="0000:01:00.0", model=9000, available=8000)
    plan = Plan(profile="p", source="estimate", fits=False, devices=[device])
    facts = replace(clinic.facts(shared="CTX_SIZE = 4096"), plan=plan)
    assert found(facts, "does-not-fit").hint == (
        "lower CTX_SIZE, or free GPU memory; do so in [p], since line 2 in [*] is for other profiles too"
    )


def test_a_card_that_two_backends_would_fill_twice_on_a_made_up_plan(clinic: Clinic):
    devices = [
        DevicePlan(device=name, id="0000:01:00.0", model=9000, available=16_000)
        for name in ("CUDA0", "Vulkan0")
    ]
    plan = Plan(profile="p", source="engine", fits=False, devices=devices)
    advice = found(replace(clinic.facts(), plan=plan), "does-not-fit")
    assert (
        advice.message
        == "it does not fit: CUDA0 and Vulkan0 would have to hold 17.6 GiB of 15.6 GiB"
    )
    assert advice.hint.startswith("write DEVICE = CUDA0: ")


@needs_rig
def test_fewer_margins_than_devices(clinic: Clinic, tmp_path: Path):
    with rig(tmp_path, 200, 200, 200) as devices:
        advice = found(
            clinic.planned("FIT_TARGET = 10,20", shared=devices.flag), "margins-miscounted"
        )
    assert "2 margins for 3 devices (RPC0, RPC1, RPC2): the rest gets 1024 each" in advice.message
    assert advice.hint == "write FIT_TARGET = 10,20,50", "what it can keep"


@needs_rig
def test_a_margin_that_is_all_that_a_device_has(clinic: Clinic, tmp_path: Path):
    with rig(tmp_path, 260, 180) as devices:
        one = clinic.planned("FIT_TARGET = 200", shared=devices.flag)
        usual = clinic.planned("CTX_SIZE = 2048", shared=devices.flag)
        off = clinic.planned("FIT_TARGET = 1024\nFIT = off", shared=devices.flag)
    advice = found(one, "margin-too-large")
    assert advice.severity == "warning"
    assert advice.message == "RPC1 is to keep 200 MiB free and has 180 MiB: nothing can lie there"
    assert advice.hint == "write FIT_TARGET = 200,45 (in the order RPC0, RPC1)"
    assert one.plan is not None
    assert "RPC1 is to keep 200 MiB free and has 180 MiB: nothing lies there" in one.plan.notes
    assert found(usual, "margin-too-large").hint.startswith("write FIT_TARGET = 64,45 ")
    assert "margin-too-large" not in codes(off)


@pytest.mark.parametrize(
    ("keys", "is_said"),
    [
        ("FIT_TARGET = 24000", True),
        ("FIT_TARGET = 512,30000", True),
        ("FIT_TARGET = 12000", False),
        ("FIT_TARGET = 24000\nFIT = off", False),
        ("FIT_TARGET = 24000\nrpc = far:50052", False),
        ("", False),
    ],
)
def test_without_a_plan_a_margin_is_compared_with_the_largest_gpu_on_made_up_readings(
    clinic: Clinic, keys: str, is_said: bool
):
    cards = {
        DeviceId(i): Reading(DeviceId(i), i, mib, mib) for i, mib in (("a", 24_000), ("b", 8000))
    }
    facts = replace(clinic.facts(keys), readings=cards)
    assert ("margin-too-large" in codes(facts)) == is_said
    assert "margin-too-large" not in codes(replace(facts, readings={}))


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("FIT_TARGET = 512,9000", "Vulkan1 is to keep 8.8 GiB free and has 7.8 GiB: nothing can lie there"),
        ("FIT_TARGET = 9000,512", ""),
        ("FIT_TARGET = 9000", "Vulkan1 is to keep 8.8 GiB free and has 7.8 GiB: nothing can lie there"),
        ("FIT_TARGET = 9000\nDEVICE = Vulkan0", ""),
        ("", ""),
    ],
)  # fmt: skip
def test_without_a_plan_each_margin_is_compared_with_the_device_that_its_engine_saw_there_last(
    clinic: Clinic, keys: str, said: str
):
    """No driver reads these made-up cards."""
    seen = tuple(
        DevicePlan(device=f"Vulkan{i}", id=f"Vulkan{i}", size=mib)
        for i, mib in enumerate((24_000, 8000))
    )
    facts = replace(clinic.facts(keys), devices=seen)
    assert "".join(one.message for one in advise(facts) if one.code == "margin-too-large") == said


@needs_rig
def test_one_margin_stands_for_all_and_without_fit_none_matters(clinic: Clinic, tmp_path: Path):
    with rig(tmp_path, 260, 180) as devices:
        for margins_of in ("FIT_TARGET = 10", "FIT_TARGET = 10,20,30\nFIT = off"):
            keys = f"{margins_of}\nCTX_SIZE = 2048"
            assert codes(clinic.planned(keys, shared=devices.flag)) == []


def _beside(facts: ProfileFacts, place: int, **changed: object) -> ProfileFacts:
    """One of the planned devices as a driver would tell of it, the others with nothing on them."""
    assert facts.plan
    readings = {}
    for number, device in enumerate(facts.plan.devices[:-1]):
        fields = changed if number == place else {}
        id_ = DeviceId(device.id)
        readings[id_] = Reading(id_, device.device, 24000, 23500, **fields)  # type: ignore[arg-type]
    return replace(facts, readings=readings)


@needs_rig
def test_one_margin_for_unequal_devices_on_made_up_readings(clinic: Clinic, tmp_path: Path):
    clinic.model(DENSE)
    with rig(tmp_path, 260, 180) as devices:
        facts = clinic.planned("CTX_SIZE = 16384\nFIT_TARGET = 20", shared=devices.flag)
        default = clinic.planned("CTX_SIZE = 16384", shared=devices.flag)
        own = clinic.planned("CTX_SIZE = 16384\nFIT_TARGET = 512", shared=devices.flag)
    assert "one-margin-for-all" not in codes(_beside(facts, 0))
    advice = found(_beside(facts, 1, drives_display=True), "one-margin-for-all")
    assert (advice.severity, advice.line) == ("warning", 9)  # layers went to RAM: it matters
    assert advice.message == "FIT_TARGET 20 for all GPUs, but RPC1 drives a display"
    assert advice.hint == "write FIT_TARGET = 20,1024 (in the order RPC0, RPC1)"
    takers = (Taker("Xorg", 900), Taker("firefox", 300))
    advice = found(_beside(default, 0, takers=takers), "one-margin-for-all")
    assert advice.line == 0
    assert advice.message == (
        "the usual margin of 1024 MiB on all GPUs, but RPC0 has 1.2 GiB taken by other programs "
        "(Xorg, firefox)"
    )
    assert advice.hint.startswith("write FIT_TARGET = 1024,256 ")
    assert margins(found(_beside(own, 1, drives_display=True), "one-margin-for-all").hint) == (
        [256, 1024]
    )


@needs_rig
def test_a_little_of_others_and_a_list_of_margins_are_fine_on_made_up_readings(
    clinic: Clinic, tmp_path: Path
):
    with rig(tmp_path, 260, 180) as devices:
        one = clinic.planned("FIT_TARGET = 20\nCTX_SIZE = 2048", shared=devices.flag)
        listed = clinic.planned("FIT_TARGET = 20,30\nCTX_SIZE = 2048", shared=devices.flag)
    assert codes(_beside(one, 0, takers=(Taker("gpu-monitor", 200),))) == []
    assert codes(_beside(listed, 0, drives_display=True)) == []
    everywhere = _beside(one, 0, drives_display=True)
    same = {id_: replace(r, drives_display=True) for id_, r in everywhere.readings.items()}
    assert codes(replace(everywhere, readings=same)) == []


@needs_rig
def test_a_driver_that_names_nobody_still_counts_on_made_up_readings(
    clinic: Clinic, tmp_path: Path
):
    """In a container processes are hidden: what is taken beyond the driver's own share is foreign."""
    with rig(tmp_path, 260, 180) as devices:
        facts = clinic.planned("FIT_TARGET = 20\nCTX_SIZE = 2048", shared=devices.flag)
    assert "one-margin-for-all" not in codes(_beside(facts, 0, ours_mib=500))
    hidden = _beside(facts, 0)
    first = next(iter(hidden.readings))
    taken = {**hidden.readings, first: replace(hidden.readings[first], free_mib=20000)}
    advice = found(replace(hidden, readings=taken), "one-margin-for-all")
    assert advice.severity == "info"  # it fits as it is
    assert "RPC0 has 3.3 GiB taken by other programs" in advice.message
