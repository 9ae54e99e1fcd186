"""`keep-context = auto`: what pays is saved ahead, in RAM; what a restored slot brings is remembered."""

import asyncio
import stat
from pathlib import Path

import msgspec
import pytest

from paddock.config.settings import Paths
from paddock.daemon.instances.experience import Experience
from paddock.daemon.instances.instance import Instance
from paddock.llama.scripted import Arch, ScriptedModel, write
from paddock.llama.slots import Moved
from tests.engine.server import ENGINES, engine_command
from tests.yard import Yard, places, yard

CONF = """
[alpha]
model = alpha.gguf
ctx-size = 8192
[beta]
model = beta.gguf
keep-context = off
[gemma3]
model = gemma3.gguf
ctx-size = 8192
"""
LONG = "The horses stand in the paddock and wait for their turn. " * 20
MANY = 700  # of its some 820 tokens


@pytest.fixture
def paths(tmp_path: Path, models: Path) -> Paths:
    where = places(tmp_path / "yard", CONF)
    return msgspec.structs.replace(where, models_dir=models, ram_dir=tmp_path / "ram")


async def cached(home: Yard, model: str = "alpha", *more: str) -> int:
    """How many tokens of this conversation the model still knew; `more`: its later questions."""
    messages = [{"role": "user", "content": LONG}]
    for question in more:
        messages += [
            {"role": "assistant", "content": "Yes."},
            {"role": "user", "content": question},
        ]
    _, reply = await home.ask(model, messages=messages, max_tokens=4)
    return int(reply["timings"]["cache_n"])


def instance_of(home: Yard, profile: str = "alpha") -> Instance:
    [found] = [i for i in home.daemon.parts.registry.values() if i.profile == profile]
    return found


async def save_ahead(home: Yard, *, rested: float = 3600.0) -> None:
    """As the daemon does after so many idle seconds."""
    await home.until(lambda status: all(not i.leases for i in status.instances))
    await home.daemon.keeper.look(instance_of(home), rested=rested)


def saved(paths: Paths) -> list[Path]:
    assert paths.ram_dir
    return sorted(paths.ram_dir.glob("contexts/*/slot-*.bin"))


async def test_a_model_comes_back_with_what_it_had_read_and_no_disk_has_seen_it(paths: Paths):
    async with yard(paths, max_instances=1) as home:
        assert await cached(home) == 0
        await home.answer("beta")
        assert await cached(home) > MANY
    assert [stat.S_IMODE(file.stat().st_mode) for file in saved(paths)] == [0o600]
    assert {stat.S_IMODE(f.parent.stat().st_mode) for f in saved(paths)} == {0o700}
    assert not (paths.state_dir / "contexts").exists()


async def test_it_is_saved_while_it_is_idle_and_not_again_when_it_leaves(paths: Paths):
    async with yard(paths, max_instances=1) as home:
        await cached(home)
        await save_ahead(home)
        [file] = saved(paths)
        written = file.stat().st_mtime_ns
        await home.answer("beta")
        assert file.stat().st_mtime_ns == written
        assert await cached(home) > MANY


async def test_a_few_tokens_more_are_read_again_and_not_saved(paths: Paths):
    async with yard(paths, max_instances=1) as home:
        await cached(home)
        await save_ahead(home)
        [file] = saved(paths)
        written = file.stat().st_mtime_ns
        store = instance_of(home).slots
        assert store
        store.thrift.note_saved(Moved(1_000, 100 << 20, 100.0))  # a save takes seconds here
        await cached(home, "alpha", "And then?")
        await home.answer("beta")
        assert file.stat().st_mtime_ns == written
        assert await cached(home, "alpha", "And then?", "And now?") > MANY


async def test_what_changed_since_is_saved_again(paths: Paths):
    async with yard(paths, max_instances=1) as home:
        await cached(home)
        await save_ahead(home)
        [file] = saved(paths)
        written = file.stat().st_mtime_ns
        await save_ahead(home)
        assert file.stat().st_mtime_ns == written
        await cached(home, "alpha", LONG)
        await home.until(lambda _: instance_of(home).slots.wants_look(3600.0))  # type: ignore[union-attr]
        await save_ahead(home)
        assert file.stat().st_mtime_ns > written


async def test_nothing_is_saved_ahead_until_it_has_been_idle(paths: Paths):
    async with yard(paths, max_instances=1) as home:
        await cached(home)
        await save_ahead(home, rested=0.5)
        assert saved(paths) == []


async def test_nothing_is_saved_ahead_while_somebody_is_served(paths: Paths):
    conf = "[alpha]\nmodel = endless.gguf\nctx-size = 8192\n"
    (paths.config).write_text("[*]\nthreads = 1\nparallel = 2\n" + conf)
    async with yard(paths) as home:
        await cached(home)
        endless = asyncio.create_task(home.ask("alpha", max_tokens=4000))
        await home.until(lambda status: any(i.leases for i in status.instances))
        await home.daemon.keeper.look(instance_of(home), rested=3600.0)
        assert saved(paths) == []
        endless.cancel()


async def test_without_a_place_in_ram_nothing_is_kept(paths: Paths):
    paths = msgspec.structs.replace(paths, ram_dir=None)
    async with yard(paths, max_instances=1) as home:
        await cached(home)
        await home.answer("beta")
        assert await cached(home) == 0
        kept = instance_of(home)
        found = [
            i.context.note for i in (await home.status()).instances if i.id == kept.id and i.context
        ]
        assert "tmpfs" in found[0]
    assert not (paths.state_dir / "contexts").exists()


async def test_what_it_brought_is_read_off_the_next_request_and_remembered(paths: Paths):
    async with yard(paths, max_instances=1) as home:
        await cached(home)
        await home.answer("beta")
        await cached(home, "alpha", "And then?")
        await home.until(lambda _: instance_of(home).slots.reused_tokens > MANY)  # type: ignore[union-attr]
        kept = (await home.status()).instances[0].context
        assert kept
        assert (kept.place, kept.kept_tokens > MANY, kept.reused_tokens > MANY) == (
            "ram",
            True,
            True,
        )
        assert (await home.get("/history/alpha"))["context"]["tokens"] > MANY
    spared = Experience(paths.state_dir / "contexts.json").spared("alpha")
    assert spared.tokens > MANY
    assert spared.seconds > 0


async def test_another_conversation_proves_nothing(paths: Paths):
    async with yard(paths, max_instances=1) as home:
        for _ in range(3):
            await cached(home)
            await home.answer("beta")
            await home.answer("alpha")  # begins otherwise
            await home.answer("beta")
        await cached(home)
        await home.answer("beta")
        assert await cached(home) > MANY


@pytest.mark.parametrize("kind", ENGINES)
@pytest.mark.parametrize("arch", ["gemma3", "mamba"])
async def test_what_brings_nothing_on_this_build_is_not_saved_again(
    paths: Paths, tmp_path: Path, kind: str, arch: Arch
):
    """Build 11434 restores a window or a state and reuses nothing; 11549 reuses nearly all."""
    window = {"window": 256} if arch == "gemma3" else {}
    write(tmp_path / "gemma3.gguf", ScriptedModel(say="Yes.", arch=arch, **window))  # type: ignore[arg-type]
    write(tmp_path / "beta.gguf", ScriptedModel(say="I am beta."))
    paths = msgspec.structs.replace(paths, models_dir=tmp_path)
    command = engine_command(kind)
    engine = command[0] if len(command) == 1 else kind
    found = []
    async with yard(paths, max_instances=1, engine=engine) as home:
        for question in ("One?", "Two?", "Three?", "Four?"):
            await cached(home, "gemma3")
            await home.answer("beta")
            found.append(len(saved(paths)))
            await cached(home, "gemma3", question)
            await home.answer("beta")
        last = len(saved(paths))
    assert found[0] == 1
    assert last == (0 if kind == "native" else 1)
