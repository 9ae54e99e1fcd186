"""Readings without a daemon: of this machine, and of GPUs that are made up."""

import os

from paddock.core.model import HOST
from paddock.host.gpus import Gpu, GpuProcess
from paddock.host.memory import Memory
from paddock.placement.devices import Taker
from paddock.placement.survey import foreign, gpu_id, gpu_reading, host_reading, host_takers, survey

ADDRESS = "0000:00:06.0"
PROCESSES = (GpuProcess(7, 8000, "llama-server"), GpuProcess(99, None, "x"), GpuProcess(98, 9000, "blender"))  # fmt: skip
GPU = Gpu(1, "NVIDIA RTX 4090", 24000, 6000, processes=PROCESSES, id=ADDRESS, drives_display=True)


def test_this_machine_has_ram_and_nothing_of_it_is_ours():
    readings = survey()
    assert list(readings)[-1] == HOST
    assert all(id_ == reading.id for id_, reading in readings.items())
    assert sum(reading.ours_mib for reading in readings.values()) == 0
    ram = readings[HOST]
    assert ram.total_mib is not None
    assert ram.free_mib is not None
    assert 0 < ram.free_mib <= ram.total_mib


def test_a_made_up_gpu_is_known_by_its_slot_and_named_by_an_engine():
    reading = gpu_reading(GPU)
    assert (gpu_id(GPU), reading.id, reading.name) == (ADDRESS, ADDRESS, "GPU1")
    assert (reading.total_mib, reading.free_mib, reading.drives_display) == (24000, 6000, True)
    assert gpu_reading(GPU, names={gpu_id(GPU): "CUDA0"}).name == "CUDA0"
    assert gpu_id(Gpu(1, "GPU")) == "gpu1"


def test_whoever_is_not_ours_takes_its_memory():
    assert [process.pid for process in foreign(GPU, ())] == [98, 7, 99]
    reading = gpu_reading(GPU, ours={7}, ours_mib=8000)
    assert reading.takers == (Taker("blender", 9000), Taker("x", None))
    assert (reading.available_mib, reading.foreign_mib) == (14000, 10000)


def test_ram_that_is_available_is_free():
    reading = host_reading(Memory(64000, 50000), ours_mib=300)
    assert (reading.id, reading.name, reading.available_mib) == (HOST, "Host", 50300)
    assert host_reading(Memory()).available_mib is None


def test_the_largest_programs_are_reported_and_ours_are_none_of_them():
    found = host_takers()
    sizes = [taker.mib or 0 for taker in found]
    assert 1 <= len(found) <= 5
    assert sizes == sorted(sizes, reverse=True)
    assert len(host_takers(ours={os.getpid()})) <= 5
