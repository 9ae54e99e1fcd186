"""The daemon of this machine for a stable of many: found where it runs, else started. Prints nothing.

It is called by an actor of Ray's, for a front on another machine. That front's key is given as its digest.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from paddock import __version__
from paddock.cli.background.lender import lent, tell_lenders
from paddock.cli.background.start import Order, ensure_running
from paddock.cluster.membership.joined import JoinedNode, joined
from paddock.cluster.membership.lines import FrontsWish, NodeReport
from paddock.config.keys import NamedKey, digest_of, new_secret, set_key
from paddock.config.paths import held_gpus_file, keys_file
from paddock.config.settings import is_loopback, listen_address
from paddock.errors import PaddockError

if TYPE_CHECKING:
    from paddock.cli.offline.files import Files

_ANY = ("0.0.0.0", "::")
_RAYS_NICENESS = 15
_ACTOR = "ray-actor"  # the key by which the actor of this machine sees on which GPUs models lie


def brought_up(want: FrontsWish, address: str) -> NodeReport:
    """The daemon that this machine's user runs, or one that is started; what is in the way of either.

    `address`: of this machine in the cluster.
    """
    own = NodeReport(version=__version__, python=platform.python_version())
    try:
        machine = joined(os.environ) or JoinedNode()
        own.name, own.mac = machine.name, machine.mac
        if difference := _difference(want):
            return _left_out(own, difference)
        _be_as_others()
        return _NodeDaemon(machine, want, address, own).up()
    except PaddockError as error:
        return _left_out(own, " ".join([error.message, *_error_in(error.detail)]))
    except OSError as error:
        return _left_out(own, f"its daemon cannot be started: {error}")


def _error_in(log: Sequence[str]) -> Sequence[str]:
    """The last error in the lines of a log, without the hint below it."""
    begin = max((n for n, line in enumerate(log) if line.startswith("error:")), default=len(log))
    return [line.strip() for line in log[begin:] if not line.startswith("hint:")]


def _difference(want: FrontsWish) -> str:
    """What differs between the front and this machine."""
    if want.version != __version__:
        return f"Paddock {__version__} there, {want.version} at the front: install the same version"
    here, there = platform.python_version_tuple()[:2], tuple(want.python.split(".")[:2])
    if here != there:
        return f"Python {platform.python_version()} there, {want.python} at the front"
    return ""


def _be_as_others() -> None:
    """Ray's workers are the first to be killed when memory runs out, and run at niceness 15 (2.60).

    The first can be taken back by everybody, the second with privileges alone; `paddock node join` starts Ray without either.
    """
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, 0)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("0")


def _left_out(facts: NodeReport, reason: str) -> NodeReport:
    facts.state, facts.reason = "left-out", reason
    return facts


@dataclass(frozen=True, slots=True)
class _NodeDaemon:
    machine: JoinedNode
    want: FrontsWish
    address: str
    facts: NodeReport

    def up(self) -> NodeReport:
        """Find it or start it. PaddockError, OSError."""
        files = self._order("").files()
        self.facts.reserves = files.settings.cluster.reserve_gpus
        self.facts.lends = self._lent(files)
        tell_lenders(files.paths.state_dir, self.want.lenders)
        if running := _listens(files.paths.state_dir):
            pid, addresses = running
            if addresses and (url := self._url_of_tls(files)):
                return self._found_by_tls(files, pid, addresses, url)
            if addresses:
                return self._found(files, pid, addresses)
            self.facts.reason = f"its daemon (pid {pid}) does not listen yet"
            return self.facts
        self._must_have_models(files)
        self._take_key(files)
        by_tls = self._url_of_tls(files)
        host = "127.0.0.1" if by_tls else _bracketed(self.address)  # then nothing goes in the open
        order = self._order(f"{host}:{files.settings.cluster.node_port}")
        started = ensure_running(order)
        return self._is_up(by_tls or started.url, started.pid)

    def _url_of_tls(self, files: Files) -> str:
        """Where it serves fronts by TLS; empty where the settings have none."""
        listen = files.settings.cluster.tls_listen
        host, port = listen_address(listen) if listen else ("", 0)
        host = self.address if host in _ANY else host
        return f"https://{_bracketed(host)}:{port}" if listen else ""

    def _lent(self, files: Files) -> str:
        """Where its devices are lent from now on; why they are not is said as its reason."""
        try:
            return lent(files, self.address)
        except PaddockError as error:
            self.facts.reason = f"it lends nothing: {error.message}"
            return ""

    def _order(self, listen: str) -> Order:
        machine = self.machine
        return Order(
            config=machine.path("config"),
            settings=machine.path("settings"),
            models_dir=machine.path("models_dir"),
            state_dir=machine.path("state_dir"),
            engine=machine.engine,
            listen=listen or None,
        )

    def _must_have_models(self, files: Files) -> None:
        if files.paths.config.exists():
            return
        folder = files.paths.models_dir
        if not folder.is_dir():
            raise PaddockError(f"there is neither {files.paths.config} nor {folder} there")
        from paddock.cli.offline.draft import draft_for, write

        write(draft_for(folder, output=files.paths.config))

    def _take_key(self, files: Files) -> None:
        """The front's, and one for the actor that reserves the GPUs."""
        file = keys_file(files.paths.state_dir)
        set_key(file, NamedKey(name=self.want.key_name, digest=self.want.key_digest, scope="node"))
        if files.settings.cluster.reserve_gpus:
            self.facts.held_file = str(held_gpus_file(files.paths.state_dir))
            self.facts.local_key = new_secret()
            digest = digest_of(self.facts.local_key)
            set_key(file, NamedKey(name=_ACTOR, digest=digest, scope="node"))

    def _found(self, files: Files, pid: int, addresses: list[tuple[str, int]]) -> NodeReport:
        """One that its user started is used as it is; whoever cannot reach it says so."""
        own = [one for one in addresses if one[0] in (*_ANY, self.address)]
        if not own and self.want.front_address != self.address:
            where = ", ".join(f"{host}:{port}" for host, port in addresses)
            reason = (
                f"its daemon (pid {pid}) listens at {where} only, which the front cannot reach: "
                "`paddock stop` there has one started that it can"
            )
            return _left_out(self.facts, reason)
        self._take_key(files)
        return self._is_up(
            self._url(self.address, own[0][1]) if own else self._url(*addresses[0]), pid
        )

    def _found_by_tls(
        self, files: Files, pid: int, addresses: list[tuple[str, int]], url: str
    ) -> NodeReport:
        """One that was started before its settings said so serves nobody there."""
        _, port = listen_address(files.settings.cluster.tls_listen)
        if port not in [own for _, own in addresses]:
            reason = (
                f"its daemon (pid {pid}) does not serve TLS yet, as it was started before tls-listen was set: "
                "`paddock stop` there has one started that does"
            )
            return _left_out(self.facts, reason)
        self._take_key(files)
        return self._is_up(url, pid)

    def _is_up(self, url: str, pid: int) -> NodeReport:
        facts = self.facts
        facts.state, facts.url, facts.pid = "up", url, pid
        niceness = os.getpriority(os.PRIO_PROCESS, pid)
        if niceness >= _RAYS_NICENESS:
            facts.reason = (
                f"its models run at niceness {niceness}, which Ray gives its workers: "
                "`paddock node join` starts Ray without that"
            )
        return facts

    @staticmethod
    def _url(host: str, port: int) -> str:
        return f"http://{_bracketed(host)}:{port}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _listens(state_dir: Path) -> tuple[int, list[tuple[str, int]]] | None:
    """The daemon on this state folder and the addresses that it listens at, those of the machine first."""
    import psutil

    from paddock.cli.background.process import is_locked

    lock = state_dir / "daemon.lock"
    if not is_locked(lock):
        return None
    pid = int(lock.read_text().strip() or 0)
    found = []
    with suppress(psutil.Error):
        found = psutil.Process(pid).net_connections(kind="tcp")
    addresses = [(c.laddr.ip, c.laddr.port) for c in found if c.status == psutil.CONN_LISTEN]
    return pid, sorted(addresses, key=lambda one: is_loopback(one[0]))
