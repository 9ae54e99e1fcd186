"""A world of loads and speeds, and the task that writes them down."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from paddock.daemon.history.store import HistoryStore
from tests.daemon.chronicled import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    history = await HistoryStore.open(tmp_path / "history.sqlite")
    here = World(tmp_path, history)
    writer = asyncio.create_task(here.chronicle.run())
    yield here
    writer.cancel()
    await history.close()
