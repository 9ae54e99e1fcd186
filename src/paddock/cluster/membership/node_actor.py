"""What runs on a machine under Ray: keeps its daemon running, and says how it is.

Ray sends this class by value, so that a machine whose Paddock is another one, or none, can say so: it uses the standard
library alone. The daemon is a grandchild in a session of its own: Ray ends the children of an actor with it, a
grandchild stays (Ray 2.60). What Ray sets for its own workers (one thread, a niceness of 15, GPUs hidden) is not
passed on: the daemon gets the environment of the raylet, which is that of `ray start`.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import threading
import time
import urllib.request
from typing import Any

from paddock.cluster.membership.gpu_holds import GpuHolds, in_use, names_of
from paddock.cluster.membership.unverified import unverified

_START_SECONDS = 150.0
_AGAIN = (1.0, 2.0, 5.0, 15.0, 30.0)  # seconds until a daemon is started again
_LAST_LETTERS = 400
_RESERVE_EVERY = 3.0  # seconds; a look at /status, where Ray has GPUs there


class NodeActor:
    """One on each machine. Its calls come from the agents of fronts."""

    def __init__(self, want: dict[str, Any], address: str) -> None:
        self._want, self._address = want, address
        self._facts: dict[str, Any] = {"state": "starting"}
        self._number = 1
        self._news = threading.Condition()
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        self._local_key = ""  # for looking at the daemon; it never leaves this process
        self._held_file = self._held_said = ""
        threading.Thread(target=self._keep, daemon=True).start()
        threading.Thread(target=self._reserve, daemon=True).start()

    def report(
        self, want: dict[str, Any], seen: int, patience: float
    ) -> tuple[int, dict[str, Any]]:
        """What it says of itself, once that is not number `seen` any more, at the latest after so many seconds."""
        with self._news:
            if want != self._want:
                self._want = want
                os.write(self._wake_write, b"!")
            self._news.wait_for(lambda: self._number != seen, patience)
            return self._number, dict(self._facts)

    def _keep(self) -> None:
        """Keep a daemon running, for ever."""
        failures = 0
        while True:
            facts = self._up()
            self._local_key = facts.pop("local_key", "")
            self._held_file = facts.pop("held_file", "")
            self._tell(facts)
            begun = time.monotonic()
            if facts.get("state") == "up":
                if self._wait(facts["pid"], None):
                    failures = 0
                    continue  # another front, which has a key of its own
                self._tell({**facts, "state": "away", "reason": "its daemon ended, and is started again"})  # fmt: skip
            failures = 0 if time.monotonic() - begun > 60 else failures + 1
            if self._wait(None, _AGAIN[min(failures, len(_AGAIN)) - 1] if failures else 0.0):
                failures = 0

    def _reserve(self) -> None:
        """Hold the GPUs on which models lie, for ever."""
        holds = GpuHolds(self._address)
        while True:
            time.sleep(_RESERVE_EVERY)
            if not self._facts.get("reserves"):
                continue
            try:
                if holds.count():
                    devices = self._devices()
                    holds.hold(in_use(devices))
                    self._tell_held(names_of(holds.jobs(), devices))
            except Exception as error:  # noqa: BLE001 (Ray's head may be lost; the next look tries again)
                print(f"GPUs are not reserved: {error!r}", file=sys.stderr)  # noqa: T201 (Ray's log of this worker)

    def _tell_held(self, gpus: list[str]) -> None:
        """Write for the daemon on which GPUs it must not count."""
        text = json.dumps({"pid": os.getpid(), "gpus": gpus})
        if not self._held_file or text == self._held_said:
            return
        draft = f"{self._held_file}.new"
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:  # noqa: PTH123
            file.write(text)
        os.replace(draft, self._held_file)  # noqa: PTH105
        self._held_said = text

    def _devices(self) -> list[dict[str, Any]]:
        """As the daemon says; none where it does not answer, for then nothing is known to lie there."""
        request = urllib.request.Request(f"{self._facts['url']}/status")
        if self._local_key:
            request.add_header("Authorization", f"Bearer {self._local_key}")
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=unverified())
        )
        with opener.open(request, timeout=5) as reply:
            found: list[dict[str, Any]] = json.load(reply)["devices"]
            return found

    def _tell(self, facts: dict[str, Any]) -> None:
        with self._news:
            if facts != self._facts:
                self._facts = facts
                self._number += 1
                self._news.notify_all()

    def _wait(self, pid: int | None, seconds: float | None) -> bool:
        """Until this process ends, or so long; whether a front wants something else by then."""
        watched: list[int] = [self._wake_read]
        process = None
        if pid is not None:
            try:
                process = os.pidfd_open(pid)
            except OSError:
                return False
            watched.append(process)
        try:
            ready, _, _ = select.select(watched, [], [], seconds)
        finally:
            if process is not None:
                os.close(process)
        if self._wake_read in ready:
            os.read(self._wake_read, 4096)
            return True
        return False

    def _up(self) -> dict[str, Any]:
        """Have `paddock node up` find or start the daemon; what it says."""
        command = [sys.executable, "-m", "paddock", "node", "up", "--address", self._address]
        try:
            done = subprocess.run(
                command,
                input=json.dumps(self._want),
                capture_output=True,
                text=True,
                env=_environment(),
                timeout=_START_SECONDS,
                check=False,
            )
        except (OSError, subprocess.SubprocessError) as error:
            return {"state": "starting", "reason": f"its daemon cannot be started: {error}"}
        try:
            found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        except (ValueError, IndexError):
            return self._not_ours(done)
        return found

    def _not_ours(self, done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
        """There is no Paddock of this kind: none at all, or one that does not know the verb."""
        python = ".".join(map(str, sys.version_info[:3]))
        facts = {"state": "left-out", "python": python}
        if "No module named paddock" in done.stderr:
            return facts | {"reason": f"Paddock is not installed for {sys.executable} there"}
        shown = subprocess.run(
            [sys.executable, "-m", "paddock", "--version"],
            capture_output=True,
            text=True,
            env=_environment(),
            check=False,
        )
        version = shown.stdout.split()[-1] if shown.stdout.split() else ""
        why = done.stderr.strip()[-_LAST_LETTERS:]
        reason = f"Paddock {version or '(unknown)'} there cannot be asked: {why}"
        return facts | {"reason": reason, "version": version}


def _environment() -> dict[str, str]:
    """What `ray start` was given by its user, without Ray's own."""
    found: dict[str, str] = {}
    try:
        with open(f"/proc/{os.getppid()}/comm") as name:  # noqa: PTH123 (standard library of any age)
            is_raylet = name.read().strip() == "raylet"
        if is_raylet:
            with open(f"/proc/{os.getppid()}/environ", "rb") as file:  # noqa: PTH123
                words = [os.fsdecode(word) for word in file.read().split(b"\0")]
            found = dict(word.split("=", 1) for word in words if "=" in word)
    except OSError:
        pass
    found = found or {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
    return {key: value for key, value in found.items() if not key.startswith("RAY_")}
