"""What the real clients do with a "no": how often they ask, and what their users read of the reason.

Each is started as `paddock run` does, its retries as they come. What is expected here is the table
in docs/clients.md.
"""

import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from paddock.api.client import Client
from paddock.clients.known import client_named
from paddock.clients.offer import Offer, offered
from paddock.clients.writing import put_aside
from paddock.config.settings import Paths
from paddock.errors import PaddockError
from paddock.llama.scripted import write
from tests.agents.conftest import ASKED, MODEL, SAYS, program, run_configured
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
REFUSES = """\
{% if add_generation_prompt and 'hi' in messages[-1].content | string %}{{ raise_exception('no such talk') }}{% endif %}
{% for m in messages %}<|im_start|>{{ m.role }}
{{ m.content }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""
EARLY = "keep-alive-after = 1\nkeep-alive-every = 1\n"
ONCE = dict.fromkeys(ASKED, 1) | {"opencode": 2}  # it has a title written as well, at once


@dataclass(frozen=True)
class Situation:
    """What is wrong, what a user reads of it, and how many requests each client sends at most."""

    reads: str  # a regular expression
    asks: dict[str, int]
    loads: int = 1  # at most
    engine: str = ""  # sh, before the server starts
    more: str = ""  # lines of models.conf
    settings: str = ""
    ctx: int = 262_144
    endless: bool = False
    happens: Callable[[Process, int, ExitStack], None] | None = None  # before the client begins


def _changed(old: str, new: str) -> Callable[[Process, int, ExitStack], None]:
    """models.conf is changed after the client was told of its models."""

    def change(running: Process, asks: int, end: ExitStack) -> None:
        text = running.paths.config.read_text()
        assert old in text
        running.paths.config.write_text(text.replace(old, new))
        Client(running.url).reload()

    return change


def _when_asked(
    then: Callable[[Process], None], running: Process, asks: int, end: ExitStack
) -> None:
    """In a thread, once so many requests wait; it is over at the end, whatever its client did."""

    def watch() -> None:
        daemon = Client(running.url)
        with suppress(PaddockError):
            while sum(daemon.status().queue.values()) < asks:
                pass
            then(running)

    watcher = threading.Thread(target=watch, daemon=True)
    end.callback(
        watcher.join, 60
    )  # called last; what it leaves to be ended meanwhile is ended then
    watcher.start()


def _stopped(running: Process, asks: int, end: ExitStack) -> None:
    """The daemon ends for good while its client waits."""
    _when_asked(lambda daemon: daemon.popen.send_signal(signal.SIGTERM), running, asks, end)


def _restarted(running: Process, asks: int, end: ExitStack) -> None:
    """By `paddock restart`: a new daemon at the same address takes the load over."""

    def paddock(verb: str, url: str) -> None:
        subprocess.run([sys.executable, "-m", "paddock", verb, "--url", url], timeout=120)

    def restart(old: Process) -> None:
        paddock("restart", old.url)
        end.callback(paddock, "stop", old.url)

    _when_asked(restart, running, asks, end)


SITUATIONS = {
    "load fails": Situation("scout exited with code 3", ONCE, engine="exit 3"),
    "load fails in a stream": Situation(
        "scout exited with code 3", ONCE, engine="sleep 4; exit 3", settings=EARLY
    ),
    "cannot fit": Situation(
        "scout cannot fit",
        ONCE,
        more="[pinned]\nmodel = scout.gguf\nctx-size = 512\npin = true\npreload = true\n",
        settings="max-instances = 1\n",
    ),
    "shutdown": Situation("Paddock is shutting down", ONCE, engine="sleep 60", happens=_stopped),
    "restart": Situation(
        SAYS,
        dict.fromkeys(ASKED, 2) | {"opencode": 4},
        engine="sleep 10",
        happens=_restarted,
    ),
    "unknown model": Situation(
        r"no model 'scout'|issue with the selected model \(scout\)",
        ONCE | {"claude-code": 2},
        loads=0,
        happens=_changed("[scout]", "[other]"),
    ),
    "bad request": Situation(
        "no such talk",
        ONCE,
        more="chat-template-file = {folder}/refuses.jinja",
        # At its start llama-server tries the template itself, with another last message.
    ),
    "context too long": Situation(
        "exceeds the available context|Context length exceeded",  # Continue knows it, and does not ask
        ONCE | {"opencode": 3, "continue": 0},
        ctx=1024,
    ),
    "crash": Situation(
        "went away: its reply broke off|in the middle of the reply|killed by signal 9",
        dict.fromkeys(ASKED, 3) | {"opencode": 6},
        loads=3,
        engine="(sleep 3; kill -9 $$) &",
        endless=True,
    ),
}


def _place(situation: Situation, folder: Path) -> Paths:
    paths = places(folder / "daemon", "")
    engine = wrapper(folder / "engine", situation.engine)
    more = situation.more.format(folder=folder / "daemon")
    conf = CONF.format(engine=engine, ctx=situation.ctx, more=more)
    paths.config.write_text(conf)
    paths.settings.write_text("probe-after = 0\nplan-ahead = false\n" + situation.settings)
    (folder / "daemon" / "refuses.jinja").write_text(REFUSES)
    paths.models_dir.mkdir()
    write(paths.models_dir / "scout.gguf", replace(MODEL, endless=situation.endless))
    return paths


def _offer(running: Process) -> Offer:
    cards = Client(running.url).cards()
    return offered(cards, url=running.url, key=None, wanted="scout", current=None)


def measured(name: str, situation: Situation, folder: Path) -> tuple[str, int, int]:
    """What the client's user reads, how many requests came, how many loads of it were begun."""
    client, paths = client_named(name), _place(situation, folder)
    assert client.run is not None
    words = [program(client.program), *ASKED[name]]
    with process(paths) as running, ExitStack() as end:
        setting = client.run(_offer(running), folder / "logged")
        for _ in put_aside(setting):
            pass
        if situation.happens:
            situation.happens(running, 2 if name == "opencode" else 1, end)
        done = run_configured(words, setting, folder)
        if running.popen.poll() is None:  # its last lines are written then
            running.end(signal.SIGTERM)
    logs = [*running.log.parent.glob("daemon-*.log"), *paths.state_dir.glob("daemon.log")]
    logged = "".join(log.read_text() for log in logs)
    records = (paths.state_dir / "instances").glob("*/record.json")
    loads = sum('"profile":"scout"' in record.read_text() for record in records)
    return done.stdout + done.stderr, logged.count(" request api="), loads


@pytest.mark.parametrize("name", ASKED)
@pytest.mark.parametrize("situation", SITUATIONS)
def test_its_user_reads_the_reason_and_it_asks_no_more_than_it_must(
    situation: str, name: str, tmp_path: Path
):
    expected = SITUATIONS[situation]
    screen, asks, loads = measured(name, expected, tmp_path)
    assert re.search(expected.reads, " ".join(screen.split())), screen[-3000:]
    assert min(1, expected.asks[name]) <= asks <= expected.asks[name]
    assert loads <= expected.loads
