"""What the real clients do with a "no": how often they ask, and what their users read of the reason.

Each is started as `paddock run` does, its retries as they come. What is expected here is the table
in docs/clients.md.
"""

import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
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
from tests.rig import rig
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
KEY = "right"
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
    least: int = 1  # requests
    endless: bool = False
    key: str = ""  # that the client sends
    gpu: bool = False  # the model lies on one
    said: int = 0  # bytes of the prompt
    happens: Callable[[Process, int, ExitStack], None] | None = None  # before the client begins


def _changed(old: str, new: str) -> Callable[[Process, int, ExitStack], None]:
    """models.conf is changed after the client learned its models."""

    def change(running: Process, asks: int, end: ExitStack) -> None:
        text = running.paths.config.read_text()
        assert old in text
        running.paths.config.write_text(text.replace(old, new))
        Client(running.url).reload()

    return change


def _when_asked(
    then: Callable[[Process], object], running: Process, asks: int, end: ExitStack
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


def _cancelled(running: Process, asks: int, end: ExitStack) -> None:
    """A person cancels the load for which its client waits."""
    _when_asked(lambda daemon: Client(daemon.url).cancel("scout"), running, asks, end)


def _restarted(running: Process, asks: int, end: ExitStack) -> None:
    """By `paddock restart`: a new daemon at the same address takes the load over."""

    def paddock(verb: str, url: str) -> None:
        subprocess.run([sys.executable, "-m", "paddock", verb, "--url", url], timeout=120)

    def restart(old: Process) -> None:
        paddock("restart", old.url)
        end.callback(paddock, "stop", old.url)

    _when_asked(restart, running, asks, end)


def _full(running: Process, asks: int, end: ExitStack) -> None:
    """A switch waits for the load, and there is room for one; it goes on once a client was refused."""
    daemon = Client(running.url)
    daemon.switch("scout", wait=False)
    _seen("queue_full", running, end, running.paths.state_dir.parent.joinpath("open").touch)


def _seen(word: str, running: Process, end: ExitStack, then: Callable[[], object]) -> None:
    """In a thread, once it stands in the daemon's log."""

    def watch() -> None:
        while running.popen.poll() is None:
            if word in running.log.read_text():
                then()
                return
            time.sleep(0.05)

    watcher = threading.Thread(target=watch, daemon=True)
    end.callback(watcher.join, 60)
    watcher.start()


def _yielded(running: Process, asks: int, end: ExitStack) -> None:
    """For a time in which a client has begun, however busy the machine."""
    daemon = Client(running.url)
    daemon.plan("scout")
    daemon.yield_gpus(30, by="this test")


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
        # With its file, by whose name it would be found.
        happens=_changed("[scout]\nmodel = scout.gguf", "[other]\nmodel = other.gguf"),
    ),
    "bad request": Situation(
        "no such talk",
        ONCE,
        more="chat-template-file = {folder}/refuses.jinja",
        # At its start llama-server tries the template itself, with another last message.
    ),
    "context too long": Situation(
        # Claude Code and Continue know it, and do not ask.
        "exceeds the available context|Context length exceeded|Prompt is too long",
        ONCE | {"claude-code": 0, "opencode": 3, "continue": 0},
        ctx=1024,
    ),
    "queue full": Situation(
        SAYS,
        dict.fromkeys(ASKED, 4) | {"opencode": 8},
        least=2,
        engine="until [ -e {folder}/open ]; do sleep 0.1; done",
        settings="queue-limit = 1\n",
        happens=_full,
    ),
    "yielded": Situation(
        SAYS,
        dict.fromkeys(ASKED, 2) | {"opencode": 4},
        least=2,
        gpu=True,
        settings='on-yield = "refuse"\n',
        happens=_yielded,
    ),
    "wrong key": Situation(
        "this API key is not known here",
        ONCE,
        loads=0,
        key="wrong",
        settings=f'api-keys = ["{KEY}"]\nmanagement-keys = ["{KEY}"]\n',
    ),
    "body too large": Situation(
        "the request body is larger than 1 MiB",
        # The other two send no such thing: Claude Code says itself that it is too long.
        {"codex": 1, "opencode": 3, "qwen-code": 1, "aider": 1},
        loads=0,
        ctx=4_194_304,
        said=1_100_000,
        settings="max-body = 1\n",
    ),
    "cancelled": Situation("cancelled", ONCE, engine="sleep 60", happens=_cancelled),
    "hang": Situation(
        "scout hung: it was asked",
        # opencode had asked five times in a minute, and showed nothing yet.
        {name: 4 for name in ASKED if name != "opencode"},
        loads=3,
        engine="(sleep 4; kill -STOP $$) &",
        settings="hang-timeout = 5\n",
        endless=True,
    ),
    "crash": Situation(
        "went away: its reply broke off|in the middle of the reply|killed by signal 9",
        dict.fromkeys(ASKED, 3) | {"opencode": 6},
        loads=3,
        engine="(sleep 3; kill -9 $$) &",
        endless=True,
    ),
}


def place(situation: Situation, folder: Path) -> Paths:
    """The files of a daemon in which this is wrong."""
    paths = places(folder / "daemon", "")
    engine = wrapper(
        folder / "engine", situation.engine.replace("{folder}", str(folder / "daemon"))
    )
    more = situation.more.format(folder=folder / "daemon")
    conf = CONF.format(engine=engine, ctx=situation.ctx, more=more)
    paths.config.write_text(conf)
    paths.settings.write_text("probe-after = 0\nplan-ahead = false\n" + situation.settings)
    paths.settings.chmod(0o600)
    (folder / "daemon" / "refuses.jinja").write_text(REFUSES)
    paths.models_dir.mkdir()
    write(paths.models_dir / "scout.gguf", replace(MODEL, endless=situation.endless))
    return paths


@contextmanager
def _devices(situation: Situation, paths: Paths) -> Iterator[None]:
    """A GPU that its profile uses, where it is to have one."""
    if not situation.gpu:
        yield
        return
    with rig(paths.config.parent, 4000) as devices:
        paths.config.write_text(paths.config.read_text() + devices.flag)
        yield


def _offer(running: Process, key: str) -> Offer:
    cards = Client(running.url, key=KEY).cards()
    return offered(cards, url=running.url, key=key, wanted="scout", current=None)


def _prompt(name: str, size: int) -> tuple[tuple[str, ...], str]:
    """What is asked: the arguments and the standard input of a client."""
    words = ASKED[name]
    if size and name == "aider":
        words = (*words[:-2], "--message-file", "/dev/stdin")
    most = 1_045_000 if name == "codex" else size  # it refuses itself what has more than 2**20
    return words, "hay " * (min(size, most) // 4)


def measured(name: str, situation: Situation, folder: Path) -> tuple[str, int, int]:
    """What the client's user reads, how many requests came, how many loads of it were begun."""
    client, paths = client_named(name), place(situation, folder)
    assert client.run is not None
    asked, said = _prompt(name, situation.said)
    words = [program(client.program), *asked]
    with _devices(situation, paths), process(paths) as running, ExitStack() as end:
        setting = client.run(_offer(running, situation.key), folder / "logged")
        for _ in put_aside(setting):
            pass
        if situation.happens:
            situation.happens(running, 2 if name == "opencode" else 1, end)
        done = run_configured(words, setting, folder, said)
        if running.popen.poll() is None:  # its last lines are written then
            running.end(signal.SIGTERM)
    return done.stdout + done.stderr, *counted(running)


def counted(running: Process) -> tuple[int, int]:
    """How many requests came to a daemon that has ended, how many loads of the model were begun."""
    state = running.paths.state_dir
    logs = [*running.log.parent.glob("daemon-*.log"), *state.glob("daemon.log")]
    logged = "".join(log.read_text() for log in logs)
    records = (state / "instances").glob("*/record.json")
    loads = sum('"profile":"scout"' in record.read_text() for record in records)
    return logged.count(" request api=") + logged.count(" refused POST "), loads


CASES = [(situation, name) for situation, it in SITUATIONS.items() for name in it.asks]


@pytest.mark.parametrize(("situation", "name"), CASES)
def test_its_user_reads_the_reason_and_it_asks_no_more_than_it_must(
    situation: str, name: str, tmp_path: Path
):
    expected = SITUATIONS[situation]
    screen, asks, loads = measured(name, expected, tmp_path)
    assert re.search(expected.reads, " ".join(screen.split())), screen[-3000:]
    assert min(expected.least, expected.asks[name]) <= asks <= expected.asks[name]
    assert loads <= expected.loads
