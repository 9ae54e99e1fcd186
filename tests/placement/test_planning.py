"""From what an engine's fit logs to a plan: devices are made up."""

import pytest

from paddock.core.model import HOST, DeviceId
from paddock.llama.fit import Fit, FitDevice, FitTrial, Sizes
from paddock.placement.devices import Reading
from paddock.placement.planning import plan_of
from tests.placement.ground import around, gpu, written

CARD = "0000:01:00.0"


def fit(*devices: FitDevice, each: int, host: int = 300) -> Fit:
    sizes = {device.name: Sizes(model=each) for device in devices} | {"Host": Sizes(model=host)}
    trial = FitTrial(sizes=sizes, layers=dict.fromkeys((d.name for d in devices), 8), splits=2)
    return Fit(devices, trial, None, {}, {}, 4096, 4096, None, "")


@pytest.mark.parametrize(("each", "fits"), [(6000, True), (9000, False)])
def test_a_card_that_fit_takes_for_two_is_counted_once(each: int, fits: bool):
    """CUDA reports its address, Vulkan none: llama.cpp uses both, each with all of the memory."""
    both = (
        FitDevice("CUDA0", "RTX 4080", CARD, 15_800, 16_376),
        FitDevice("Vulkan0", "RTX 4080", None, 15_800, 16_300),
    )
    plan = plan_of(
        written(), fit(*both, each=each), around(gpu("CUDA0", 15_900, id_=CARD, total=16_376))
    )
    assert [device.id for device in plan.devices] == [CARD, CARD, HOST]
    assert plan.fits == fits


@pytest.mark.parametrize(
    ("flags", "each", "ram", "fits"),
    [
        (["--fit off"], 9000, 12_000, True),
        (["--fit off"], 12_000, 12_000, False),
        ([], 12_000, 12_000, True),
        (["--fit off"], 14_000, 64_000, True),
        (["--fit off"], 16_000, 64_000, False),
    ],
)
def test_a_made_up_gpu_in_ram_is_over_full_by_what_it_reaches_and_by_what_ram_has(
    flags, each, ram, fits
):
    apu = FitDevice("Vulkan0", "Radeon 780M", CARD, 15_300, 15_800)
    here = around(Reading(DeviceId(CARD), "GPU0", 512, 460, is_in_ram=True), ram=ram)
    plan = plan_of(written(*flags), fit(apu, each=each), here)
    [device, _] = plan.devices
    assert (device.in_ram, device.set_aside, device.description) == (True, 460, "Radeon 780M")
    assert plan.fits == fits
    assert bool(plan.warnings) == (each > 15_000 or each + 600 > ram)
