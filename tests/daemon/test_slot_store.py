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
    restored: list[int] = field(default_factory=list)

    async def health(self, _: web.Request) -> web.Response:
        return web.Response()

    async def slots(self, _: web.Request) -> web.Response:
        return web.json_response(
            [{"id": n, "id_task": n, "n_prompt_tokens": TOKENS} for n in (0, 1)]
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
        await own.save_one(str(tmp_path / "s"), LoadReport())
    assert "saved only when it leaves" in own.note
    assert older.exists()
    assert names(server) == set()
