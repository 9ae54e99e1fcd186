"""What the ledger makes of readings: the machine's own memory, and GPUs that are made up."""

from pathlib import Path

import msgspec

from paddock.api.placement import DevicePlan
from paddock.api.types import DeviceInfo
from paddock.config.settings import Settings
from paddock.core.model import HOST, DeviceId
from paddock.daemon.instances.registry import Booked
from paddock.daemon.memory.ledger import Ledger
from paddock.host.gpus import Gpu, GpuProcess, Telemetry
from paddock.host.memory import read_memory
from paddock.placement.devices import Taker
from tests.daemon.ledgers import (
    ALPHA,
    BETA,
    FAR,
    FIRST,
    NOTHING,
    SECOND,
    XORG,
    MadeUpGpus,
    gpu,
    holding,
    ledger,
    plan,
    running,
    said,
)

# ---- RAM ----


def test_without_a_gpu_there_is_the_machines_memory_less_the_margin():
    books = ledger(memory_margin=1000, max_instances=3)
    room = books.read(NOTHING)
    memory = read_memory()
    assert memory.total_mib is not None
    assert list(room.capacity) == [HOST]
    assert 0 <= room.capacity[HOST] <= memory.total_mib - 1000
    assert (room.max_instances, room.names) == (3, {HOST: "Host"})
    assert books.device_set == "no GPU"


def test_what_an_instance_holds_for_itself_is_not_counted_twice():
    with running("held = b'x' * (200 << 20); print(flush=True); input()") as process:
        said(process)
        books = ledger(memory_margin=0)
        strange = books.read(NOTHING).capacity[HOST]
        ours = books.read({ALPHA: holding(process.pid, host=300)}).capacity[HOST]
        assert books.readings[HOST].ours_mib >= 200
    assert ours - strange > 100, "its 200 MiB, less what the machine did meanwhile"


# ---- GPUs ----


def test_a_gpu_that_a_job_of_ray_holds_is_rays_whether_it_uses_memory_or_not(tmp_path: Path):
    file = tmp_path / "held-gpus.json"
    used = GpuProcess(77, 1000, "python")
    books = ledger(gpu(0, 23000), gpu(1, 20000, used), held_file=file)
    assert books.read(NOTHING).capacity[FIRST] == 23000
    with running("print(flush=True); input()") as actor:
        file.write_bytes(msgspec.json.encode({"pid": actor.pid, "gpus": [FIRST, SECOND]}))
        file.chmod(0o600)
        tmp_path.chmod(0o700)
        room = books.read({ALPHA: holding(actor.pid + 1, second=500)})
        assert (room.capacity[FIRST], room.capacity[SECOND]) == (0, 0)
        first, second, _ = books.devices(NOTHING)
        assert (first.free_mib, first.foreign_mib) == (0, 24000)
        assert [(use.name, use.mib) for use in first.foreign] == [("ray", 23000)]
        assert [use.name for use in second.foreign] == ["ray", "python"]
    assert books.read(NOTHING).capacity[FIRST] == 23000, "nobody says so any more"


def test_the_margin_is_for_ram_only_as_each_profile_has_its_own_for_gpus():
    room = ledger(gpu(0, 23000), gpu(1, 11000), memory_margin=500).read(NOTHING)
    assert (room.capacity[FIRST], room.capacity[SECOND]) == (23000, 11000)
    assert room.names == {FIRST: "GPU0", SECOND: "GPU1", HOST: "Host"}


def test_on_made_up_gpus_what_is_ours_may_be_taken_again_and_what_is_foreign_may_not():
    first = gpu(0, 10000, GpuProcess(7, 8000, "llama-server"), GpuProcess(99, 6000, "blender"))
    second = gpu(1, 9000, GpuProcess(7, 3000, "llama-server"), total=12000)
    books = ledger(first, second)
    room = books.read({ALPHA: holding(7, first=8100, second=3100)})
    assert (room.capacity[FIRST], room.capacity[SECOND]) == (18000, 12000)
    assert books.readings[FIRST].takers == (Taker("blender", 6000),)
    assert (books.readings[FIRST].foreign_mib, books.readings[SECOND].foreign_mib) == (6000, 0)
    assert books.read(NOTHING).capacity[FIRST] == 10000
    assert [t.name for t in books.readings[FIRST].takers] == ["llama-server", "blender"]


def test_what_a_wrappers_child_holds_is_ours():
    code = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE)\n"
        "print(child.pid, flush=True); input()"
    )
    with running(code) as wrapper:
        child = GpuProcess(int(said(wrapper)), 8000, "llama-server")
        books = ledger(gpu(0, 15000, child, XORG))
        assert books.read({ALPHA: holding(wrapper.pid)}).capacity[FIRST] == 23000
        assert books.readings[FIRST].takers == (Taker("Xorg", 300),)


def test_where_a_made_up_driver_hides_how_much_what_is_booked_counts():
    books = ledger(gpu(0, 15000, GpuProcess(7, None), GpuProcess(8, None)))
    assert books.read({ALPHA: holding(7, first=8000)}).capacity[FIRST] == 23000
    assert books.read({ALPHA: holding(9, first=8000)}).capacity[FIRST] == 15000  # not there yet


def test_where_a_made_up_driver_hides_every_process_what_is_booked_counts_once_it_is_in_use():
    """As in containers, and in Windows' subsystem for Linux."""
    booked = {ALPHA: holding(7, first=8000), BETA: holding(8, second=50)}
    assert ledger(gpu(0, 15000)).read(booked).capacity[FIRST] == 23000
    assert ledger(gpu(0, 23900)).read(booked).capacity[FIRST] == 23900


def test_a_made_up_gpu_that_is_over_full_leaves_nothing_and_not_less():
    assert ledger(gpu(0, 0, GpuProcess(99, 24000))).read(NOTHING).capacity[FIRST] == 0


def test_a_made_up_gpu_that_reports_nothing_sets_no_limit():
    books = ledger(gpu(0, 20000), gpu(1, None, total=None))
    assert SECOND not in books.read(NOTHING).capacity
    assert books.readings[SECOND].foreign_mib is None


def test_without_an_address_a_made_up_gpu_goes_by_its_number():
    books = ledger(Gpu(3, "GPU", 8000, 7000))
    assert books.read(NOTHING).capacity[DeviceId("gpu3")] == 7000


def test_made_up_gpus_that_come_and_go_change_what_there_is():
    driver = MadeUpGpus(gpu(0, 20000))
    books = Ledger(Settings(), driver=driver)
    assert set(books.read(NOTHING).capacity) == {FIRST, HOST}
    assert books.device_set == f"nvidia 580: NVIDIA RTX 4090 ({FIRST})"
    driver.gpus = ()
    assert set(books.read(NOTHING).capacity) == {HOST}


# ---- for people ----


def devices(books: Ledger, booked: Booked) -> dict[str, DeviceInfo]:
    books.read(booked)
    return {info.name: info for info in books.devices(booked)}


def test_devices_show_who_holds_what_and_how_hard_they_work():
    busy = Telemetry(0.97, 71, 350.5, 450.0, 2520, 2700, ("power",))
    programs = [GpuProcess(90 + n, 10 * n, f"p{n}") for n in range(7)]
    first = gpu(0, 14000, GpuProcess(7, 9000, "llama-server"), *programs, drives_display=True)
    books = Ledger(Settings(), driver=MadeUpGpus(first, gpu(1, 23000), telemetry={FIRST: busy}))
    found = devices(books, {ALPHA: holding(7, first=9100), BETA: holding(8, host=70)})
    info = found["GPU0"]
    assert (info.kind, info.id, info.description) == ("gpu", FIRST, "NVIDIA RTX 4090")
    assert (info.total_mib, info.free_mib, info.drives_display) == (24000, 14000, True)
    assert (info.booked_mib, info.used_mib) == ({ALPHA: 9100}, {ALPHA: 9000})
    assert info.foreign_mib == 1000
    assert [(f.name, f.mib) for f in info.foreign[:2]] == [("p6", 60), ("p5", 50)]
    assert len(info.foreign) == 5
    assert (info.utilization, info.temperature_c, info.clock_mhz) == (0.97, 71, 2520)
    assert (info.power_w, info.power_limit_w, info.throttled) == (350.5, 450.0, ["power"])
    assert found["GPU1"].utilization is None


def test_the_host_shows_what_is_booked_on_it_and_its_swap():
    with running("print(flush=True); input()") as process:
        said(process)
        info = devices(ledger(), {BETA: holding(process.pid, host=70)})["Host"]
    assert (info.kind, info.description) == ("host", "RAM")
    assert info.booked_mib == {BETA: 70}
    assert 1 <= info.used_mib[BETA] < 70
    assert info.swap_total_mib == read_memory().swap_total_mib


def test_a_device_that_only_an_engine_sees_is_shown_by_its_endpoint():
    books = ledger()
    books.learn(plan(DevicePlan(device="RPC0", id=FAR, available=16000, size=16384)))
    info = devices(books, NOTHING)["RPC0"]
    assert (info.kind, info.id, info.description) == ("gpu", FAR, FAR)
    assert (info.total_mib, info.free_mib, info.used_mib) == (16384, 16000, {})


def test_what_a_twin_reads_for_people_no_decision_sees():
    driver = MadeUpGpus(gpu(0, 9000))
    own = Ledger(Settings(), driver=driver)
    own.read(NOTHING)
    driver.gpus = (gpu(0, 500),)
    seen = own.twin().read_devices(NOTHING)
    assert [device.free_mib for device in seen if device.kind == "gpu"] == [500]
    assert own.readings[FIRST].free_mib == 9000


class Kept:
    """Contexts that are kept in RAM, as the folder of them says it."""

    taken_mib = 300


def test_what_is_kept_in_ram_counts_as_ours_since_it_makes_room_for_a_model():
    read = {}
    for kept in (None, Kept()):
        books = Ledger(Settings(), driver=MadeUpGpus(), kept=kept)
        books.read(NOTHING)
        read[kept is None] = books.readings[HOST].ours_mib
    assert (read[True], read[False]) == (0, 300)
