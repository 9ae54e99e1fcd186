"""What is said of each machine, out of what Ray says, what the machine says, and whether its daemon answers. No I/O."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from paddock.cluster.membership.lines import NodeReport
from paddock.cluster.node import Node, NodeState

NAME_LABEL = "paddock-name"
_OWN_LABELS = ("ray.io/", NAME_LABEL)
_MISSED = 3  # of one that lends: it is not used any more, and models that lie on it are ended
_NO_RAY = "Ray has lost this machine; its daemon answers all the same"


@dataclass(frozen=True, slots=True)
class RayNode:
    """A machine as Ray lists it."""

    address: str
    is_alive: bool
    host: str = ""  # its own name
    labels: Mapping[str, str] = field(default_factory=dict)
    has_left: bool = False  # by its user's will


@dataclass(slots=True)
class ClusterMachine:
    """One address in the cluster, and all that is known of it."""

    address: str
    name: str
    is_in_ray: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    facts: NodeReport | None = None
    answers: bool | None = None  # its daemon, when it was last asked; None: it never was
    complaint: str = ""  # why Ray cannot run anything there
    missed: int = 0  # how often in a row nobody answered where it lends its devices

    @property
    def url(self) -> str:
        return self.facts.url if self.facts else ""


class Machines:
    """All machines by their addresses."""

    def __init__(self, wanted: Mapping[str, str], known: Iterable[Node] = ()) -> None:
        """`wanted`: labels that a machine of the stable has. `known`: from an earlier time."""
        self._wanted = wanted
        self._all = {node.address: _remembered(node) for node in known if node.address}

    def __getitem__(self, address: str) -> ClusterMachine:
        return self._all[address]

    def __contains__(self, address: str) -> bool:
        return address in self._all

    def seen(self, listed: Iterable[RayNode]) -> None:
        """What Ray lists now. A machine that came back has several entries, of which the living one counts."""
        entries = sorted(listed, key=lambda one: (one.is_alive, one.has_left))
        newest = {node.address: node for node in entries}
        for machine in self._all.values():
            machine.is_in_ray = False
        for node in newest.values():
            if node.is_alive and self._is_wanted(node):
                machine = self._all.setdefault(node.address, ClusterMachine(node.address, ""))
                machine.is_in_ray, machine.labels = True, node.labels
                machine.name = node.labels.get(NAME_LABEL) or _short(node.host) or node.address
            elif node.has_left or (node.is_alive and not self._is_wanted(node)):
                self._all.pop(node.address, None)

    def in_ray(self) -> list[str]:
        """The addresses at which something can be started."""
        return [machine.address for machine in self._all.values() if machine.is_in_ray]

    def urls(self) -> dict[str, str]:
        """Of the daemons that are known, by address."""
        return {machine.address: machine.url for machine in self._all.values() if machine.url}

    def lending(self) -> dict[str, str]:
        """Where machines say that they lend their devices, by address."""
        return {m.address: m.facts.lends for m in self._all.values() if m.facts and m.facts.lends}

    def lenders(self) -> dict[str, str]:
        """Where machines lend their devices, by name, as far as that is answered."""
        named = {node.address: node.name for node in self.nodes() if node.state != "left-out"}
        return {
            named[machine.address]: machine.facts.lends
            for machine in self._all.values()
            if machine.facts and machine.facts.lends and machine.missed < _MISSED
            if machine.address in named
        }

    def _is_wanted(self, node: RayNode) -> bool:
        return all(node.labels.get(key) == value for key, value in self._wanted.items())

    def nodes(self) -> list[Node]:
        """By name. Of two with one name the one at the lesser address has it."""
        taken: dict[str, str] = {}
        found = []
        for machine in sorted(self._all.values(), key=lambda one: (not one.is_in_ray, one.address)):
            name = self._name(machine)
            if (other := taken.setdefault(name, machine.address)) != machine.address:
                found.append(_double(machine, name, other))
            else:
                found.append(_node(machine, name))
        return sorted(found, key=lambda node: node.name)

    def _name(self, machine: ClusterMachine) -> str:
        said = machine.facts.name if machine.facts else ""
        return machine.labels.get(NAME_LABEL) or said or machine.name


def _remembered(node: Node) -> ClusterMachine:
    facts = NodeReport(
        state="away", url=node.url, version=node.version, python=node.python, name=node.name
    )
    return ClusterMachine(node.address, node.name, labels=node.labels, facts=facts)


def _short(host: str) -> str:
    return host.split(".")[0]


def _double(machine: ClusterMachine, name: str, other: str) -> Node:
    reason = (
        f"{other} is called {name} too: `paddock node join --name` gives this one a name of its own"
    )
    return Node(
        name=f"{name}-{machine.address.replace('.', '-').replace(':', '-')}",
        state="left-out",
        reason=reason,
        address=machine.address,
        labels=dict(machine.labels),
    )


def _node(machine: ClusterMachine, name: str) -> Node:
    facts = machine.facts or NodeReport()
    state, reason = _state(machine, facts)
    return Node(
        name=name,
        state=state,
        reason=reason,
        url=facts.url,
        address=machine.address,
        version=facts.version,
        python=facts.python,
        labels={k: v for k, v in machine.labels.items() if not k.startswith(_OWN_LABELS)},
        mac=facts.mac,
    )


def _state(machine: ClusterMachine, facts: NodeReport) -> tuple[NodeState, str]:
    if facts.state == "left-out":
        return "left-out", facts.reason
    if facts.url and machine.answers:
        return "up", facts.reason if machine.is_in_ray else _NO_RAY
    if not machine.is_in_ray:
        return "lost", "Ray has lost this machine, and its daemon does not answer"
    if facts.state == "up" and machine.answers is None:
        return "up", facts.reason
    if facts.state == "up":
        return "lost", "its daemon runs, but does not answer from here"
    return "starting", machine.complaint or facts.reason or "its daemon is being started"


def changed_facts(machine: ClusterMachine, facts: NodeReport) -> bool:
    """Take what the machine says; whether that is something else than before."""
    before = machine.facts
    if facts.state == "starting" and before and before.url and before.state != "left-out":
        # An actor that has just begun: the daemon is most likely where it was, and is asked in any case.
        facts = msgspec.structs.replace(before, state="away", reason=facts.reason)
    elif facts.state != "up":
        machine.answers = False
    elif before is None or before.state != "up" or before.url != facts.url:
        machine.answers = True  # it has just been asked there
    machine.facts, machine.complaint = facts, ""
    return before != facts
