"""The next model's files are read ahead while others still answer: as far as there is room, and no further."""

import asyncio
import threading
from pathlib import Path

import msgspec
import pytest

from paddock.api.activity import Preview
from paddock.api.placement import DevicePlan, LoadEntry, Placement, Plan
from paddock.api.weights import LoadedWeights
from paddock.config.describe import weight_files
from paddock.config.profile import Flag, Origin, Profile
from paddock.core.model import ProfileId
from paddock.daemon.aside import Aside
from paddock.daemon.memory.read_ahead import ReadAhead, needed_mib, rate_of
from paddock.daemon.memory.reading import ReadAheadState, read_ahead
from paddock.daemon.reports.preview import summary
from paddock.host.seen_files import SeenFiles, look
from paddock.llama.scripted import ScriptedModel, write
from tests.daemon.test_switch_progress import here, make_cold
from tests.yard import yard

PLENTY = 100_000  # MiB


@pytest.fixture(scope="module")
def cold(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """80 MB of weights."""
    model = ScriptedModel(say="I am cold.", name="cold", dense=True, target_mib=80)
    return write(tmp_path_factory.mktemp("cold") / "cold.gguf", model)


async def test_it_is_read_while_another_still_answers(tmp_path: Path, models: Path, cold: Path):
    paths = here(tmp_path, models, f"[alpha]\nmodel = alpha.gguf\n[cold]\nmodel = {cold}\n")
    async with yard(paths, max_instances=1) as home:
        await home.answer("alpha")
        make_cold(cold)
        before = msgspec.convert(await home.get("/preview/cold"), Preview)
        with home.daemon.lease("alpha"):  # a request that takes its time
            asking = asyncio.create_task(home.answer("cold"))
            async with asyncio.timeout(30):
                while look([cold]).share != 1.0:
                    await asyncio.sleep(0.01)
            assert [i.profile for i in (await home.status()).instances] == ["alpha"]
        assert await asking == "I am cold."
        await home.daemon.chronicle.finish()
        [load] = (await home.get("/history/cold"))["loads"]
        after = msgspec.convert(await home.get("/preview/cold"), Preview)
    assert before.cached_mib is not None
    assert before.size_mib is not None
    assert before.cached_mib < before.size_mib / 2
    assert f"of {before.size_mib} MiB are in the page cache" in before.summary
    assert load["placement"]["load_mode"] == "mmap"
    weights = msgspec.convert(load["placement"]["weights"], LoadedWeights)
    assert weights.cached == 1.0, "all had come before its process was started"
    assert weights.ahead_mib >= before.size_mib / 2
    assert after.cached_mib == after.size_mib


async def test_who_stops_waiting_stops_the_reading(tmp_path: Path, models: Path, cold: Path):
    paths = here(tmp_path, models, f"[alpha]\nmodel = alpha.gguf\n[cold]\nmodel = {cold}\n")
    async with yard(paths, max_instances=1) as home:
        await home.answer("alpha")
        with home.daemon.lease("alpha"), home.daemon.lease("cold"):
            [course] = home.daemon.read_ahead._courses.values()
            assert not course.stop.is_set()
        assert course.stop.is_set()
        assert not home.daemon.read_ahead._courses


def test_what_there_is_no_room_for_is_not_read(cold: Path):
    make_cold(cold)
    stop, reading = threading.Event(), ReadAheadState()
    looks: list[int] = []

    def room() -> int:  # full, then one look's worth, then full for good
        looks.append(0)
        if len(looks) > 3:
            stop.set()
        return 64 if len(looks) == 2 else 63

    read_ahead([cold], stop, room, reading)
    assert reading.asked_mib == 64
    assert (look([cold]).share or 0) < 0.95


def test_a_file_that_is_gone_keeps_the_others_from_nothing(tmp_path: Path, cold: Path):
    make_cold(cold)
    reading = ReadAheadState()
    read_ahead([tmp_path / "gone.gguf", cold], threading.Event(), lambda: PLENTY, reading)
    assert look([cold]).share == 1.0
    assert reading.seconds > 0


def test_all_files_that_weights_come_from_are_named(tmp_path: Path):
    draft = Flag("--model-draft", (str(tmp_path / "draft.gguf"),), Origin("p", "model-draft"))
    split = tmp_path / "big-00001-of-00002.gguf"
    own = Profile(id="p", line=1, model=split, mmproj=tmp_path / "eye.gguf", flags=(draft,))
    names = [file.name for file in weight_files(own)]
    assert names == [split.name, "big-00002-of-00002.gguf", "eye.gguf", "draft.gguf"]
    assert weight_files(Profile(id="q", line=1, model=None, flags=())) == []


@pytest.mark.parametrize(("mode", "needs"), [("auto", 900), ("mmap", 900), ("none", 4900)])
def test_what_an_instance_takes_for_itself_is_left_alone(mode: str, needs: int):
    host = DevicePlan(device="Host", id="host", model=4000, context=500, compute=300, overhead=100)
    plan = Plan(profile="p", source="engine", fits=True, devices=[host])
    assert needed_mib(plan, mode) == needs


SSD = "ext4 on /dev/sda"


def knowing(*loads: tuple[str, float, LoadedWeights]) -> ReadAhead:
    """One that has read this history, the newest load first, and whom nothing else is asked."""
    found = ReadAhead.__new__(ReadAhead)
    found._last, found._rates = {}, {}
    found.recall(
        LoadEntry(
            instance="x.1", profile=name, fingerprint="f", seconds=seconds,
            placement=Placement(weights=weights),
        )
        for name, seconds, weights in loads
    )  # fmt: skip
    return found


WARM = LoadedWeights(mib=8000, cached=1.0, file_system=SSD)
COLD = LoadedWeights(mib=4000, cached=0.0, ahead_mib=4000, ahead_seconds=4.0, file_system=SSD)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (SeenFiles(8000, 8000, SSD), 3.0),
        (SeenFiles(8000, 0, SSD), 11.0),  # 8,000 MiB at 1,000 MiB/s more
        (SeenFiles(8000, 6000, SSD), 5.0),
        (SeenFiles(8000, None, SSD), None),
        (SeenFiles(8000, 0, "xfs on /dev/sdb"), None),  # nobody knows how fast that is
    ],
)
def test_a_load_takes_longer_by_what_the_disk_has_to_give(seen: SeenFiles, expected: float | None):
    ahead = knowing(("warm", 3.0, WARM), ("other", 6.0, COLD))
    assert ahead.expected(ProfileId("warm"), seen) == expected


def test_a_load_never_becomes_nothing_by_what_is_cached():
    ahead = knowing(("other", 4.5, COLD))
    assert ahead.expected(ProfileId("other"), SeenFiles(4000, 4000, SSD)) == pytest.approx(0.9)
    assert ahead.expected(ProfileId("unknown"), SeenFiles(4000, 4000, SSD)) is None


def test_little_says_nothing_of_a_disk():
    assert rate_of(COLD) == 1000.0
    assert rate_of(LoadedWeights(mib=90, ahead_mib=90, ahead_seconds=0.1)) is None
    assert rate_of(LoadedWeights(mib=9000)) is None


@pytest.mark.parametrize(
    ("cached", "eta", "words"),
    [
        (14_000, 6.1, "took 6 s last time, its files are in the page cache"),
        (
            2_048,
            14.0,
            "took 6 s last time, 2.0 of 13.7 GiB are in the page cache, so about 14 s now",
        ),
        (512, 6.2, "took 6 s last time, 512 MiB of 13.7 GiB are in the page cache"),
        (None, None, "took 6 s last time"),
    ],
)
def test_a_preview_says_what_is_cached_and_what_that_means(
    cached: int | None, eta: float | None, words: str
):
    seen = Preview(
        profile="p", state="unloaded", seconds=6.0, size_mib=14_000, cached_mib=cached, eta=eta
    )
    assert summary(seen, []) == f"unloads nobody, {words}"


async def test_a_thread_that_hangs_keeps_nobody_waiting():
    aside, hang = Aside(1), threading.Event()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await aside.run(hang.wait)
    assert await aside.run(lambda: 1) is None, "its thread is still taken"
    hang.set()
    async with asyncio.timeout(10):
        while await aside.run(lambda: 1) is None:
            await asyncio.sleep(0.01)
    with pytest.raises(ZeroDivisionError):
        await aside.run(lambda: 1 // 0)
