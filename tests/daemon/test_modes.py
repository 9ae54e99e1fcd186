"""What a daemon leaves in its state folder is readable by nobody else, also where an older one left it open."""

import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import msgspec
import pytest

from tests.strangers import as_another_user, needs_root
from tests.yard import Yard, places, process

CONF = "[alpha]\nmodel = alpha.gguf\nkeep-context = on\nctx-size = 8192\n"
LONG = "The horses stand in the paddock and wait for their turn. " * 60


def loose(folder: Path) -> dict[str, str]:
    """All that others may read, write or enter. A socket's own mode is the engine's; its folder is not."""
    found = {}
    for path in [folder, *folder.rglob("*")]:
        mode = path.lstat().st_mode
        if mode & 0o077 and not stat.S_ISSOCK(mode) and not stat.S_ISLNK(mode):
            found[str(path.relative_to(folder))] = oct(stat.S_IMODE(mode))
    return found


@pytest.mark.parametrize("before", [0o755, 0o700])
async def test_after_a_day_nothing_in_it_is_open(tmp_path: Path, models: Path, before: int):
    paths = msgspec.structs.replace(places(tmp_path / "yard", CONF), models_dir=models)
    paths.settings.write_text("probe-after = 0\n")  # a probe would leave its own in the slot
    for name in ("contexts", "instances", "plans", "run"):
        (paths.state_dir / name).mkdir(parents=True, exist_ok=True, mode=0o755)
    for name in ("daemon.log", "daemon.lock", "daemon.pid", "overheads.json"):
        (paths.state_dir / name).touch(0o644)
    paths.state_dir.chmod(before)
    with process(paths) as daemon:
        async with aiohttp.ClientSession() as http:
            home = Yard(daemon.url, http, paths)
            assert await home.answer("alpha", messages=[{"role": "user", "content": LONG}])
            await home.get("/plans/alpha")
            await home.post("/unload", {})
            await home.until(lambda status: not status.instances)
        assert loose(paths.state_dir) == {}
        assert list((paths.state_dir / "contexts").glob("*/slot-*.bin"))


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that other users may enter; pytest's own lets nobody in."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@needs_root
def test_no_other_user_reads_its_log_or_lists_its_folder(shared: Path, models: Path):
    paths = msgspec.structs.replace(places(shared / "yard", CONF), models_dir=models)
    paths.state_dir.mkdir(mode=0o755)
    (paths.state_dir / "daemon.log").write_text("a prompt")
    with as_another_user((paths.state_dir / "daemon.log").read_text):
        pass
    with process(paths):
        for look in (
            (paths.state_dir / "daemon.log").read_text,
            lambda: list(paths.state_dir.iterdir()),
        ):
            with pytest.raises(AssertionError, match="could not"), as_another_user(look):
                pass
