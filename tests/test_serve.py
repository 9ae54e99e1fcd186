"""What is put together, and what is refused before anything is touched."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from paddock.config.settings import Settings
from paddock.daemon.daemon import Daemon
from paddock.errors import ConfigError, PaddockError, ungrouped
from paddock.serve import ServeOptions, resolve
from tests.strangers import STRANGER, needs_root
from tests.yard import places


def test_a_settings_file_that_was_named_must_be_there(tmp_path: Path):
    with pytest.raises(ConfigError, match="no settings file"):
        resolve(ServeOptions(settings=tmp_path / "nowhere.toml", state_dir=tmp_path))


def test_the_command_line_wins_over_the_settings_file(tmp_path: Path):
    (tmp_path / "paddock.toml").write_text('listen = "127.0.0.1:1"\npatience = 7\n')
    options = ServeOptions(config=tmp_path / "models.conf", listen="127.0.0.1:2")
    paths, settings = resolve(options)
    assert paths.settings == tmp_path / "paddock.toml"
    assert (settings.listen, settings.patience) == ("127.0.0.1:2", 7)


def test_the_settings_files_models_folder_is_found_from_beside_models_conf(tmp_path: Path):
    (tmp_path / "paddock.toml").write_text('models-dir = "ggufs"\n')
    paths, _ = resolve(ServeOptions(config=tmp_path / "models.conf", state_dir=tmp_path / "s"))
    assert paths.models_dir == tmp_path / "ggufs"


@needs_root
async def test_sockets_do_not_lie_where_somebody_else_could_put_one(tmp_path: Path):
    paths = places(tmp_path / "yard", "")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    os.chown(elsewhere, STRANGER, STRANGER)
    paths.runtime_dir.symlink_to(elsewhere)
    with pytest.raises(ConfigError, match="belongs to another user"):
        await Daemon.open(paths, Settings())


async def test_what_holds_prompts_and_sockets_is_private(tmp_path: Path):
    paths = places(tmp_path / "yard", "")
    daemon = await Daemon.open(paths, Settings())
    await daemon.chronicle.close()
    for folder in (paths.state_dir, paths.runtime_dir, paths.state_dir / "instances"):
        assert folder.stat().st_mode & 0o077 == 0, folder


@asynccontextmanager
async def _with_a_task_beside_it() -> AsyncIterator[None]:
    with ungrouped():
        async with asyncio.TaskGroup() as group:
            task = group.create_task(asyncio.sleep(60))
            try:
                yield
            finally:
                task.cancel()


@pytest.mark.parametrize(
    "error", [ConfigError("no"), OSError("taken"), ExceptionGroup("several", [ConfigError("no")])]
)
async def test_an_error_in_a_block_with_tasks_beside_it_stays_what_it_is(error: Exception):
    with pytest.raises(type(error) if not isinstance(error, ExceptionGroup) else ConfigError):
        async with _with_a_task_beside_it():
            raise error


async def test_two_errors_at_once_stay_together():
    both = ExceptionGroup("both", [PaddockError("one"), OSError("other")])
    with pytest.raises(ExceptionGroup, match="both") as raised:
        async with _with_a_task_beside_it():
            raise both
    assert raised.value.exceptions == both.exceptions
