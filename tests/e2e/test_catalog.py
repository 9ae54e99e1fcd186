"""The catalog of a real daemon: what is known before a load, and what after."""

from pathlib import Path

from tests.yard import places, yard

CONF = """
[pair]
model = alpha.gguf
ctx-size = 2048
parallel = 2
temp = 0.6

[free]
model = beta.gguf
ctx-size = 0
"""


async def test_a_request_gets_the_context_that_it_was_reported(tmp_path: Path, models: Path):
    paths = places(tmp_path / "home", CONF)
    paths.models_dir.symlink_to(models)
    async with yard(paths) as home:
        await home.daemon.roster.read_facts()
        before = {m["id"]: m for m in (await home.get("/catalog"))["models"]}
        assert before["pair"]["context"] == 1024
        assert before["pair"]["samplers"] == {"temperature": 0.6}
        assert before["pair"]["abilities"] == ["completion", "chat", "tools", "thinking"]
        assert before["free"]["context"] == before["free"]["context_trained"]
        assert not before["pair"].get("loaded")
        for name in ("pair", "free"):
            await home.answer(name)
        after = {m["id"]: m for m in (await home.get("/catalog"))["models"]}
        for name in ("pair", "free"):
            props = await home.get(f"/props?model={name}")
            assert after[name]["context"] == props["default_generation_settings"]["n_ctx"]
            assert after[name]["loaded"]
        assert after["pair"]["context"] == before["pair"]["context"]
        rows = {row["id"]: row for row in (await home.get("/v1/models"))["data"]}
        assert rows["pair"]["context_length"] == rows["pair"]["meta"]["n_ctx"] == 1024
