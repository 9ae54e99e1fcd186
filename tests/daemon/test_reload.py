"""models.conf is watched: a change touches only what changed, a broken file touches nothing."""

from pathlib import Path

import msgspec
import pytest

from paddock.api.events import ConfigChanged
from paddock.config.settings import load_settings
from tests.yard import HEADER, QUIET, places, wrapper, yard

CONF = "[alpha]\nmodel = alpha.gguf\n[beta]\nmodel = beta.gguf\n"


def here(tmp_path: Path, models: Path):
    return msgspec.structs.replace(places(tmp_path / "yard", CONF), models_dir=models)


def serving(paths):
    """A daemon that reads its settings file, and goes on reading it."""

    def read():
        return load_settings(paths.settings, QUIET)

    return yard(paths, settings=read)


async def test_a_new_profile_can_be_asked_for_at_once(tmp_path: Path, models: Path):
    paths = here(tmp_path, models)
    async with yard(paths) as home:
        assert (await home.ask("gamma"))[0] == 404
        loaded = (await home.status()).config.loaded_at
        paths.config.write_text(HEADER + CONF + "[gamma]\nmodel = gamma.gguf\n")
        await home.until(lambda s: s.config.loaded_at != loaded)
        assert await home.answer("gamma") == "I am gamma."


async def test_a_changed_profile_goes_on_running_until_its_next_switch(
    tmp_path: Path, models: Path
):
    paths = here(tmp_path, models)
    async with yard(paths) as home:
        await home.answer("alpha")
        await home.answer("beta")
        changed = CONF.replace("alpha.gguf\n", "alpha.gguf\ntemp = 0.9\n")
        partial = paths.config.with_name("new")
        partial.write_text(HEADER + changed)
        partial.replace(paths.config)  # as editors do
        status = await home.until(lambda s: any(i.stale for i in s.instances))
        assert {i.id: i.stale for i in status.instances} == {"alpha.1": True, "beta.2": False}
        assert await home.answer("alpha") == "I am alpha."
        assert (await home.post("/switch", {"model": "alpha"}))[0] == 200
        ids = sorted(i.id for i in (await home.status()).instances if i.phase == "ready")
        assert ids == ["alpha.3", "beta.2"]
        params = (await home.get("/props?model=alpha"))["default_generation_settings"]["params"]
        assert round(params["temperature"], 2) == 0.9


def engine_of(status, instance):
    return next(i.engine for i in status.instances if i.id == instance)


async def test_the_next_switch_takes_the_engine_that_is_the_default_by_then(
    tmp_path: Path, models: Path
):
    paths = here(tmp_path, models)
    old, new = (wrapper(tmp_path / name, "") for name in ("old", "new"))
    tables = f'[engines.old]\npath = "{old}"\n[engines.new]\npath = "{new}"\n'
    paths.settings.write_text(f'engine = "old"\n{tables}')
    async with serving(paths) as home:
        await home.answer("alpha")
        paths.settings.write_text(f'engine = "new"\nlog-size = 9\n{tables}')
        status = await home.until(lambda s: any(i.stale for i in s.instances))
        assert engine_of(status, "alpha.1") == "old", "it goes on running"
        assert status.config.warnings == [
            "paddock.toml: log-size was changed: takes effect after `paddock restart`"
        ]
        assert await home.answer("beta") == "I am beta."
        assert (await home.post("/switch", {"model": "alpha"}))[0] == 200
        status = await home.status()
        assert {i.id: i.engine for i in status.instances if i.phase == "ready"} == {
            "beta.2": "new",
            "alpha.3": "new",
        }


async def test_settings_with_a_slip_change_no_engine(tmp_path: Path, models: Path):
    paths = here(tmp_path, models)
    old = wrapper(tmp_path / "old", "")
    paths.settings.write_text(f'engine = "old"\n[engines.old]\npath = "{old}"\n')
    async with serving(paths) as home:
        paths.settings.write_text('engine = "old"\n[engines.old]\npth = "/x"\n')
        status = await home.until(lambda s: s.config.error is not None)
        assert "[engines.old]" in str(status.config.error)
        assert await home.answer("alpha") == "I am alpha."
        assert engine_of(await home.status(), "alpha.1") == "old"


async def test_a_broken_file_changes_nothing_and_is_reported_everywhere(
    tmp_path: Path, models: Path, caplog
):
    paths = here(tmp_path, models)
    async with yard(paths) as home:
        await home.answer("alpha")
        with home.daemon.bus.subscribe() as events:
            await anext(events)
            paths.config.write_text(HEADER + CONF + "ctxx-size = 4\n")
            change = await anext(e async for e in events if isinstance(e, ConfigChanged))
        assert change.config.error is not None
        assert change.config.error.code == "config_invalid"
        assert "ctxx-size" in str(change.config.error.log)
        error = (await home.status()).config.error
        assert error is not None
        assert "line" in str(error.log) or ":" in str(error.log)
        assert "ctxx-size" in caplog.text
        assert await home.answer("alpha") == "I am alpha."
        paths.config.write_text(HEADER + CONF)
        await home.until(lambda s: s.config.error is None)


async def test_a_removed_profile_is_no_longer_served_but_its_instance_is_not_killed(
    tmp_path: Path, models: Path
):
    paths = here(tmp_path, models)
    async with yard(paths) as home:
        await home.answer("alpha")
        paths.config.write_text(HEADER + "[beta]" + CONF.split("[beta]")[1])
        await home.until(lambda s: any(i.stale for i in s.instances))
        assert (await home.ask("alpha"))[0] == 404
        assert [i.id for i in (await home.status()).instances] == ["alpha.1"]


async def test_a_changed_profile_that_fails_gives_way_to_the_version_that_ran(
    tmp_path: Path, models: Path
):
    paths = here(tmp_path, models)
    async with yard(paths) as home:
        await home.answer("alpha")
        paths.config.write_text(HEADER + CONF.replace("alpha.gguf", "broken.gguf"))
        await home.until(lambda s: any(i.stale for i in s.instances))
        status, result = await home.post("/switch", {"model": "alpha"})
        assert status == 502
        assert result["restored"] == ["alpha"]
        await home.until_phase("alpha", "ready")
        assert await home.answer("alpha") == "I am alpha."


@pytest.mark.parametrize("name", ["config", "settings"])
@pytest.mark.parametrize("spoil", ["circle", "folder", "gone", "closed", "bytes"])
async def test_whatever_becomes_of_its_files_what_runs_goes_on(
    name: str, spoil: str, tmp_path: Path, models: Path
):
    """Each of these ended the daemon, or could have: a file is whatever somebody made of it."""
    paths = here(tmp_path, models)
    paths.settings.write_text("log-size = 4\n")
    file: Path = getattr(paths, name)
    async with serving(paths) as home:
        await home.answer("alpha")
        text = file.read_text()
        file.unlink()
        match spoil:
            case "circle":
                file.symlink_to(file)
            case "folder":
                file.mkdir()
            case "closed":
                file.write_text(text)
                file.chmod(0)
            case "bytes":
                file.write_bytes(b"\xff\xfe\x00[\x00" * 100)
            case _:
                assert spoil == "gone"
        loaded = (await home.status()).config.loaded_at
        await home.post("/reload")
        assert await home.answer("alpha") == "I am alpha."
        if file.is_dir() and not file.is_symlink():
            file.rmdir()
        else:
            file.unlink(missing_ok=True)
        file.write_text(text)
        await home.until(lambda s: s.config.loaded_at != loaded and not s.config.error)
        status = await home.status()
        assert [i.id for i in status.instances] == ["alpha.1"]
        assert not status.faults
