"""The GPUs are yielded by themselves while a named program runs; what people say counts more."""

import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from paddock.config.settings import load_settings
from paddock.daemon import yield_to
from paddock.daemon.faults import Faults
from paddock.daemon.yield_state import YieldRecord, YieldState
from paddock.daemon.yield_to import YieldTo
from paddock.errors import ConfigError
from paddock.host.programs import RunningProgram
from tests.clock import SetClock
from tests.daemon.test_switch_progress import here
from tests.yard import yard

GAME = RunningProgram(7, 100, "game", "game")
OTHER = RunningProgram(8, 200, "other", "other")


class Yielding:
    """What the daemon does at a yield, as far as the record of it goes."""

    def __init__(self, state: YieldState) -> None:
        self.state, self.calls = state, list[str]()

    async def begin(self, by: str, **_: object) -> None:
        self.calls.append(f"yield to {by}")
        self.state.keep(YieldRecord(since="", by=by))

    def end(self) -> list[str]:
        self.calls.append("resume")
        self.state.clear()
        return []


class Place:
    def __init__(self, folder: Path) -> None:
        self.time = 1000.0
        self.clock = SetClock(lambda: self.time)
        self.state = YieldState(folder / "yield.json", Faults())
        fake: Any = Yielding(self.state)
        self.yielding = fake
        self.to = YieldTo(["game", "other"], fake, self.state, self.clock)

    async def look(self, *found: RunningProgram, after: float = 2.0) -> list[str]:
        """What was done so far, after a look that finds these."""
        self.time += after
        await self.to.follow(found)
        return list(self.yielding.calls)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


async def test_it_yields_once_and_resumes_a_while_after_the_end(place: Place):
    assert await place.look() == []
    assert await place.look(GAME) == ["yield to game (yield-to)"]
    assert len(await place.look(GAME, OTHER)) == 1
    assert len(await place.look(OTHER)) == 1
    assert len(await place.look(after=2.0)) == 1, "a launcher ends before its game begins"
    assert len(await place.look(GAME)) == 1
    await place.look(after=2.0)
    assert await place.look(after=2.0) == ["yield to game (yield-to)", "resume"]
    assert len(await place.look(after=9.0)) == 2


async def test_who_resumes_by_hand_is_not_contradicted_until_that_program_has_ended(place: Place):
    await place.look(GAME)
    place.yielding.end()
    assert await place.look(GAME, after=60) == ["yield to game (yield-to)", "resume"]
    assert len(await place.look(GAME, OTHER)) == 3, "another program begins"
    place.yielding.end()
    await place.look()
    again = RunningProgram(7, 900, "game", "game")
    assert (await place.look(again))[-1] == "yield to game (yield-to)"


async def test_somebody_elses_yield_stays_when_the_program_ends(place: Place):
    place.state.keep(YieldRecord(since="", by="`paddock yield`"))
    assert await place.look(GAME) == []
    assert await place.look(after=60) == []
    assert place.state.current is not None


async def test_when_somebody_elses_time_is_over_the_program_that_still_runs_is_yielded_to(
    place: Place,
):
    until = datetime.now(UTC) - timedelta(seconds=1)
    place.state.keep(YieldRecord(since="", by="me", until=until))
    await place.look(GAME)
    place.state.clear()
    assert await place.look(GAME) == ["yield to game (yield-to)"]


async def test_what_an_earlier_daemon_began_ends_with_the_program(tmp_path: Path):
    first = Place(tmp_path)
    await first.look(GAME)
    second = Place(tmp_path)
    assert await second.look(GAME) == []
    assert await second.look(after=3.0) == []
    assert await second.look(after=3.0) == ["resume"]


async def test_a_daemon_yields_to_a_real_program(
    tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch
):
    """Without a GPU nobody has to leave; that is `tests/e2e/test_yielding.py`'s."""
    monkeypatch.setattr(yield_to, "_EVERY", 0.05)
    monkeypatch.setattr(yield_to, "_GRACE", 0.2)
    game = shutil.copy(shutil.which("sleep") or "", tmp_path / "little-game")
    paths = here(tmp_path, models, "[alpha]\nmodel = alpha.gguf\n")
    async with yard(paths, yield_to=("little-game",)) as home:
        assert (await home.status()).yielded is None
        child = subprocess.Popen([game, "600"])
        try:
            status = await home.until(lambda s: s.yielded)
        finally:
            child.kill()
            child.wait()
        assert status.yielded is not None
        assert status.yielded.by == "little-game (yield-to)"
        await home.until(lambda s: s.yielded is None)


@pytest.mark.parametrize("pattern", ["*", "", " ", "?*"])
def test_a_pattern_that_every_program_matches_is_refused(pattern: str):
    with pytest.raises(ConfigError, match="every program matches"):
        load_settings(None, {"yield-to": [pattern]})


def test_programs_are_named_in_a_list():
    assert load_settings(None, {"yield-to": ["a", "*b c*"]}).yield_to == ("a", "*b c*")
    with pytest.raises(ConfigError):
        load_settings(None, {"yield-to": "a"})
    assert msgspec.structs.asdict(load_settings(None, {}))["yield_to"] == ()
