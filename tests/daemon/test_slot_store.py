"""What is kept of one instance, against a server that is made up. Nothing is started."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from paddock.daemon.instances.context_folders import RamFolders
from paddock.daemon.instances.experience import Experience
from paddock.daemon.instances.load_report import LoadReport
from paddock.daemon.instances.slot_store import SlotStore
from paddock.daemon.instances.thrift import Thrift
from paddock.llama import client
from paddock.llama.slots import Moved
from tests.daemon.test_thrift import RECORD, Speeds

TOKENS, SIZE = 1_000, 1 << 20


@dataclass
class Server:
    """Saves and restores what it is asked to; `dies`: it hangs up on a restore."""

    folder: Path
    dies: bool = False
    more: int = 0  # tokens that every slot has got since
    restored: list[int] = field(default_factory=list)

    async def health(self, _: web.Request) -> web.Response:
        return web.Response()

    async def slots(self, _: web.Request) -> web.Response:
        return web.json_response(
            [
                {"id": n, "id_task": n + self.more, "n_prompt_tokens": TOKENS + self.more}
                for n in (0, 1)
            ]
        )

    async def move(self, request: web.Request) -> web.Response:
        file = self.folder / (await request.json())["filename"]
        if request.query["action"] == "save":
            file.write_bytes(bytes(SIZE))
            return web.json_response({"n_saved": TOKENS, "n_written": SIZE})
        if self.dies:
            assert request.transport
            request.transport.abort()
        self.restored.append(int(request.match_info["slot"]))
        return web.json_response({"n_restored": TOKENS, "n_read": SIZE})


@asynccontextmanager
async def reached(server: Server, socket: Path) -> AsyncIterator[aiohttp.ClientSession]:
    app = web.Application()
    app.router.add_get("/health", server.health)
    app.router.add_get("/slots", server.slots)
    app.router.add_post("/slots/{slot}", server.move)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.UnixSite(runner, str(socket)).start()
    try:
        async with client.connect(str(socket)) as session:
            yield session
    finally:
        await runner.cleanup()


@pytest.fixture
def server(tmp_path: Path) -> Server:
    own = tmp_path / "ram" / "own"
    own.mkdir(parents=True)
    return Server(own)


def store(server: Server, known: Path, *, limit: int = 100) -> SlotStore:
    thrift = Thrift(Experience(known), Speeds(1.0), record=RECORD, place="ram", is_asked_for=False)
    return SlotStore(server.folder, RamFolders(server.folder.parent, limit=limit, margin=0), thrift)


def names(server: Server) -> set[str]:
    return {file.name for file in server.folder.iterdir()}


async def test_a_full_disk_costs_the_experience_and_no_slot(server: Server, tmp_path: Path):
    (tmp_path / "file").touch()
    own = store(server, tmp_path / "file" / "contexts.json")
    async with reached(server, tmp_path / "s") as session:
        assert await own.save(str(tmp_path / "s"), LoadReport()) == 2 * TOKENS
        assert await own.restore(session) == 2 * TOKENS
    assert names(server) == {"slot-0.bin", "slot-1.bin"}


async def test_nothing_is_left_in_ram_of_a_file_on_which_a_server_died(
    server: Server, tmp_path: Path
):
    server.dies = True
    (server.folder / "slot-0.bin").write_bytes(bytes(SIZE))
    async with reached(server, tmp_path / "s") as session:
        assert await store(server, tmp_path / "contexts.json").restore(session) == 0
    assert names(server) == set()


async def test_what_takes_too_long_to_be_saved_ahead_pushes_nobody_out(
    server: Server, tmp_path: Path
):
    older = server.folder.parent / "older" / "slot-0.bin"
    older.parent.mkdir()
    older.write_bytes(bytes(SIZE))
    own = store(server, tmp_path / "contexts.json", limit=1)
    own.thrift.note_saved(Moved(TOKENS, SIZE, 10.0))  # a request may have to wait for two
    async with reached(server, tmp_path / "s"):
        await own.save_one(str(tmp_path / "s"), LoadReport(), rested=3600.0)
    assert "saved only when it leaves" in own.note
    assert older.exists()
    assert names(server) == set()


SAME = "slot get_availabl: id  0 | task -1 | selected slot by LCP similarity, sim_best = 0.9, f_keep = 1.000"
OTHER = "slot get_availabl: id  0 | task -1 | selected slot by LRU, t_last = -1"
REUSED = "slot launch_slot_: id  0 | task TASK | cached n_tokens = 1000, memory_seq_rm"


@pytest.mark.parametrize(
    ("more", "lines", "is_saved_again"),
    [
        (3, [SAME, REUSED], False),  # 3 s of reading against 10 of saving
        (30, [SAME, REUSED], True),
        (3, [OTHER, REUSED], True),  # another conversation, or the same out of another cache
        (3, [], True),  # its log was not read yet
        (3, [SAME, REUSED.replace("TASK", "99")], True),
    ],
)
async def test_what_is_kept_is_good_enough_while_reading_the_rest_is_quicker_than_a_save(
    server: Server, tmp_path: Path, more: int, lines: list[str], *, is_saved_again: bool
):
    own = store(server, tmp_path / "contexts.json")
    own.thrift.note_saved(Moved(TOKENS, SIZE, 10.0))
    async with reached(server, tmp_path / "s"):
        assert await own.save(str(tmp_path / "s"), LoadReport()) == 2 * TOKENS
        own.thrift.note_saved(Moved(TOKENS * 100, SIZE * 100, 1_000.0))
        server.more = more
        for slot in (0, 1):
            for line in lines:
                own.hear(line.replace("id  0", f"id  {slot}").replace("TASK", str(slot + more)))
        saved = await own.save(str(tmp_path / "s"), LoadReport())
    assert bool(saved) == is_saved_again


async def test_it_waits_for_the_moment_that_keeps_least_waiting(server: Server, tmp_path: Path):
    own = store(server, tmp_path / "contexts.json")
    own.thrift.note_saved(Moved(TOKENS, SIZE, 2.0))
    for began in range(0, 1_000, 10):  # it was always asked again after 2 s
        own.rhythm.note_rest(began)
        own.rhythm.note_end(began + 2.0, leaves=False)
    async with reached(server, tmp_path / "s"):
        for rested in (1.0, 1.9):
            assert own.wants_look(rested) == (rested == 1.0)
            await own.save_one(str(tmp_path / "s"), LoadReport(), rested=rested)
            assert names(server) == set()
        assert own.wants_look(3.0)
        await own.save_one(str(tmp_path / "s"), LoadReport(), rested=3.0)
    assert names(server) == {"slot-0.bin"}
