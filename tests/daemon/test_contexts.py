"""`keep-context`: what a model has read is there again when it comes back."""

import asyncio
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from signal import SIGKILL, SIGSTOP

import aiohttp
import msgspec
import pytest

from paddock.api.events import SwitchEnded, SwitchProgress
from paddock.config.profile import Profile
from paddock.config.settings import Paths, Settings
from paddock.core.model import ProfileId
from paddock.daemon.faults import Faults
from paddock.daemon.history.probes import Probes
from paddock.daemon.instances.context_folders import ContextFolders
from paddock.daemon.instances.contexts import Contexts, ram_folders
from paddock.daemon.instances.experience import Experience
from paddock.daemon.instances.records import Record
from paddock.daemon.instances.slot_store import SlotStore
from paddock.daemon.instances.thrift import Thrift
from paddock.llama import client, slots
from tests.yard import Yard, engine_command, places, process, wrapper, yard

CONF = """
[alpha]
model = alpha.gguf
keep-context = on
parallel = 2
ctx-size = 8192
[forgetful]
model = alpha.gguf
ctx-size = 8192
[alone]
model = alpha.gguf
keep-context = on
cache-ram = 0
parallel = 1
ctx-size = 8192
[beta]
model = beta.gguf
"""
LONG = "The horses stand in the paddock and wait for their turn. " * 20
MANY = 700  # of its some 820 tokens
SHORT = "Good morning."


@pytest.fixture
def paths(tmp_path: Path, models: Path) -> Paths:
    return msgspec.structs.replace(places(tmp_path / "yard", CONF), models_dir=models)


async def cached(home: Yard, model: str = "alpha", text: str = LONG) -> int:
    """How many tokens of this prompt the model still knew."""
    messages = [{"role": "user", "content": text}]
    _, reply = await home.ask(model, messages=messages, max_tokens=4)
    return int(reply["timings"]["cache_n"])


async def probe(home: Yard) -> None:
    """As the daemon would, until it is over; nothing, where it would not."""
    [instance] = home.daemon.parts.registry.values()
    async with asyncio.TaskGroup() as group:
        probes = Probes(home.daemon.roster, home.daemon.parts.scheduler, Faults(), after=0.01)
        running = group.create_task(probes.run())
        await asyncio.sleep(0)
        probes.arm(instance)
        while probes.is_busy:
            await asyncio.sleep(0.05)
        running.cancel()


def saved(paths: Paths) -> list[Path]:
    return sorted((paths.state_dir / "contexts").glob("*/*"))


async def test_an_evicted_model_comes_back_with_what_it_had_read(paths: Paths):
    async with yard(paths, max_instances=1) as home:
        assert await cached(home) == 0
        await home.answer("beta")
        assert await cached(home) > MANY
        [alpha] = (await home.status()).instances
        assert alpha.restored_tokens > MANY
    assert [stat.S_IMODE(file.stat().st_mode) for file in saved(paths)] == [0o600]
    assert {stat.S_IMODE(f.parent.stat().st_mode) for f in saved(paths)} == {0o700}


async def test_an_engine_that_is_asked_whether_it_is_ready_serves_once_all_is_restored(
    paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    restore, during = slots.restore, list[str]()

    async def slowly(session: aiohttp.ClientSession, slot: int, file: str) -> slots.Moved | None:
        for _ in range(15):  # it is asked each half second at least
            await asyncio.sleep(0.1)
            during.append((await home.status()).instances[0].phase)
        return await restore(session, slot, file)

    monkeypatch.setattr(slots, "restore", slowly)
    silent = wrapper(
        tmp_path / "engine",
        f'unset LLAMA_SERVER_ROUTER_PORT\nexec {" ".join(engine_command())} "$@"',
    )
    async with yard(paths, max_instances=1, engine=str(silent)) as home:
        await cached(home)
        await home.answer("beta")
        assert await cached(home) > MANY
    assert "ready" not in during
    assert "warming" in during


async def test_who_waits_for_its_room_sees_that_it_saves(paths: Paths):
    async with yard(paths, max_instances=1) as home:
        await cached(home)
        with home.daemon.bus.subscribe() as events:
            await anext(events)  # the snapshot: from now on everything is reported
            await home.answer("beta")
            stages = []
            async for event in events:
                if isinstance(event, SwitchEnded):
                    break
                if isinstance(event, SwitchProgress) and event.progress.part == "alpha":
                    stages.append(event.progress.stage)
    assert stages[:3] == ["stopping", "saving", "stopping"]


async def test_every_slot_has_a_file_of_its_own(paths: Paths):
    async with yard(paths, max_instances=1) as home:
        other = LONG.replace("horses", "donkeys")[::-1]
        await cached(home)
        await cached(home, text=other)
        await home.answer("beta")
        assert len(saved(paths)) == 2
        assert await cached(home) > MANY
        assert await cached(home, text=other) > MANY


async def test_no_probe_pushes_out_what_came_back(paths: Paths):
    async with yard(paths, max_instances=1) as home:
        await cached(home, "alone")
        await home.answer("beta")
        await home.post("/switch", {"model": "alone"})
        await probe(home)
        assert await cached(home, "alone") > MANY


async def test_a_context_outlives_the_daemon(paths: Paths):
    async with yard(paths) as home:
        await cached(home)
    async with yard(paths) as home:
        assert await cached(home) > MANY


async def test_what_nobody_used_again_is_kept_for_the_next_time(paths: Paths):
    async with yard(paths, max_instances=1) as home:
        await cached(home)
        await home.answer("beta")
        await home.post("/switch", {"model": "alpha"})
        await home.answer("beta")
        assert await cached(home) > MANY


async def test_one_that_was_taken_over_is_saved_too(paths: Paths):
    with process(paths) as first:
        async with aiohttp.ClientSession() as http:
            await cached(Yard(first.url, http, paths))
            first.end(SIGKILL)
            with process(paths) as second:
                home = Yard(second.url, http, paths)
                await home.post("/unload", {"model": "alpha"})
                await home.until(lambda status: not status.instances)
                assert await cached(home) > MANY


async def test_without_the_key_nothing_is_saved(paths: Paths):
    async with yard(paths, max_instances=1) as home:
        await cached(home, "forgetful")
        await home.answer("beta")
        assert await cached(home, "forgetful") == 0
    assert saved(paths) == []


async def test_what_is_read_again_in_a_moment_is_not_saved(paths: Paths):
    async with yard(paths, max_instances=1) as home:
        await cached(home, text=SHORT)
        await home.answer("beta")
        assert saved(paths) == []


async def test_what_a_probe_left_behind_is_not_saved(paths: Paths):
    async with yard(paths, max_instances=1) as home:
        await home.post("/switch", {"model": "alone"})
        await probe(home)
        [alone] = (await home.status()).instances
        assert alone.speed, "it was probed"
        await home.answer("beta")
        assert saved(paths) == []


async def test_another_file_of_the_same_name_gets_nothing(paths: Paths, tmp_path: Path):
    own = tmp_path / "own"
    own.mkdir()
    for name in ("alpha.gguf", "beta.gguf"):
        (own / name).write_bytes((paths.models_dir / name).read_bytes())
    paths = msgspec.structs.replace(paths, models_dir=own)
    async with yard(paths, max_instances=1) as home:
        await cached(home)
        await home.answer("beta")
        os.utime(own / "alpha.gguf", (1, 1))
        assert await cached(home) == 0


async def test_a_damaged_file_costs_only_itself(paths: Paths):
    async with yard(paths, max_instances=1) as home:
        await cached(home)
        await home.answer("beta")
        [file] = saved(paths)
        file.write_bytes(b"nonsense")
        assert await cached(home) == 0
        [alpha] = (await home.status()).instances
        assert alpha.restored_tokens == 0
        assert saved(paths) == []


class NoSpeeds:
    def prompt_speed(self, _: ProfileId) -> float | None:
        return None


RECORD = Record(
    instance="alpha.1",
    number=1,
    profile="alpha",
    fingerprint="f",
    argv=[],
    engine="native",
    engine_version="b1",
    socket="",
    size_mib=1,
    created="",
    stop_timeout=1.0,
)


def slot_store(folder: Path) -> SlotStore:
    thrift = Thrift(
        Experience(folder / "contexts.json"),
        NoSpeeds(),
        record=RECORD,
        place="disk",
        is_asked_for=True,
    )
    return SlotStore(folder, ContextFolders(folder.parent, limit=1), thrift)


async def test_a_file_on_which_a_server_died_is_not_tried_again(tmp_path: Path):
    (tmp_path / "slot-0.bin").write_bytes(b"deadly")
    async with client.connect(str(tmp_path / "nobody.sock")) as session:
        assert await slot_store(tmp_path).restore(session) == 0
    assert slot_store(tmp_path).is_empty


async def test_a_server_that_hangs_is_not_waited_for(paths: Paths, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(
        "paddock.daemon.instances.slot_store._PATIENCE", 600.0
    )  # is for one that is slow
    monkeypatch.setattr("paddock.daemon.instances.slot_store._ANSWERS", 0.2)
    async with yard(paths, max_instances=1, stop_timeout=0.2) as home:
        await cached(home)
        [alpha] = (await home.status()).instances
        assert alpha.pid
        os.kill(alpha.pid, SIGSTOP)
        assert await home.answer("beta") == "I am beta."
        assert await cached(home) == 0


# ---- how much is kept ----


def kept(profile: str) -> Profile:
    return Profile(profile, 0, None, (), keep_context="on")


def contexts(root: Path, *, limit: int, ram: bool = False) -> Contexts:
    where = msgspec.structs.replace(
        places(root, ""), state_dir=root, ram_dir=root / "ram" if ram else None
    )
    settings = Settings(contexts_size=limit)
    return Contexts(where, settings, NoSpeeds(), ram_folders(where, settings))


def fill(folders: Iterable[Path | None], mib: int) -> None:
    for age, folder in enumerate(folders):
        assert folder
        (folder / "slot-0.bin").write_bytes(bytes(mib << 20))
        os.utime(folder, (age, age))


def test_the_oldest_go_when_they_are_too_many(tmp_path: Path):
    contexts = ContextFolders(tmp_path / "contexts", limit=5)
    old, used, new = (contexts.prepared(kept(name), "b1") for name in ("old", "used", "new"))
    assert old
    assert new
    fill([old, used, new], 2)
    assert contexts.give_back(new) == []
    [gone] = contexts.give_back(old)
    assert (gone / "slot-0.bin").exists()
    assert set((tmp_path / "contexts").iterdir()) == {used, new, gone}


def test_a_folder_of_a_running_one_stays_however_little_room_there_is(tmp_path: Path):
    contexts = ContextFolders(tmp_path / "contexts", limit=1)
    running, starting, idle = (
        contexts.prepared(kept(name), "b1") for name in ("running", "starting", "idle")
    )
    assert idle
    fill([running, idle], 2)
    [gone] = contexts.give_back(idle)
    left = {running, starting, gone}
    assert set((tmp_path / "contexts").iterdir()) == left, "an empty one, too"


def test_a_folder_in_which_nothing_was_saved_goes_with_its_server(tmp_path: Path):
    contexts = ContextFolders(tmp_path / "contexts", limit=1)
    folder = contexts.prepared(kept("a"), "b1")
    assert folder
    assert contexts.give_back(folder)
    assert not folder.exists()


def test_what_a_killed_daemon_was_deleting_is_deleted_next_time(tmp_path: Path):
    contexts = ContextFolders(tmp_path / "contexts", limit=1)
    folder = contexts.prepared(kept("a"), "b1")
    assert folder
    [first] = contexts.give_back(folder)
    contexts.prepared(kept("a"), "b1")
    assert first in contexts.give_back(folder)


@pytest.mark.parametrize("ends", ["with its server", "while no daemon ran"])
def test_a_context_that_was_half_written_goes_with_whoever_wrote_it(tmp_path: Path, ends: str):
    contexts = ContextFolders(tmp_path / "contexts", limit=5)
    dead, alive = (contexts.prepared(kept(name), "b1") for name in ("dead", "alive"))
    assert dead
    assert alive
    for folder in (dead, alive):
        (folder / "slot-0.bin").write_bytes(b"whole")
        (folder / "slot-1.part").write_bytes(b"ha")
    if ends == "with its server":
        contexts.give_back(dead)
    else:
        contexts = ContextFolders(tmp_path / "contexts", limit=5)
        contexts.take(alive)
        contexts.remove_halves()
    assert [file.name for file in dead.iterdir()] == ["slot-0.bin"]
    assert len(list(alive.iterdir())) == 2, "its server may be at it"


def test_each_build_and_each_profile_has_its_own(tmp_path: Path):
    contexts = ContextFolders(tmp_path / "contexts", limit=5)
    folders = {
        contexts.prepared(kept(name), build) for name in ("a", "b") for build in ("b1", "b2")
    }
    assert len(folders) == 4


def test_none_is_kept_where_it_is_switched_off(tmp_path: Path):
    off = Profile("a", 0, None, (), keep_context="off")
    assert contexts(tmp_path, limit=0).prepared(kept("a"), "b1") is None
    assert contexts(tmp_path, limit=1).prepared(off, "b1") is None
    assert list(tmp_path.iterdir()) == [tmp_path / "models.conf"]
