"""What a driver keeps for itself is not called another program's, on the command line and in the dashboard."""

from typing import Any

import pytest

from paddock.api.types import DeviceInfo, ForeignUse
from paddock.cli.verbs.status import _others
from paddock.figures.drivers import is_drivers_own
from paddock.tui.bars import device_bar
from paddock.tui.state import View


@pytest.mark.parametrize(
    ("mib", "names", "own"),
    [(600, [], True), (640, [], True), (641, [], False), (600, ["Xorg"], False), (0, [], True)],
)
def test_a_little_that_nobody_holds_is_the_drivers_own(
    mib: float, names: list[str], own: bool
) -> None:
    assert is_drivers_own(mib, names) is own


@pytest.mark.parametrize(
    ("foreign", "mib", "who", "label"),
    [
        ([], 600, "600 MiB (the driver)", "driver 600 MiB"),
        ([], 3000, "2.9 GiB", "others 2.9 GiB"),
        ([ForeignUse(pid=1, name="Xorg", mib=500)], 600, "600 MiB (Xorg)", "Xorg 600 MiB"),
    ],
)
def test_status_and_dashboard_name_who_holds_what_is_not_ours(
    foreign: list[ForeignUse], mib: int, who: str, label: str
) -> None:
    device = DeviceInfo(
        name="CUDA0", kind="gpu", id="0000:01:00.0", total_mib=24000, free_mib=24000 - mib,
        foreign_mib=mib, foreign=foreign,
    )  # fmt: skip
    assert _others(device) == who
    assert device_bar(View(), device, 40).legend == label


@pytest.mark.parametrize(
    ("kind", "total", "in_ram", "said"),
    [("gpu", 16_000, False, "not known"), ("gpu", 16_000, True, ""), ("gpu", None, False, ""), ("host", 64_000, False, "")],
)  # fmt: skip
def test_status_says_that_nobody_knows_who_is_on_a_card_that_only_engines_read(
    kind: Any, total: int | None, in_ram: bool, said: str
) -> None:
    """A card in RAM has what RAM has, which the kernel reads."""
    device = DeviceInfo(name="Vulkan0", kind=kind, total_mib=total, free_mib=9_000, in_ram=in_ram)
    assert _others(device) == said
