"""Where a campaign takes place: a daemon that can be killed and started again, on disks of its own."""

import json
import os
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from paddock.config.settings import Paths
from paddock.llama.scripted import ScriptedModel, write
from tests.rig import Rig, rig, rpc_server
from tests.yard import HEADER, Process, places, servers, sweep, wrapper

SAYS = {name: f"I am {name}." for name in ("alpha", "beta", "gamma")}
# alpha's contexts are kept on the disk, beta's in RAM, gamma's not; `gpu` lies on a GPU that is made up.
_CONF = """
[alpha]
model = alpha.gguf
ctx-size = 2048
keep-context = on
[beta]
model = beta.gguf
ctx-size = 2048
[gamma]
model = gamma.gguf
keep-context = off
[endless]
model = endless.gguf
"""
_GPU = "[gpu]\nmodel = gpu.gguf\nfit-target = 10\n"
GPU_MIB = 200
_SHAPE: dict[str, Any] = {"embd": 512, "heads": 8, "kv_heads": 4, "ctx": 4096, "layers": 4}
_DISK, _RAM = "48m", "24m"
_SETTINGS = """
max-instances = 2
stop-timeout = 1
probe-after = 0.5
contexts-size = 24
"""
# 30 lines of 60 KB, as a driver in trouble writes them.
_FLOOD = "i=0; while [ $i -lt 30 ]; do head -c 60000 /dev/zero | tr '\\0' x >&2; echo >&2; i=$((i+1)); done; exit 3"


@dataclass
class Ground:
    """The daemon of a campaign. `generation` counts its starts."""

    paths: Paths
    conf: str
    holder: subprocess.Popen[bytes] | None  # keeps the mount namespace of the disks
    devices: Rig | None = None
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
    def says(self) -> dict[str, str]:
        """What each model answers."""
        return {**SAYS, "gpu": "I am gpu."} if self.devices else SAYS

    @property
    def disk(self) -> Path | None:
        """The state folder as seen from here, where it has a disk of its own."""
        return self._inside(self.paths.state_dir)

    @property
    def ram(self) -> Path | None:
        """The place for contexts in RAM, seen from here, where it has one of its own."""
        return self._inside(Path("/dev/shm"))

    @property
    def temporary(self) -> Path:
        """The daemon's folder for temporary files."""
        return self.paths.state_dir.parent / "tmp"

    def _inside(self, path: Path) -> Path | None:
        return Path(f"/proc/{self.holder.pid}/root{path}") if self.holder else None

    def start(self) -> None:
        under = ["nsenter", "-t", str(self.holder.pid), "-m", "--"] if self.holder else []
        under += ["env", "-u", "XDG_RUNTIME_DIR", f"TMPDIR={self.temporary}"]
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
        """Put right what faults left wrong: files, disks, stopped processes, a smaller GPU, GPUs yielded."""
        if self.paths.config.is_symlink():
            self.paths.config.unlink()
        self.write_conf(self.conf)
        for disk in filter(None, (self.disk, self.ram)):
            for file in disk.glob("full-*"):
                file.unlink()
        for pid in self.servers():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        if self.devices:
            self.devices.resize(0, GPU_MIB)
        if self.is_listening:
            self._resume()

    def _resume(self) -> None:
        """As `paddock resume`; the daemon must obey."""
        request = urllib.request.Request(self.url + "/resume", method="POST", data=b"{}")
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=60) as reply:
            json.load(reply)


@contextmanager
def ground(root: Path) -> Iterator[Ground]:
    """A daemon with some small models, one that talks on, one that floods its log; gone after the block."""
    models = root / "models"
    models.mkdir(parents=True)
    for name, say in SAYS.items():
        write(models / f"{name}.gguf", ScriptedModel(say=say, name=name))
    write(models / "endless.gguf", ScriptedModel(say="On.", name="endless", endless=True))
    conf = HEADER + _CONF
    conf += f"[flood]\nmodel = alpha.gguf\nengine = {wrapper(root / 'flooding', _FLOOD)}\n"
    paths = msgspec.structs.replace(places(root / "yard", ""), models_dir=models)
    paths.settings.write_text(_SETTINGS)
    paths.state_dir.mkdir(exist_ok=True)
    with ExitStack() as stack:
        devices = stack.enter_context(rig(root, GPU_MIB)) if rpc_server() else None
        if devices:
            script = ScriptedModel(say="I am gpu.", name="gpu", target_mib=40, **_SHAPE)
            write(models / "gpu.gguf", script)
            conf += _GPU + devices.flag
        place = Ground(paths, conf, _disks(paths.state_dir), devices)
        place.temporary.mkdir(exist_ok=True)
        place.write_conf(conf)
        try:
            place.start()
            yield place
        finally:
            place.is_listening = False
            place.heal()
            if place.daemon:
                place.daemon.popen.kill()
                place.daemon.popen.wait()
            sweep(paths)
            if place.holder:
                place.holder.kill()
                place.holder.wait()


def _disks(folder: Path) -> subprocess.Popen[bytes] | None:
    """A process in whose mount namespace `folder` and /dev/shm are small; None where that is not allowed."""
    if not shutil.which("unshare") or not shutil.which("nsenter"):
        return None
    mount = f"mount -t tmpfs -o size={_RAM},mode=1777 none /dev/shm"
    mount += f' && mount -t tmpfs -o size={_DISK} none "{folder}" && touch "{folder}/.mounted"'
    holder = subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", f"{mount} && exec sleep 100000"],
        stderr=subprocess.DEVNULL,
    )
    mounted = Path(f"/proc/{holder.pid}/root{folder}/.mounted")
    for _ in range(100):
        if mounted.exists():
            return holder
        if holder.poll() is not None:
            return None
        time.sleep(0.05)
    holder.kill()
    return None
