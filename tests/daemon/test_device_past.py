"""The last hour of all devices: what is kept of each reading, and that it never grows."""

import math
import sys
from pathlib import Path

import msgspec
import pytest

from paddock.api.devices import DevicesPast
from paddock.api.types import DeviceInfo, ForeignUse
from paddock.daemon.memory.device_past import EVERY, LENGTH, DevicesRing
from tests.yard import places, yard


def gpu(**more: object) -> DeviceInfo:
    return DeviceInfo(name="CUDA0", kind="gpu", id="0:1", total_mib=24_000, **more)  # type: ignore[arg-type]


def test_memory_is_by_model_and_program_and_the_rest_is_others() -> None:
    ring = DevicesRing()
    uses = [ForeignUse(pid=1, name="Xorg", mib=300), ForeignUse(pid=2, name="Xorg", mib=100)]
    uses += [ForeignUse(pid=3, name="tiny", mib=5), ForeignUse(pid=4, name="", mib=900)]
    used = {"glm.1": 9_000, "glm.2": 1_000, "gone.away.3": 2_000}
    device = gpu(free_mib=10_000, used_mib=used, foreign=uses, utilization=0.5, temperature_c=61)
    ring.note(100.0, [device], {"glm.1": "glm", "glm.2": "glm"}, {"CUDA0": 1_024})
    [found] = ring.read().devices
    assert found.models_mib == {"glm": [10_000], "gone.away": [2_000]}
    assert found.foreign_mib == {"Xorg": [400], "": [1_600]}
    assert (
        sum(
            values[0] or 0 for by in (found.models_mib, found.foreign_mib) for values in by.values()
        )
        == 14_000
    )
    assert (found.free_mib, found.margin_mib) == ([10_000], [1_024])
    assert (found.utilization, found.temperature_c, found.power_w) == ([0.5], [61], [])


@pytest.mark.parametrize(("since", "seen"), [(0, [0, 10, 20]), (10, [20]), (20, [])])
def test_only_what_is_newer_is_read_and_what_is_unknown_is_a_gap(
    since: int, seen: list[int]
) -> None:
    ring = DevicesRing()
    for at, free in ((0, 5), (10, None), (20, 7)):
        ring.note(at + 0.5, [gpu(free_mib=free)], {}, {})
    past = ring.read(since + 0.5 if since else 0)
    assert [at - 0.5 for at in past.at] == seen
    assert past.devices[0].free_mib == [{0: 5, 10: None, 20: 7}[at] for at in seen]


def test_an_hour_is_kept_of_a_bounded_number_of_names() -> None:
    """Each reading has another model and another program; days of that take what an hour takes."""
    ring = DevicesRing()
    for number in range(3 * LENGTH):
        uses = [ForeignUse(pid=1, name=f"program-{number}", mib=100)]
        device = gpu(free_mib=0, used_mib={f"model-{number}.1": 200}, foreign=uses)
        ring.note(number * EVERY, [device], {}, {})
    [rings] = ring._rings.values()
    assert sum(sys.getsizeof(values) for values in rings.values.values()) < 110_000
    past = ring.read()
    [found] = past.devices
    assert past.at[-1] - past.at[0] == (LENGTH - 1) * EVERY
    assert len(found.models_mib) <= 33
    assert len(found.foreign_mib) <= 33
    for values in (*found.models_mib.values(), *found.foreign_mib.values(), found.free_mib):
        assert len(values) == LENGTH
    together = [
        sum(column)
        for column in zip(
            *([v or 0 for v in values] for values in found.models_mib.values()), strict=True
        )
    ]
    assert together == [200] * LENGTH, "what has no name of its own is counted"


def test_a_device_that_is_gone_is_forgotten() -> None:
    ring = DevicesRing()
    ring.note(1.0, [gpu()], {}, {})
    ring.note(2.0, [DeviceInfo(name="Host", kind="host", id="host", free_mib=3)], {}, {})
    assert [device.name for device in ring.read().devices] == ["Host"]
    assert ring.read().devices[0].free_mib == [None, 3]


async def test_a_daemon_shows_what_it_noted(tmp_path: Path) -> None:
    async with yard(places(tmp_path, "")) as home:
        await home.daemon.device_watch.note()
        async with home.http.get(f"{home.url}/devices/history") as reply:
            past = msgspec.json.decode(await reply.read(), type=DevicesPast)
        host = next(device for device in past.devices if device.kind == "host")
        assert (host.free_mib[0] or 0) > 0
        assert sum(values[0] or 0 for values in host.foreign_mib.values()) > 0
        newest = math.ceil(past.at[-1])
        async with home.http.get(f"{home.url}/devices/history?since={newest}") as reply:
            assert (await reply.json())["at"] == []
        async with home.http.get(f"{home.url}/devices/history?since=noon") as reply:
            assert reply.status == 400
