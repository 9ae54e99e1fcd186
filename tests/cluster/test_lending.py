"""One model over two machines' devices: a real `ggml-rpc-server` lent by one, a real daemon at the other.

Both machines are this one; what each does for the other is what it would do in a network.
"""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from paddock.cli.background.lender import lent, tell_lenders
from paddock.cli.offline.files import Files
from paddock.config.cluster import ClusterSettings
from paddock.config.settings import Settings
from tests.cluster.ray.ranch import until
from tests.ports import free_port
from tests.rig import needs_rig
from tests.yard import _engine_name, places, yard

HERE = "127.0.0.1"


@dataclass
class LendingMachine:
    """The one that lends."""

    state: Path
    endpoint: str
    pid: int

    @property
    def servers(self) -> list[int]:
        return [one.pid for one in psutil.Process(self.pid).children()]

    @property
    def log(self) -> str:
        return (self.state / "lender.log").read_text()


@contextmanager
def lending(root: Path, *to: str) -> Iterator[LendingMachine]:
    paths = places(root, "")
    cluster = ClusterSettings(lend_to=to, rpc_port=free_port())
    files = Files(paths, Settings(cluster=cluster, engine=_engine_name()))
    endpoint = lent(files, HERE)
    pid = int((paths.state_dir / "lender.pid").read_text())
    try:
        assert lent(files, HERE) == endpoint
        assert int((paths.state_dir / "lender.pid").read_text()) == pid, "it is found again"
        yield LendingMachine(paths.state_dir, endpoint, pid)
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def lives(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


async def nothing_is_lent(desk: LendingMachine) -> None:
    await asyncio.to_thread(until, lambda: desk.servers, lambda found: not found)


@needs_rig
async def test_a_model_lies_on_another_machine_as_long_as_it_is_there(tmp_path: Path, models: Path):
    with lending(tmp_path / "desk", HERE) as desk:
        conf = "[alpha]\nmodel = alpha.gguf\nrpc-nodes = desk\n"
        paths = places(tmp_path / "box", conf)
        (tmp_path / "box" / "models").symlink_to(models)
        async with yard(paths) as box:
            status, refusal = await box.ask("alpha")
            assert (status, refusal["error"]["code"]) == (400, "cannot_load")
            assert "desk" in refusal["error"]["message"], "no front has said where desk is"

            tell_lenders(paths.state_dir, {"desk": desk.endpoint})
            await box.until(lambda _: box.daemon.roster.lenders)
            plan = await box.get("/plans/alpha")
            assert [d["id"] for d in plan["devices"]] == [f"RPC0[{desk.endpoint}]", "host"]
            assert await box.answer("alpha") == "I am alpha."
            (instance,) = (await box.status()).instances
            assert instance.placement
            assert {b.device for b in instance.placement.buffers if b.kind == "model"} >= {"RPC0"}
            assert desk.servers

            await box.post("/unload", {"model": "alpha"})
            await nothing_is_lent(desk)

            assert await box.answer("alpha") == "I am alpha."
            (instance,) = (await box.status()).instances
            os.kill(instance.pid or 0, signal.SIGKILL)  # as its machine would, switched off
            await nothing_is_lent(desk)
            await box.until(lambda status: not status.instances)

            assert await box.answer("alpha") == "I am alpha."
            tell_lenders(paths.state_dir, {})  # desk answers no more: nobody waits for it
            await box.until(lambda status: not status.instances)
            assert (await box.ask("alpha"))[1]["error"]["code"] == "cannot_load"


@needs_rig
def test_a_stranger_is_let_in_by_nobody_and_a_lender_that_ends_leaves_nothing(tmp_path: Path):
    with lending(tmp_path / "desk", "10.1.2.0/24") as desk:
        host, port = desk.endpoint.split(":")
        with socket.create_connection((host, int(port))) as stranger:
            stranger.settimeout(10)
            with suppress(OSError):
                assert not stranger.recv(1)
        until(lambda: desk.log, lambda log: "127.0.0.1 is not among those" in log)
        assert "neither encrypted nor asks for a key" in desk.log
        assert not desk.servers
    with lending(tmp_path / "desk", HERE) as desk:
        host, port = desk.endpoint.split(":")
        with socket.create_connection((host, int(port))) as client:
            client.sendall(b"\x00")
            (server,) = until(lambda: desk.servers, bool)
            os.kill(desk.pid, signal.SIGKILL)
            until(lambda: lives(server), lambda found: not found)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone")
def test_a_machine_whose_settings_name_nobody_lends_nothing(tmp_path: Path):
    files = Files(places(tmp_path / "desk", ""), Settings(engine=_engine_name()))
    assert lent(files, HERE) == ""
    assert not (files.paths.state_dir / "lender.pid").exists()
