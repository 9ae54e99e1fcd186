"""Several machines on this one: a network namespace each, joined by a bridge, with real Ray and our own verbs.

Whatever is started here carries a mark in its environment, or the folder's name in its command line. A process beside the
tests waits for their end, however they end, and then kills all of that.
"""

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from paddock.api.client import Client
from paddock.api.nodes import NodeInfo
from paddock.errors import PaddockError
from paddock.llama.scripted import ScriptedModel, write
from tests.yard import _engine_name

T = TypeVar("T")
MARK = "PADDOCK_TEST_RANCH"
HEADER = "[*]\nthreads = 1\nctx-size = 512\nparallel = 1\n"
REAPER = """
import os, pathlib, signal, subprocess, sys, time
mark, folder, *links = sys.argv[1:]
sys.stdin.buffer.read()
def marked():
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            try:
                if mark.encode() in (entry / "environ").read_bytes() or folder.encode() in (entry / "cmdline").read_bytes():
                    yield int(entry.name)
            except OSError:
                pass
for _ in range(50):
    found = list(marked())
    for pid in found:
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            pass
    if not found:
        break
    time.sleep(0.1)
for link in links:
    subprocess.run(["ip", "link", "del", link], stderr=subprocess.DEVNULL)
for name in os.listdir("/run/netns") if os.path.isdir("/run/netns") else []:
    if name.startswith(links[-1]):
        subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL)
subprocess.run(["rm", "-rf", folder])
"""


def may_have_namespaces() -> bool:
    """Whether this user can make them."""
    if not shutil.which("ip"):
        return False
    made = subprocess.run(["unshare", "-n", "true"], capture_output=True)
    return made.returncode == 0


@dataclass
class ClusterMachine:
    """One of them: a namespace, an address, a folder with a models.conf."""

    name: str
    address: str
    folder: Path
    environ: dict[str, str]
    namespace: str = ""  # empty: the tests' own
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def words(self, command: Sequence[object]) -> list[str]:
        words = list(map(str, command))
        return ["ip", "netns", "exec", self.namespace, *words] if self.namespace else words

    def paddock(self, *words: object, check: bool = True) -> subprocess.CompletedProcess[str]:
        """One command of ours, there."""
        command = self.words([sys.executable, "-m", "paddock", *words])
        done = subprocess.run(
            command, env=self.environ, capture_output=True, text=True, timeout=110
        )
        assert done.returncode == 0 or not check, done.stderr
        return done

    def has_models(self, **says: str) -> None:
        """Write its models.conf anew: each model answers its sentence."""
        models = self.folder / "models"
        models.mkdir(parents=True, exist_ok=True)
        for model, sentence in says.items():
            write(models / f"{model}.gguf", ScriptedModel(say=sentence, name=model))
        sections = "".join(f"[{model}]\nmodel = {model}.gguf\n" for model in says)
        (self.folder / "models.conf").write_text(HEADER + sections)

    def join(self, head: str = "", *words: str, check: bool = True) -> str:
        """Make it part of the cluster, by our verb; what that says."""
        ray = [f"--temp-dir={self.folder}/r", "--num-cpus=1", "--include-log-monitor=false"]
        done = self.paddock(
            *("node", "join", *([head] if head else []), "--name", self.name),
            *("--address", self.address, "--config", self.folder / "models.conf"),
            *("--state-dir", self.state, "--engine", _engine_name()),
            *(f"--ray={word}" for word in ray),
            *words,
            check=check,
        )
        return done.stdout + done.stderr

    def spawn(self, *words: object, log: str) -> subprocess.Popen[bytes]:
        """A process of ours that goes on there."""
        with (self.folder / log).open("ab") as file:
            command = self.words([sys.executable, "-m", "paddock", *words])
            process = subprocess.Popen(command, env=self.environ, stdout=file, stderr=file)
        self.started.append(process)
        return process

    @contextmanager
    def cut_off(self) -> Iterator[None]:
        """Nobody reaches it inside the block."""
        _ip("-n", self.namespace, "link", "set", "eth0", "down")
        try:
            yield
        finally:
            _ip("-n", self.namespace, "link", "set", "eth0", "up")

    def switch_off(self) -> None:
        """All that runs there ends at once."""
        while found := [pid for pid, _ in self._lines()]:
            for pid in found:
                with suppress(ProcessLookupError):
                    kill(pid)

    def pid_of(self, *signs: str) -> int:
        """The one process there whose command line holds all these; fails where there is none."""
        found = self.pids_of(*signs)
        assert found, f"no process of {self.name} with {signs}"
        return found[0]

    def pids_of(self, *signs: str) -> list[int]:
        return [pid for pid, line in self._lines() if all(sign in line for sign in signs)]

    def _lines(self) -> Iterator[tuple[int, str]]:
        own = f"/run/netns/{self.namespace}" if self.namespace else "/proc/self/ns/net"
        place = Path(own).stat().st_ino
        for entry in sorted(Path("/proc").glob("[0-9]*"), key=lambda one: int(one.name)):
            with suppress(OSError):
                if (entry / "ns/net").stat().st_ino == place and self._is_ours(entry):
                    line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                    yield int(entry.name), line

    def _is_ours(self, process: Path) -> bool:
        """An instance has an environment of its own, and the folder in its command line."""
        mark = f"{MARK}={self.environ[MARK]}".encode() in (process / "environ").read_bytes()
        return mark or os.fsencode(self.folder) in (process / "cmdline").read_bytes()

    @property
    def daemon(self) -> int:
        """The pid of its daemon."""
        return int((self.state / "daemon.lock").read_text())

    @property
    def actor(self) -> int:
        return self.pid_of("ray::NodeActor")


@dataclass
class Front:
    """A front that runs, and what its clients see."""

    machine: ClusterMachine
    url: str
    process: subprocess.Popen[bytes]

    @property
    def log(self) -> str:
        return (self.machine.folder / "front.log").read_text()

    def nodes(self) -> dict[str, NodeInfo]:
        """By name; none where it does not answer."""
        with suppress(PaddockError):
            return {node.name: node for node in Client(self.url).status().nodes}
        return {}

    def pid_of(self, profile: str) -> int | None:
        """The pid of the instance that serves it, on its machine."""
        found = Client(self.url).status().instances
        return next(one.pid for one in found if one.profile.partition("@")[0] == profile)

    def ask(self, model: str) -> tuple[int, Any]:
        """One chat request; its status and reply."""
        body = {"model": model, "messages": [{"role": "user", "content": "hi"}]}
        request = urllib.request.Request(
            f"{self.url}/v1/chat/completions", json.dumps(body).encode()
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                return reply.status, json.load(reply)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def answer(self, model: str) -> str:
        status, reply = self.ask(model)
        assert status == 200, reply
        return str(reply["choices"][0]["message"]["content"])

    def until(self, true: Callable[[dict[str, NodeInfo]], bool]) -> dict[str, NodeInfo]:
        """The first nodes of which `true` holds."""
        return until(self.nodes, true)

    def until_state(self, name: str, *states: str) -> NodeInfo:
        return self.until(lambda nodes: name in nodes and nodes[name].state in states)[name]


def until(look: Callable[[], T], true: Callable[[T], bool], *, within: float = 60.0) -> T:
    """What `look` gives first of which `true` holds."""
    end = time.monotonic() + within
    while not true(found := look()):
        assert time.monotonic() < end, found
        time.sleep(0.1)
    return found


@dataclass
class Ranch:
    """All machines; the first is the tests' own, and the head."""

    folder: Path
    environ: dict[str, str]
    machines: list[ClusterMachine]
    head: str

    def machine(self, name: str) -> ClusterMachine:
        return next(one for one in self.machines if one.name == name)

    @contextmanager
    def front(self, on: ClusterMachine, *, state: str = "state") -> Iterator[Front]:
        """A front there, as long as the block lasts or somebody ends it."""
        port = 18080 + secrets.randbelow(2000)
        log = on.folder / "front.log"
        log.write_text("")
        process = on.spawn(
            *("serve", "--cluster", self.head, "--config", on.folder / "models.conf"),
            *("--state-dir", on.folder / state, "--listen", f"{on.address}:{port}", "--insecure"),
            log="front.log",
        )
        front = Front(on, f"http://{on.address}:{port}", process)
        try:
            until(
                lambda: front.log, lambda text: "answers at" in text or process.poll() is not None
            )
            assert process.poll() is None, front.log
            yield front
        finally:
            process.kill()
            process.wait()


@contextmanager
def ranch(*names: str) -> Iterator[Ranch]:
    """So many machines, the first of them the tests' own, not in a cluster yet."""
    tag = secrets.token_hex(2)
    folder = Path(tempfile.mkdtemp(prefix="pr", dir="/tmp"))  # Ray's sockets have long names
    bridge, net = f"pd{tag}b", f"10.{77 + int(tag[0], 16)}.{int(tag[1:3], 16)}"
    environ = _environment(folder, tag)
    links = [f"pd{tag}v{place}" for place in range(1, len(names))]
    reaper = subprocess.Popen(
        [
            sys.executable,
            "-c",
            REAPER,
            f"{MARK}={environ[MARK]}",
            folder,
            *links,
            bridge,
            f"pd{tag}",
        ],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    machines = [ClusterMachine(names[0], f"{net}.254", folder / names[0], environ)]
    try:
        _ip("link", "add", bridge, "type", "bridge")
        _ip("addr", "add", f"{net}.254/24", "dev", bridge)
        _ip("link", "set", bridge, "up")
        for place, name in enumerate(names[1:], 1):
            space = f"pd{tag}n{place}"
            _ip("netns", "add", space)
            _ip(
                "link",
                "add",
                links[place - 1],
                "type",
                "veth",
                "peer",
                "name",
                "eth0",
                "netns",
                space,
            )
            _ip("link", "set", links[place - 1], "master", bridge, "up")
            for words in (
                f"addr add {net}.{place}/24 dev eth0",
                "link set eth0 up",
                "link set lo up",
            ):
                _ip("-n", space, *words.split())
            machines.append(ClusterMachine(name, f"{net}.{place}", folder / name, environ, space))
        yield Ranch(folder, environ, machines, f"{net}.254:{6400 + secrets.randbelow(500)}")
    finally:
        for machine in machines:
            for process in machine.started:
                process.kill()
                process.wait()
        assert reaper.stdin
        reaper.stdin.close()
        reaper.wait(30)


def _environment(folder: Path, tag: str) -> dict[str, str]:
    home = folder / "home"
    home.mkdir()
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("RAY_", "XDG_", "PADDOCK_"))}
    if command := os.environ.get("PADDOCK_TEST_LLAMA_SERVER"):
        kept["PADDOCK_TEST_LLAMA_SERVER"] = command
    return kept | {
        MARK: f"{tag}{os.getpid()}",
        "HOME": str(home),
        "RAY_raylet_start_wait_time_s": "100",
        "RAY_enable_worker_prestart": "0",
        "RAY_prestart_worker_first_driver": "0",
    }


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


def kill(pid: int) -> None:
    """As a crash ends it."""
    os.kill(pid, signal.SIGKILL)
