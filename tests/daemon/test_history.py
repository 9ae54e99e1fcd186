"""Loads that were, in a real database."""

from pathlib import Path

from paddock.daemon.history import History


async def add(history: History, profile: str, seconds: float, outcome: str = "ready") -> None:
    await history.add_load(
        profile, "f", "b1", ended_at="2026-11-24T00:00:00Z", seconds=seconds, outcome=outcome
    )


async def test_a_new_one_knows_nothing(tmp_path: Path):
    history = await History.open(tmp_path / "history.sqlite")
    assert await history.last_loads() == {}
    await history.close()


async def test_the_last_load_that_succeeded_counts(tmp_path: Path):
    history = await History.open(tmp_path / "history.sqlite")
    await add(history, "alpha", 3.0)
    await add(history, "alpha", 2.0)
    await add(history, "alpha", 0.1, "failed")
    await add(history, "beta", 0.2, "cancelled")
    assert await history.last_loads() == {"alpha": 2.0}
    await history.close()


async def test_it_outlives_its_daemon_and_is_private(tmp_path: Path):
    path = tmp_path / "history.sqlite"
    history = await History.open(path)
    await add(history, "a 'quoted\"; name", 1.5)
    await history.close()
    assert path.stat().st_mode & 0o777 == 0o600
    again = await History.open(path)
    assert await again.last_loads() == {"a 'quoted\"; name": 1.5}
    await again.close()
