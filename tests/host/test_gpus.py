"""All GPUs together: those of this machine, with or without any, and drivers that are made up."""

from pathlib import Path

import pytest

from paddock.host.amd import Amd
from paddock.host.gpu import pci_address
from paddock.host.gpus import Gpus
from paddock.host.nvidia import Nvidia
from tests.host.made_up_nvml import MadeUpNvml
from tests.host.test_amd import DISCRETE, RX7900
from tests.host.trees import Machine


def test_gpus_are_read_or_there_are_none():
    gpus = Gpus()
    for _ in range(2):
        for gpu in gpus.read():
            assert gpu.name
            assert gpu.total_mib is None or gpu.total_mib >= (gpu.free_mib or 0)
    gpus.close()
    assert [g.index for g in gpus.read()] == list(range(len(gpus.read())))
    assert set(gpus.telemetry()) <= {gpu.id for gpu in gpus.read()}
    gpus.close()


def test_amds_come_after_nvidias_on_made_up_drivers(tmp_path: Path):
    machine = Machine(tmp_path)
    machine.card(0, DISCRETE, RX7900)
    gpus = Gpus(
        [
            Nvidia(MadeUpNvml(), proc=machine.proc, sys=machine.sys),
            Amd(proc=machine.proc, sys=machine.sys),
        ]
    )
    assert [(gpu.index, gpu.vendor, gpu.id) for gpu in gpus.read()] == [
        (0, "nvidia", "0000:00:06.0"),
        (1, "nvidia", "0000:00:07.0"),
        (2, "amd", DISCRETE),
    ]
    assert set(gpus.telemetry()) == {"0000:00:06.0", "0000:00:07.0", DISCRETE}
    gpus.close()


@pytest.mark.parametrize(
    ("said", "address"),
    [
        ("00000000:00:06.0", "0000:00:06.0"),
        ("0000:03:00.0", "0000:03:00.0"),
        ("00010000:0A:1F.0", "10000:0a:1f.0"),
        ("", ""),
        ("none", ""),
    ],
)
def test_addresses_are_spelt_as_llama_cpp_spells_them(said: str, address: str):
    assert pci_address(said) == address
