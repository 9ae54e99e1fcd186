"""Who uses an instance when it is stopped, and what they hear."""

import asyncio

import pytest

from paddock.core.model import InstanceId, ProfileId
from paddock.daemon.instances import endpoint as room
from paddock.daemon.instances.endpoint import Endpoint
from paddock.errors import InstanceHangs, UpstreamGone


@pytest.fixture
async def endpoint(tmp_path):
    return Endpoint(InstanceId("alpha-1"), ProfileId("alpha"), str(tmp_path / "socket"))


async def _read(endpoint: Endpoint, begun: asyncio.Event, over: asyncio.Event) -> str:
    with endpoint.being_read():
        begun.set()
        await over.wait()
    await asyncio.sleep(0.01)  # a connection's task goes on after its request
    return "all of it"


async def test_who_reads_what_it_said_may_read_on(endpoint):
    begun, over = asyncio.Event(), asyncio.Event()
    reader = asyncio.create_task(_read(endpoint, begun, over))
    await begun.wait()
    stop = asyncio.create_task(endpoint.hang_up("evicted"))
    await asyncio.sleep(0.01)
    assert not stop.done()
    over.set()
    await stop
    assert await reader == "all of it"


@pytest.mark.parametrize(
    ("why", "hung", "error"),
    [("evicted", "", UpstreamGone), ("evicted", "no sign of life", InstanceHangs)],
)
async def test_a_reader_who_stands_still_is_cut_off(endpoint, monkeypatch, why, hung, error):
    monkeypatch.setattr(room, "READ_OUT", 0.05)
    begun = asyncio.Event()
    reader = asyncio.create_task(_read(endpoint, begun, asyncio.Event()))
    await begun.wait()
    await endpoint.hang_up(why, hung=hung)
    with pytest.raises(error):
        await reader


async def test_who_is_served_is_ended_at_once(endpoint):
    begun = asyncio.Event()

    async def served() -> None:
        with endpoint.in_use():
            begun.set()
            await asyncio.Event().wait()

    user = asyncio.create_task(served())
    await begun.wait()
    await endpoint.hang_up("evicted")
    with pytest.raises(UpstreamGone):
        await user
