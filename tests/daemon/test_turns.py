"""Work for thousands of profiles: what is done again, and who has a turn meanwhile."""

import asyncio
from pathlib import Path

import msgspec

from paddock.core.model import ProfileId
from paddock.daemon.turns import in_turns, let_go
from tests.yard import Yard, places, yard


async def test_long_work_leaves_turns_for_others_and_short_work_needs_none():
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    try:
        assert [n async for n in in_turns(range(100))] == list(range(100))
        assert turns == 0, "a few are done at once"
        slow = (sum(range(20_000)) for _ in range(1000))
        assert len([n async for n in in_turns(slow)]) == 1000
        assert turns > 5
    finally:
        task.cancel()


async def test_thousands_of_objects_are_let_go_in_turns():
    class Slow:
        def __del__(self) -> None:
            sum(range(20_000))

    turns, things = 0, [Slow() for _ in range(1000)]

    async def other() -> None:
        nonlocal turns
        while things:
            turns += 1
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        group.create_task(other())
        group.create_task(let_go(things))
    assert not things
    assert turns > 5


def home(tmp_path: Path, models: Path, conf: str):
    return msgspec.structs.replace(places(tmp_path / "yard", conf), models_dir=models)


def specs(home: Yard) -> dict[ProfileId, object]:
    return dict(home.daemon.parts.scheduler._books.specs)


_CONF = "[one]\nmodel = alpha.gguf\n[two]\nmodel = alpha.gguf\nctx-size = {size}\n"


async def test_a_plan_makes_one_spec_anew_and_a_reload_only_what_changed(
    tmp_path: Path, models: Path
):
    paths = home(tmp_path, models, _CONF.format(size=512))
    async with yard(paths) as there:
        await there.daemon.configuration.renew()
        first = specs(there)
        await there.daemon.configuration.renew()
        assert all(specs(there)[name] is spec for name, spec in first.items())
        await there.get("/plans/one")
        planned = specs(there)
        assert planned[ProfileId("one")] is not first[ProfileId("one")]
        paths.config.write_text(paths.config.read_text().replace("512", "768"))
        await there.post("/reload")
        last = specs(there)
        assert last[ProfileId("one")] is planned[ProfileId("one")]
        assert last[ProfileId("two")] != planned[ProfileId("two")]


async def test_what_becomes_known_while_specs_are_made_is_in_all_before_they_are_active(
    tmp_path: Path, models: Path
):
    many = "".join(f"[p{n}]\nmodel = alpha.gguf\nctx-size = {n + 256}\n" for n in range(600))
    async with yard(home(tmp_path, models, many)) as there:
        daemon = there.daemon
        configuration, specs = daemon.configuration, daemon.configuration._specs
        daemon.parts.ledger.overheads["CUDA0"] = 500
        made = specs.made
        preparing = asyncio.create_task(configuration._prepare(daemon.parts.roster.stable))
        while specs.made == made:
            await asyncio.sleep(0)
        assert not preparing.done(), "it takes more than one turn"
        daemon.parts.ledger.overheads["CUDA0"] = 600
        await preparing
        made = specs.made
        configuration.activate()
        assert specs.made == made, "nothing is left to be made in one turn"


async def test_a_failed_plan_is_tried_again_after_a_reload(tmp_path: Path, models: Path):
    paths = home(tmp_path, models, "[one]\nmodel = later.gguf\n")
    async with yard(paths) as there:
        assert (await there.get("/plans/one"))["source"] == "estimate"
        (paths.config.parent / "more").mkdir()
        later = paths.config.parent / "more" / "later.gguf"
        later.write_bytes((models / "alpha.gguf").read_bytes())
        paths.config.write_text(f"[one]\nmodel = {later}\nthreads = 1\nctx-size = 1024\n")
        await there.post("/reload")
        assert (await there.get("/plans/one"))["source"] == "engine"


async def test_the_size_of_a_file_is_seen_when_it_changes(tmp_path: Path, models: Path):
    folder = tmp_path / "own"
    folder.mkdir()
    paths = home(tmp_path, folder, "[one]\nmodel = m.gguf\n")
    async with yard(paths) as there:
        async with asyncio.timeout(20):
            assert "size_mib" not in (await there.get("/models"))["data"][0]["paddock"]
            (folder / "m.gguf").write_bytes(b"x" * (3 << 20))
            while (await there.get("/models"))["data"][0]["paddock"].get("size_mib") != 3:
                await asyncio.sleep(0.1)
