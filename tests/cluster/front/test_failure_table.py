"""What becomes of a request by how far it was and what befell its node: elsewhere once, said once, never hanging."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from paddock.cluster.front.node_link import NodeTimes
from tests.cluster.proxy import Way, way_to
from tests.cluster.puppet import Puppet, Says, answers, hangs, puppet, streams
from tests.cluster.stable import QUICK, StableYard, front_of, node

EVENT, DONE = b'data: {"choices":[]}\n\n', b"data: [DONE]\n\n"
BODY = {"model": "m", "messages": [], "stream": True}
# A busy machine is no lost one: where nothing befalls a node, its looks may take their time.
PATIENT = replace(QUICK, probe=10.0)
Befalls = Callable[[Way], Awaitable[None]]


@dataclass
class Pair:
    """Two nodes that have `m`; the first is asked, and what befalls it comes by its way."""

    home: StableYard
    one: Puppet
    two: Puppet
    way: Way

    async def asked(self) -> str:
        async with self.home.http.post(f"{self.home.url}/v1/chat/completions", json=BODY) as reply:
            return await reply.text()

    async def until_heard(self, requests: int = 1) -> None:
        async with asyncio.timeout(20):
            while len(self.one.heard) < requests:
                await asyncio.sleep(0.005)


@asynccontextmanager
async def pair(root: Path, says: Says, times: NodeTimes = QUICK) -> AsyncIterator[Pair]:
    """`says`: the first node's reply. The second one comes once the first was asked."""
    async with puppet("m") as one, puppet("m") as two, way_to(one.url) as way:
        first, second = node("one", way.url), node("two", two.url)
        async with front_of(root, [first], times=times) as home:
            await home.until_up("one")
            one.script = [says]
            two.script = [streams(EVENT, DONE)]
            made = Pair(home, one, two, way)
            asking = asyncio.ensure_future(_join(made, second))
            try:
                yield made
            finally:
                asking.cancel()


async def _join(made: Pair, second: object) -> None:
    """The second node comes once the first was asked."""
    await made.until_heard()
    made.home.membership.put(*made.home.membership.nodes, second)  # type: ignore[arg-type]


async def _cut(way: Way) -> None:
    await way.cut()


async def _freeze(way: Way) -> None:
    way.freeze()


async def _nothing(way: Way) -> None:
    """It goes on."""


TABLE: dict[str, tuple[Says, Befalls, bool]] = {  # and whether the second node answers
    "asked, and lost": (hangs, _cut, True),
    "asked, and cut off": (hangs, _freeze, True),
    "loading with signs of life, and lost": (
        streams(*[b": wait\n\n"] * 999, pause=0.05),
        _cut,
        True,
    ),
    "loading with signs of life, and cut off": (
        streams(*[b": wait\n\n"] * 999, pause=0.05),
        _freeze,
        True,
    ),
    "slow": (streams(EVENT, DONE, pause=1.0), _nothing, False),
}


@pytest.mark.parametrize("name", TABLE)
async def test_who_has_no_answer_yet_gets_one_and_no_second(tmp_path: Path, name: str) -> None:
    says, befalls, moves = TABLE[name]
    async with pair(tmp_path, says, QUICK if moves else PATIENT) as on:
        asking = asyncio.ensure_future(on.asked())
        await on.until_heard()
        await on.home.until_up("one", "two")
        await befalls(on.way)
        async with asyncio.timeout(20):
            text = await asking
        assert (text.count(EVENT.decode()), text.count("[DONE]")) == (1, 1)
        assert "error" not in text
        assert (len(on.one.heard), len(on.two.heard)) == (1, int(moves))


@pytest.mark.parametrize("befalls", [_cut, _freeze])
async def test_who_has_some_of_an_answer_gets_its_end_and_no_second(
    tmp_path: Path, befalls: Befalls
) -> None:
    async with pair(tmp_path, streams(EVENT, *[EVENT] * 999, pause=0.1)) as on:
        async with on.home.http.post(f"{on.home.url}/v1/chat/completions", json=BODY) as reply:
            await reply.content.readany()
            await on.home.until_up("one", "two")
            await befalls(on.way)
            async with asyncio.timeout(20):
                text = (await reply.read()).decode()
        assert text.count("node_lost") == 1
        assert "[DONE]" not in text
        assert (len(on.one.heard), len(on.two.heard)) == (1, 0)


async def test_a_partition_ends_and_nothing_that_was_late_is_heard(tmp_path: Path) -> None:
    """What the first node says once it is reached again was answered by the second meanwhile."""
    async with pair(tmp_path, answers(b'{"late":1}')) as on:
        on.two.script = [answers(b'{"choices":[]}')] * 9
        release = asyncio.Event()

        async def late(writer: asyncio.StreamWriter, body: bytes) -> None:
            await release.wait()
            await answers(b'{"late":1}')(writer, body)

        on.one.script = [late]
        asking = asyncio.ensure_future(on.asked())
        await on.until_heard()
        await on.home.until_up("one", "two")
        on.way.freeze()
        async with asyncio.timeout(20):
            assert await asking == '{"choices":[]}'
        release.set()
        await on.home.until_up("two")
        assert await on.asked() == '{"choices":[]}'  # by whom is reached
        on.way.thaw()
        await on.home.until_up("one", "two")
        for _ in range(3):
            assert await on.asked() in {'{"choices":[]}', '{"ok":true}'}
        assert len(on.two.heard) >= 2


async def test_a_node_that_was_ready_and_is_lost_is_not_asked_and_may_come_back_with_others(
    tmp_path: Path,
) -> None:
    async with pair(tmp_path, answers(b"{}")) as on:
        assert await on.asked() == "{}"
        await on.home.until_up("one", "two")
        await on.way.cut()
        await on.home.until_up("two")
        assert "[DONE]" in await on.asked()
        on.one._models = ("other",)
        await on.way.start()
        await on.home.until_up("one", "two")
        assert (await on.home.ask("other"))[0] == 200
        assert await on.asked() == '{"ok":true}'
        assert (len(on.one.heard), len(on.two.heard)) == (2, 2)
