"""Devices as people read them."""

import pytest

from paddock.figures.device_names import detailed, made_by


@pytest.mark.parametrize(
    ("vendor", "model", "said"),
    [
        ("nvidia", "Tesla V100-SXM2-16GB", "NVIDIA Tesla V100-SXM2-16GB"),
        ("nvidia", "NVIDIA H200", "NVIDIA H200"),
        ("amd", "Radeon Pro W6800", "AMD Radeon Pro W6800"),
        ("intel", "Intel(R) Arc(TM) A770 Graphics", "Intel(R) Arc(TM) A770 Graphics"),
        ("other", "Card", "other Card"),
    ],
)
def test_a_card_is_called_by_maker_and_model(vendor: str, model: str, said: str):
    assert made_by(vendor, model) == said


def test_what_else_a_device_is_stands_behind_its_model():
    words = detailed("AMD Radeon 780M", ["Vulkan0"], in_ram=True)
    assert words == "AMD Radeon 780M, shares RAM, also Vulkan0"
    assert detailed("NVIDIA H200", [], in_ram=False) == "NVIDIA H200"
