"""What the real clients do with a "no": how often they ask, and what their users read of the reason.

Each is started as `paddock run` does, its retries as they come. What is expected here is the table
in docs/clients.md.
"""

import re
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from paddock.api.client import Client
from paddock.clients.known import client_named
from paddock.clients.offer import Offer, offered
from paddock.clients.writing import put_aside
from paddock.errors import PaddockError
from paddock.llama.scripted import write
from tests.agents.conftest import ASKED, MODEL, program, run_told
from tests.yard import Process, places, process, wrapper

pytestmark = [pytest.mark.clients, pytest.mark.timeout(420)]

CONF = """[*]
threads = 2
parallel = 1
ctx-size = {ctx}
[scout]
model = scout.gguf
engine = {engine}
{more}
"""
BURNS = "exit 3"
REFUSES = "{% if add_generation_prompt and tools is defined %}{{ raise_exception('no such talk') }}{% endif %}"
AS_IT_IS = dict.fromkeys(ASKED, 1) | {"opencode": 2}  # it has a title written as well, at once


@dataclass(frozen=True)
class Situation:
    """What is wrong, what a user reads of it, and how many requests each client sends."""

    reads: str  # a regular expression
    asks: dict[str, int]
    engine: str = ""  # sh, before the server starts
    more: str = ""  # lines of models.conf
    settings: str = ""
    ctx: int = 262_144
    loads: int = 1  # at most
    happens: Callable[[Process], None] | None = None  # once the client was told all and begins
    endless: bool = False


def _forget(running: Process) -> None:
    """The model is taken out of models.conf after its client was told of it."""
    text = running.paths.config.read_text()
    running.paths.config.write_text(text.replace("[scout]", "[other]"))
    Client(running.url).reload()


def _stop(running: Process) -> None:
    """The daemon is ended for good once somebody waits."""

    def when_asked() -> None:
        daemon = Client(running.url)
        with suppress(PaddockError):
            while not sum(daemon.status().queue.values()):
                pass
            running.popen.send_signal(signal.SIGTERM)

    threading.Thread(target=when_asked, daemon=True).start()


SITUATIONS = {
    "load fails": Situation("scout exited with code 3", AS_IT_IS, engine=BURNS),
    "load fails in a stream": Situation(
        "scout exited with code 3",
        AS_IT_IS,
        engine=f"sleep 4; {BURNS}",
        settings="keep-alive-after = 1\nkeep-alive-every = 1\n",
    ),
    "cannot fit": Situation(
        "scout cannot fit",
        AS_IT_IS,
        more="[pinned]\nmodel = scout.gguf\nctx-size = 512\npin = true\npreload = true\n",
        settings="max-instances = 1\n",
    ),
    "shutdown": Situation("Paddock is shutting down", AS_IT_IS, engine="sleep 60", happens=_stop),
    "unknown model": Situation("no model 'scout'", AS_IT_IS, happens=_forget, loads=0),
    "bad request": Situation("no such talk", AS_IT_IS, more="chat-template-file = refuses.jinja"),
    "context too long": Situation("exceeds the available context", AS_IT_IS, ctx=512),
    "crash": Situation(
        "in the middle of the reply|went away|killed by signal 9",
        AS_IT_IS,
        engine="(sleep 3; kill -9 $$) &",
        loads=3,
        endless=True,
    ),
}


def _offer(running: Process) -> Offer:
    cards = Client(running.url).cards()
    return offered(cards, url=running.url, key=None, wanted="scout", current=None)


def measured(name: str, situation: Situation, folder: Path) -> tuple[str, int, int]:
    """What the client's user reads, how many requests came, how many loads were begun."""
    paths = places(folder / "daemon", "")
    engine = wrapper(folder / "engine", situation.engine)
    paths.config.write_text(CONF.format(engine=engine, ctx=situation.ctx, more=situation.more))
    (paths.config.parent / "refuses.jinja").write_text(REFUSES)
    paths.settings.write_text("probe-after = 0\nplan-ahead = false\n" + situation.settings)
    paths.models_dir.mkdir()
    write(paths.models_dir / "scout.gguf", replace(MODEL, endless=situation.endless))
    client = client_named(name)
    assert client.run is not None
    words = [program(client.program), *ASKED[name]]
    with process(paths) as running:
        setting = client.run(_offer(running), folder / "told")
        for _ in put_aside(setting):
            pass
        if situation.happens:
            situation.happens(running)
        done = run_told(words, setting, folder)
        if running.popen.poll() is None:  # its last lines are written then
            running.end(signal.SIGTERM)
        log = running.log.read_text()
        asks = sum("request api=" in line for line in log.splitlines())
        loads = len([d for d in (paths.state_dir / "instances").iterdir() if d.is_dir()])
    return done.stdout + done.stderr, asks, loads


@pytest.mark.parametrize("name", ASKED)
@pytest.mark.parametrize("situation", SITUATIONS)
def test_its_user_reads_the_reason_and_it_asks_no_more_than_it_must(
    situation: str, name: str, tmp_path: Path
):
    expected = SITUATIONS[situation]
    screen, asks, loads = measured(name, expected, tmp_path)
    assert re.search(expected.reads, " ".join(screen.split())), screen[-3000:]
    assert asks == expected.asks[name]
    assert loads <= expected.loads
