"""Where a campaign takes place: a daemon that can be killed and started again, on a disk of its own."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from paddock.config.settings import Paths
from paddock.llama.scripted import ScriptedModel, write
from tests.yard import HEADER, Process, places, servers, sweep, wrapper

SAYS = {name: f"I am {name}." for name in ("alpha", "beta", "gamma")}
_DISK = "48m"
# 30 lines of 60 KB, as a driver in trouble writes them.
_FLOOD = "i=0; while [ $i -lt 30 ]; do head -c 60000 /dev/zero | tr '\\0' x >&2; echo >&2; i=$((i+1)); done; exit 3"


@dataclass
class Ground:
    """The daemon of a campaign. `generation` counts its starts."""

    paths: Paths
    conf: str
    holder: subprocess.Popen[bytes] | None  # keeps the disk's mount namespace
    daemon: Process | None = None
    generation: int = 0
    is_listening: bool = False
    logs: list[Path] = field(default_factory=list)

    @property
    def url(self) -> str:
        assert self.daemon is not None
        return self.daemon.url

    @property
    def pid(self) -> int:
        """Of the daemon, which `under` has become."""
        assert self.daemon is not None
        return self.daemon.popen.pid

    @property
    def disk(self) -> Path | None:
        """The state folder as seen from here, where it has a disk of its own."""
        return Path(f"/proc/{self.holder.pid}/root{self.paths.state_dir}") if self.holder else None

    def start(self) -> None:
        under = ["nsenter", "-t", str(self.holder.pid), "-m", "--"] if self.holder else []
        self.daemon = Process(self.paths, "--listen", self._address(), under=under)
        self.logs.append(self.daemon.log)
        self.generation += 1
        self.is_listening = True

    def _address(self) -> str:
        """The port that it had before: clients ask there."""
        return self.daemon.url.removeprefix("http://") if self.daemon else "127.0.0.1:0"

    def end(self, number: signal.Signals) -> None:
        """End the daemon by this signal and wait for that."""
        assert self.daemon is not None
        self.is_listening = False
        self.daemon.popen.send_signal(number)
        self.daemon.popen.wait(60)

    def servers(self) -> list[int]:
        return servers(self.paths)

    def write_conf(self, text: str) -> None:
        self.paths.config.write_text(text)

    def heal(self) -> None:
        """Put right what faults left wrong: files, the disk, the limit of descriptors, stopped processes."""
        if self.paths.config.is_symlink():
            self.paths.config.unlink()
        self.write_conf(self.conf)
        if self.disk:
            for file in self.disk.glob("full-*"):
                file.unlink()
        for pid in self.servers():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


@contextmanager
def ground(root: Path) -> Iterator[Ground]:
    """A daemon with three small models, one that talks on, one that floods its log; gone after the block."""
    models = root / "models"
    models.mkdir(parents=True)
    for name, say in SAYS.items():
        write(models / f"{name}.gguf", ScriptedModel(say=say, name=name))
    write(models / "endless.gguf", ScriptedModel(say="On.", name="endless", endless=True))
    conf = HEADER + "".join(f"[{name}]\nmodel = {name}.gguf\n" for name in (*SAYS, "endless"))
    conf += f"[flood]\nmodel = alpha.gguf\nengine = {wrapper(root / 'flooding', _FLOOD)}\n"
    paths = msgspec.structs.replace(places(root / "yard", ""), models_dir=models)
    paths.settings.write_text("max-instances = 2\nstop-timeout = 1\nprobe-after = 0.5\n")
    paths.state_dir.mkdir(exist_ok=True)
    place = Ground(paths, conf, _disk(paths.state_dir))
    place.write_conf(conf)
    try:
        place.start()
        yield place
    finally:
        place.heal()
        if place.daemon:
            place.daemon.popen.kill()
            place.daemon.popen.wait()
        sweep(paths)
        if place.holder:
            place.holder.kill()
            place.holder.wait()


def _disk(folder: Path) -> subprocess.Popen[bytes] | None:
    """A process in whose mount namespace `folder` is a small disk; None where that is not allowed."""
    if not shutil.which("unshare") or not shutil.which("nsenter"):
        return None
    mount = f'mount -t tmpfs -o size={_DISK} none "{folder}" && touch "{folder}/.mounted" && exec sleep 100000'
    holder = subprocess.Popen(["unshare", "--mount", "sh", "-c", mount], stderr=subprocess.DEVNULL)
    mounted = Path(f"/proc/{holder.pid}/root{folder}/.mounted")
    for _ in range(100):
        if mounted.exists():
            return holder
        if holder.poll() is not None:
            return None
        time.sleep(0.05)
    holder.kill()
    return None
