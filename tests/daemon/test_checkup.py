"""`GET /doctor`: what a daemon adds to the rules, measured speeds and plans beside its instances."""

import re
from pathlib import Path

import msgspec

from paddock.api.placement import Advice, Checkup
from paddock.config.settings import Paths
from paddock.llama.scripted import write
from tests.placement.clinic import DENSE, MOE
from tests.rig import needs_rig, rig
from tests.yard import Yard, places, yard

CONF = """
[alpha]
model = alpha.gguf
aliases = first
[endless]
model = endless.gguf
SPEED = ~0.5 t/s
[broken]
model = broken.gguf
"""


def here(tmp_path: Path, models: Path, conf: str = CONF) -> Paths:
    return msgspec.structs.replace(places(tmp_path / "yard", conf), models_dir=models)


async def advice(home: Yard, *names: str) -> list[Advice]:
    query = "&".join(f"model={name}" for name in names)
    return msgspec.convert(await home.get(f"/doctor?{query}"), Checkup).advice


async def codes(home: Yard, *names: str) -> list[tuple[str, str]]:
    return [(one.profile, one.code) for one in await advice(home, *names) if one.profile]


async def test_all_profiles_are_looked_at_or_those_that_are_named(tmp_path: Path, models: Path):
    async with yard(here(tmp_path, models)) as home:
        broken = [("broken", "unreadable-file"), ("broken", "cannot-load")]
        assert await codes(home) == broken
        assert await codes(home, "first", "endless") == []
        assert await codes(home, "broken", "alpha") == broken
        async with home.http.get(f"{home.url}/doctor?model=nobody") as reply:
            assert reply.status == 404


async def test_what_was_measured_is_held_against_what_was_typed(tmp_path: Path, models: Path):
    async with yard(here(tmp_path, models)) as home:
        await home.ask("endless", max_tokens=64)
        await home.until(lambda s: any(i.speed and i.speed.generation for i in s.instances))
        await home.daemon.chronicle.finish()
        (found,) = await advice(home, "endless")
        assert (found.code, found.severity) == ("speed-contradicted", "info")
        assert "SPEED says 0.5 tokens/s" in found.message
        assert re.search(r", measured: \d+\.\d \(1 request\)$", found.message)


async def test_a_speed_of_other_flags_says_nothing(tmp_path: Path, models: Path):
    paths = here(tmp_path, models)
    async with yard(paths) as home:
        await home.ask("endless", max_tokens=64)
        await home.daemon.chronicle.finish()
        paths.config.write_text(paths.config.read_text().replace("SPEED", "temp = 0.5\nSPEED"))
        await home.post("/reload")
        assert await codes(home, "endless") == []


async def test_a_file_with_an_error_is_reported_though_the_old_one_is_active(
    tmp_path: Path, models: Path
):
    paths = here(tmp_path, models)
    async with yard(paths) as home:
        paths.config.write_text(paths.config.read_text() + "[new]\nmodel = x.gguf\nctx-sise = 5\n")
        found = [one for one in await advice(home, "alpha") if one.severity == "error"]
        assert [(one.profile, one.code) for one in found] == [
            ("new", "missing-file"),
            ("new", "unknown-flag"),
        ]
        assert [one.line for one in found] == [15, 16]


@needs_rig
async def test_plans_are_the_engines_own(tmp_path: Path, models: Path):
    folder = tmp_path / "models"
    folder.mkdir()
    write(folder / "dense.gguf", DENSE)
    write(folder / "moe.gguf", MOE)
    with rig(tmp_path, 400) as devices:
        conf = (
            f"{devices.flag}fit-target = 10\n[dense]\nmodel = dense.gguf\nc = 16384\n"
            "[moe]\nmodel = moe.gguf\ncpu-moe = on\nc = 2048\n"
        )
        async with yard(here(tmp_path, folder, conf)) as home:
            found = {(one.profile, one.code): one for one in await advice(home)}
            assert {("dense", "dense-in-ram"), ("moe", "overrides-not-needed")} <= found.keys()
            assert "write CTX_SIZE = " in found["dense", "dense-in-ram"].hint
            assert not any(one.severity == "error" for one in found.values())
