"""An unexpected error in any part of the daemon, made up here by a call that raises, while a model answers.

It costs that piece of work: it is noted, shown in the status, and everything else goes on.
"""

import asyncio
import re
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from paddock import daemon
from paddock.core import events as ev
from paddock.daemon import yield_state
from paddock.daemon.activity import watchman
from paddock.daemon.faults import Faults
from paddock.daemon.history import probes
from paddock.daemon.instances import keeper
from paddock.daemon.instances.instance import Listener
from paddock.daemon.instances.output import Output
from paddock.daemon.instances.slot_store import SlotStore
from paddock.daemon.loop import Effects
from paddock.daemon.memory import sampler
from paddock.daemon.reports import device_watch
from paddock.llama.process import Child
from paddock.llama.vitals import Vitals
from tests.yard import HEADER, Yard, places, yard

CONF = "[endless]\nmodel = endless.gguf\nctx-size = 262144\n[alpha]\nmodel = alpha.gguf\n"
MADE_UP = "made up by this test"


def raises(*_: Any, **__: Any) -> Any:
    raise RuntimeError(MADE_UP)


async def raises_later(*_: Any, **__: Any) -> Any:
    raise RuntimeError(MADE_UP)


async def no_database(*_: Any, **__: Any) -> Any:
    raise sqlite3.OperationalError(MADE_UP)


async def nothing(_: Yard) -> None:
    """It comes by itself."""


async def load_another(home: Yard) -> None:
    await home.ask("alpha")


async def load_for_nobody(home: Yard) -> None:
    await home.post("/switch", {"model": "alpha"})


async def kill(home: Yard) -> None:
    await home.ask("alpha")
    await home.post("/unload", {"model": "alpha"})


async def write_models_conf(home: Yard) -> None:
    home.paths.config.write_text(HEADER + CONF + "[beta]\nmodel = beta.gguf\n")


async def yield_and_resume(home: Yard) -> None:
    await home.post("/yield", {"wait": False})
    await home.post("/resume")


async def write_settings(home: Yard) -> None:
    home.paths.settings.write_text("log-size = 5\n")


async def pull(home: Yard) -> None:
    status, info = await home.post("/pulls", {"model": "some/repo"})
    assert status == 202, info
    await until_noted(home, "pulls")


async def begin_a_study(home: Yard) -> None:
    body = {"profile": "alpha", "goal": "chat"}
    async with home.http.post(home.url + "/tune", json=body) as study:
        await study.content.readany()


async def look_on(home: Yard) -> None:
    with home.daemon.bus.subscribe(readings=True):
        await until_noted(home, "activity")


async def until_noted(home: Yard, part: str) -> None:
    async with asyncio.timeout(30):
        while part not in {fault.part for fault in home.daemon.faults.known()}:
            await asyncio.sleep(0.02)


@dataclass(frozen=True)
class Trouble:
    """A part, what raises in it, and what has it called."""

    part: str
    where: Callable[[Yard], tuple[object, str]]
    instead: Any = raises
    then: Callable[[Yard], Awaitable[None]] = load_another


TROUBLES = [
    Trouble("memory", lambda h: (h.daemon.parts.ledger, "read"), then=nothing),
    Trouble("memory", lambda h: (h.daemon.parts.ledger, "measured")),
    Trouble("memory", lambda h: (h.daemon.parts.ledger, "freed"), raises_later, then=kill),
    Trouble("configuration", lambda h: (h.daemon.roster, "read"), raises_later, write_models_conf),
    Trouble("configuration", lambda h: (h.daemon.configuration._source, "read"), then=write_settings),
    Trouble("models.conf", lambda h: (h.daemon.configuration, "reload_quietly"), raises_later, write_models_conf),
    Trouble("facts", lambda h: (h.daemon.roster, "_read_facts"), raises_later, write_models_conf),
    Trouble("plans", lambda h: (h.daemon.plans._rehearsals._planner, "plan"), then=write_models_conf),
    Trouble("plans", lambda h: (h.daemon.plans, "_is_wanted"), then=write_models_conf),
    Trouble("plans", lambda h: (h.daemon.plans, "stand_aside"), raises_later),
    Trouble("read-ahead", lambda h: (h.daemon.read_ahead, "_looked"), raises_later),
    Trouble("load-modes", lambda h: (h.daemon.load_modes, "_named"), raises_later),
    Trouble("history", lambda h: (h.daemon.chronicle.history, "add_load"), no_database),
    Trouble("history", lambda h: (h.daemon.chronicle, "_judge"), raises_later),
    Trouble("activity", lambda h: (h.daemon.requests, "infos"), then=look_on),
    Trouble("publishing", lambda h: (h.daemon.bus, "publish")),
    Trouble("publishing", lambda h: (h.daemon.view, "instance")),
    Trouble("records", lambda h: (h.daemon.records, "close"), then=kill),
    Trouble("contexts", lambda h: (h.daemon.contexts, "tidy"), raises_later, then=nothing),
    Trouble("contexts", lambda _: (SlotStore, "is_empty"), property(raises)),
    Trouble("yield", lambda _: (yield_state, "atomic_write"), then=yield_and_resume),
    Trouble("devices", lambda h: (h.daemon.device_watch, "note"), raises_later, nothing),
    Trouble("pulls", lambda h: (h.daemon.pulls, "_process"), raises_later, pull),
    Trouble("tuning", lambda h: (h.daemon.tunings, "_bring_back"), then=begin_a_study),
    Trouble("watchman", lambda h: (h.daemon.watchman, "look"), then=nothing),
    Trouble("vitals", lambda _: (Vitals, "look")),
    Trouble("logs", lambda _: (Output, "log_lines")),
    Trouble("instances", lambda h: (h.daemon.records, "begin")),
    Trouble("aftermath", lambda h: (h.daemon.aftermath, "phase_changed")),
]  # fmt: skip


# Whoever else notes a fault, and why no model can answer meanwhile, or where it is tried instead.
ELSEWHERE = {
    "adoption": "before anything answers: test_adoption.py",
    "containers": "needs a container engine: tests/engine",
    "early starts": "only another try: tests/daemon/test_early_starts.py",
    "effects": "below, with whoever waited for it",
    "probes": "only where nobody is served: below",
    "lenders": "watched as models.conf is: tests/cluster/test_lending.py",
    "keys": "watched as models.conf is: tests/daemon/test_keyring.py",
    "paddock.toml": "watched as models.conf is",
    "scratch": "before anything answers",
    "states": "read as the log is, by the same task",
    "yield-to": "nothing is looked at where no program is named",
}
_NOTED = re.compile(r'(?:caught|keep_running|faults\.note)\(\s*"([^"]+)"')
_TASKS = re.compile(r'^            "([^"]+)": ', re.MULTILINE)  # of `Daemon._tasks`


def test_every_part_that_may_fail_is_among_the_troubles_or_elsewhere() -> None:
    package = Path(daemon.__file__).parent
    texts = [path.read_text() for path in package.rglob("*.py")]
    parts = {part for text in texts for part in _NOTED.findall(text)}
    parts |= set(_TASKS.findall(Path(daemon.__file__).with_name("daemon.py").read_text()))
    assert parts == {trouble.part for trouble in TROUBLES} | ELSEWHERE.keys()


def names(trouble: Trouble) -> str:
    return trouble.part


@pytest.mark.parametrize("trouble", TROUBLES, ids=names)
async def test_an_error_in_one_part_ends_neither_the_part_nor_a_reply(
    trouble: Trouble, tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sampler, "_EVERY", 0.1)
    monkeypatch.setattr(keeper, "_EVERY", 0.1)
    monkeypatch.setattr(device_watch, "EVERY", 0.1)
    monkeypatch.setattr(watchman, "_PAUSES", (0.05, 0.1))
    paths = places(tmp_path / "yard", CONF)
    paths = msgspec.structs.replace(paths, models_dir=models, ram_dir=tmp_path / "ram")
    async with yard(paths, plan_ahead=True, probe_after=0.05) as home:
        body = {"model": "endless", "stream": True, "prompt": "go", "max_tokens": 250_000}
        async with home.http.post(home.url + "/v1/completions", json=body) as reply:
            await reply.content.readany()
            place, name = trouble.where(home)
            with monkeypatch.context() as broken:
                broken.setattr(place, name, trouble.instead)
                await trouble.then(home)
                await until_noted(home, trouble.part)
                assert await reply.content.readany(), "the reply goes on"
            assert await reply.content.readany()
        status = await home.status()
        assert MADE_UP in [f.message.split(": ", 1)[1] for f in status.faults]
        assert {f.part for f in status.faults} >= {trouble.part}
        assert (await home.post("/switch", {"model": "alpha"}))[0] == 200
        assert await home.answer("alpha") == "I am alpha.", "what was broken works again"


async def test_a_probe_that_fails_is_a_fault_and_costs_the_model_nothing(
    tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch
):
    paths = msgspec.structs.replace(places(tmp_path / "yard", CONF), models_dir=models)
    async with yard(paths, probe_after=0.05) as home:
        with monkeypatch.context() as broken:
            broken.setattr(probes, "_ask", raises_later)
            await load_for_nobody(home)
            await until_noted(home, "probes")
        assert await home.answer("alpha") == "I am alpha."


async def test_whoever_waits_for_what_could_not_be_done_gets_an_answer(
    tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch
):
    paths = msgspec.structs.replace(places(tmp_path / "yard", CONF), models_dir=models)
    async with yard(paths) as home:
        with monkeypatch.context() as broken:
            broken.setattr(home.daemon, "granted", raises)
            status, reply = await home.ask("alpha")
        assert (status, reply["error"]["code"]) == (400, "internal")
        assert MADE_UP in str(reply)
        assert await home.answer("alpha") == "I am alpha."


# Whatever an instance reports, and all that is decided of instances; those without which none serves.
HEARD, DECIDED = ({n for n in vars(kind) if n[0] != "_"} for kind in (Listener, Effects))
NEEDED = {"got_ready", "granted", "spawn"}  # `granted`: above


async def test_whoever_waits_is_served_though_each_call_fails_that_only_reports(
    tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch
):
    """`endless` has to leave for `alpha`, so that each of them is called while one waits."""
    paths = msgspec.structs.replace(places(tmp_path / "yard", CONF), models_dir=models)
    async with yard(paths, max_instances=1) as home:
        await home.ask("endless", max_tokens=1)
        with monkeypatch.context() as broken:
            for name in sorted(HEARD - NEEDED):
                broken.setattr(home.daemon.aftermath, name, raises)
            for name in sorted(DECIDED - NEEDED):
                broken.setattr(home.daemon, name, raises)
            assert await home.answer("alpha") == "I am alpha."
        assert {fault.part for fault in home.daemon.faults.known()} >= {"aftermath", "effects"}
        assert await home.answer("alpha") == "I am alpha."


async def test_whoever_waits_hears_of_a_call_that_fails_without_which_none_serves(
    tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch
):
    paths = msgspec.structs.replace(places(tmp_path / "yard", CONF), models_dir=models)
    async with yard(paths) as home:
        for where, name in (
            (home.daemon.aftermath, "got_ready"), (home.daemon, "spawn"), (home.daemon, "feed"),
        ):  # fmt: skip
            with monkeypatch.context() as broken:
                if name == "feed":
                    _fail_once_ready(broken, home)
                else:
                    broken.setattr(where, name, raises)
                job = asyncio.ensure_future(home.post("/switch", {"model": "alpha", "force": True}))
                async with asyncio.timeout(30):
                    await job
                    status, reply = await home.ask("alpha")
            assert (status, reply["error"]["code"]) in (
                (400, "internal"),
                (400, "load_failed_recently"),
            ), name
            assert MADE_UP in str(reply), name
        assert (await home.post("/switch", {"model": "alpha", "force": True}))[0] == 200
        assert await home.answer("alpha") == "I am alpha."


def _fail_once_ready(broken: pytest.MonkeyPatch, home: Yard) -> None:
    """The scheduler itself fails, at the news that everybody waits for."""
    scheduler = home.daemon.parts.scheduler
    handle = type(scheduler).handle

    def fails(self: Any, event: Any, now: float) -> Any:
        return (raises if isinstance(event, ev.BecameReady) else handle)(self, event, now)

    broken.setattr(type(scheduler), "handle", fails)


async def test_an_instance_that_is_lost_track_of_is_ended_and_leaves_nothing_behind(
    tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch
):
    paths = msgspec.structs.replace(places(tmp_path / "yard", CONF), models_dir=models)
    async with yard(paths) as home:
        seen = list[int]()

        async def obey(_: object, child: Child) -> None:
            seen.append(child.pid)
            raise RuntimeError(MADE_UP)

        with monkeypatch.context() as broken:
            broken.setattr("paddock.daemon.instances.life.Life._obey", obey)
            status, reply = await home.ask("alpha")
        assert (status, reply["error"]["code"]) == (400, "internal")
        assert not Path(f"/proc/{seen[0]}").exists(), "not even as a zombie"
        assert (await home.post("/switch", {"model": "alpha"}))[0] == 200


async def test_a_history_that_cannot_be_opened_stops_nobody(tmp_path: Path, models: Path):
    paths = msgspec.structs.replace(places(tmp_path / "yard", CONF), models_dir=models)
    (paths.state_dir / "history.sqlite").mkdir(parents=True)
    async with yard(paths) as home:
        assert await home.answer("alpha") == "I am alpha."
        assert {f.part for f in (await home.status()).faults} == {"history"}


async def test_one_place_is_logged_once_and_counted(caplog: pytest.LogCaptureFixture):
    faults = Faults()
    for _ in range(3):
        with faults.caught("here"):
            raises()
    assert [f.count for f in faults.known()] == [3]
    assert caplog.text.count("Traceback") == 1


async def test_a_part_that_returns_is_not_begun_again():
    runs = []

    async def run() -> None:
        runs.append(1)

    await Faults().keep_running("once", run)
    assert runs == [1]
