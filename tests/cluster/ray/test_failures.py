"""A stable of three machines under real Ray: what each loss costs, and what it does not.

One cluster for all tests of this file; each leaves it whole.
"""

import importlib.util
import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from paddock.api.client import Client
from tests.cluster.ray.ranch import (
    ClusterMachine,
    Front,
    Ranch,
    kill,
    may_have_namespaces,
    ranch,
    until,
)
from tests.ports import free_port
from tests.rig import needs_rig

HAS_RAY = importlib.util.find_spec("ray") is not None
pytestmark = [
    pytest.mark.skipif(not HAS_RAY, reason="RAY IS MISSING: `make venv` installs it"),
    pytest.mark.skipif(HAS_RAY and not may_have_namespaces(), reason="needs network namespaces: root, and `ip`"),
]  # fmt: skip


@pytest.fixture(scope="module")
def stable() -> Iterator[Ranch]:
    """`hill` is the head and the tests' own, `dale` and `moor` are others."""
    with ranch("hill", "dale", "moor") as made:
        for machine in made.machines:
            name = machine.name
            machine.has_models(**{f"of-{name}": f"I am {name}.", "both": f"Both, on {name}."})
        lets_dale_lend(made)
        made.machine("hill").join("", "--port", made.head.rpartition(":")[2])
        others = made.machines[1:]
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda one: one.join(made.head), others))
        yield made


def lets_dale_lend(made: Ranch) -> None:
    """`moor` has a model that lies on the devices of `dale`, which lends them to all machines of this cluster."""
    network = f"{made.machine('dale').address}/24"
    toml = made.machine("dale").folder / "paddock.toml"
    toml.write_text(f'[cluster]\nlend-to = ["{network}"]\n')
    with (made.machine("moor").folder / "models.conf").open("a") as file:
        file.write("[far]\nmodel = of-moor.gguf\nrpc-nodes = dale\n")


@pytest.fixture(scope="module")
def front(stable: Ranch) -> Iterator[Front]:
    with stable.front(stable.machine("hill")) as made:
        made.until(are_all_up)
        yield made


def are_all_up(nodes) -> bool:
    return len(nodes) == 3 and all(node.state == "up" for node in nodes.values())


@pytest.fixture
def dale(stable: Ranch) -> ClusterMachine:
    return stable.machine("dale")


def test_models_of_all_machines_answer_at_one_address(front: Front):
    assert front.answer("of-dale") == "I am dale."
    assert front.answer("of-moor") == "I am moor."
    assert front.answer("both@dale") == "Both, on dale."


def test_the_fronts_secret_is_nowhere_but_in_its_own_file(stable: Ranch, front: Front):
    secret = (front.machine.state / "node-key").read_text().strip()
    found = subprocess.run(
        ["grep", "-rlaF", "--devices=skip", secret, stable.folder], capture_output=True, text=True
    ).stdout.split()
    assert [Path(path).name for path in found] == ["node-key"]
    assert (front.machine.state / "node-key").stat().st_mode & 0o777 == 0o600


@needs_rig
def test_a_model_lies_on_the_devices_of_another_machine(front: Front, dale: ClusterMachine):
    until(lambda: front.ask("far")[0], lambda status: status == 200)
    assert front.answer("far") == "I am moor."
    assert dale.pids_of("ggml-rpc-server")
    (instance,) = [one for one in Client(front.url).status().instances if one.profile == "far"]
    assert instance.placement
    assert any("RPC0" in one.device for one in instance.placement.buffers if one.kind == "model")
    Client(front.url).unload("far")
    until(lambda: dale.pids_of("ggml-rpc-server"), lambda found: not found)
    until(lambda: Client(front.url).plan("far").notes, lambda notes: "KiB for every token" in str(notes))  # fmt: skip


def test_a_daemon_that_is_killed_is_started_again_and_adopts_its_model(
    front: Front, dale: ClusterMachine
):
    front.answer("of-dale")
    model, before = front.pid_of("of-dale"), dale.daemon
    kill(before)
    front.until(lambda nodes: nodes["dale"].state == "up" and dale.daemon != before)
    assert front.answer("of-dale") == "I am dale."
    assert front.pid_of("of-dale") == model


def test_an_actor_that_is_killed_comes_back_and_its_daemon_never_went(
    front: Front, dale: ClusterMachine
):
    actor, daemon = dale.actor, dale.daemon
    kill(actor)
    until(lambda: dale.pids_of("ray::NodeActor"), lambda found: found not in ([], [actor]))
    assert dale.daemon == daemon
    assert front.answer("of-dale") == "I am dale."


def test_a_raylet_that_is_killed_costs_nothing_and_is_started_again(
    front: Front, dale: ClusterMachine
):
    daemon, actor, raylet = dale.daemon, dale.actor, dale.pid_of("raylet --raylet_socket_name")
    kill(raylet)
    assert front.answer("of-dale") == "I am dale."
    until(lambda: dale.pids_of("ray::NodeActor"), lambda found: found not in ([], [actor]))
    assert dale.daemon == daemon
    front.until_state("dale", "up")


def test_an_agent_that_is_killed_costs_nothing_and_is_started_again(front: Front):
    (agent,) = front.machine.pids_of("ray_agent")
    kill(agent)
    assert front.answer("of-dale") == "I am dale."
    until(lambda: front.machine.pids_of("ray_agent"), lambda found: found not in ([], [agent]))
    front.until(are_all_up)


def test_a_front_on_another_machine_takes_over_with_a_key_of_its_own(stable: Ranch, front: Front, dale: ClusterMachine):  # fmt: skip
    daemons = [machine.daemon for machine in stable.machines]
    with stable.front(dale, state="front") as second:
        second.until(are_all_up)
        assert second.answer("of-moor") == "I am moor."
        assert front.answer("of-moor") == "I am moor."
    assert [machine.daemon for machine in stable.machines] == daemons


def test_a_machine_with_another_paddock_is_left_out_and_both_versions_are_named(stable: Ranch, front: Front, dale: ClusterMachine):  # fmt: skip
    """It joins anew with an older Paddock than the front's."""
    daemon = dale.daemon
    dale.paddock("node", "leave", "--state-dir", dale.state)
    front.until(lambda nodes: "dale" not in nodes)
    older = stable.folder / "older"
    with_older(older)
    before = dict(dale.environ)
    dale.environ = before | {"PYTHONPATH": str(older)}
    dale.join(stable.head)
    node = front.until_state("dale", "left-out")
    assert node.version == "0.0.1"
    assert "Paddock 0.0.1 there, 0.1.0 at the front" in node.reason
    assert front.ask("of-dale")[0] == 404
    dale.paddock("node", "leave", "--state-dir", dale.state)
    dale.environ = before
    dale.join(stable.head)
    front.until(are_all_up)
    assert dale.daemon == daemon


def with_older(folder: Path) -> None:
    """A copy of Paddock that says that it is 0.0.1."""
    import shutil

    import paddock

    shutil.copytree(Path(paddock.__file__).parent, folder / "paddock")
    init = folder / "paddock" / "__init__.py"
    init.write_text(init.read_text().replace(paddock.__version__, "0.0.1"))


def _has_another(lost: list[int], pids: list[int]) -> bool:
    return bool(set(pids) - set(lost))


def test_the_head_lost_costs_nothing_and_it_comes_back_with_what_it_knew(stable: Ranch, front: Front, dale: ClusterMachine):  # fmt: skip
    actor, daemon = dale.actor, dale.daemon
    head = front.machine
    lost = [*head.pids_of("gcs_server"), *head.pids_of("raylet --raylet_socket_name")]
    for pid in lost:
        kill(pid)
    assert front.answer("of-dale") == "I am dale."
    for part in ("gcs_server", "raylet --raylet_socket_name"):
        until(partial(head.pids_of, part), partial(_has_another, lost))
    front.until(are_all_up)
    assert (dale.actor, dale.daemon) == (actor, daemon)
    assert os.getpgid(daemon) == daemon


def test_a_machine_that_is_cut_off_goes_on_and_is_taken_back_with_other_models(stable: Ranch, front: Front):  # fmt: skip
    moor = stable.machine("moor")
    daemon = moor.daemon
    with moor.cut_off():
        front.until(lambda nodes: nodes["moor"].state in ("lost", "silent"))
        assert front.answer("both").startswith("Both, on ")
        moor.has_models(new="I am new.", both="Both, on moor.")
    front.until(lambda nodes: nodes["moor"].state == "up")
    assert until(lambda: front.ask("new")[0], lambda status: status == 200)
    assert front.answer("new") == "I am new."
    assert moor.daemon == daemon


def test_a_machine_that_is_switched_off_is_lost_and_comes_back_by_joining(stable: Ranch, front: Front):  # fmt: skip
    moor = stable.machine("moor")
    moor.switch_off()
    front.until_state("moor", "lost")
    assert front.answer("both").startswith("Both, on ")
    moor.join(stable.head)
    front.until_state("moor", "up")
    assert front.answer("new") == "I am new."


def test_a_front_that_is_killed_while_the_head_is_lost_goes_on_on_another_machine(stable: Ranch, front: Front, dale: ClusterMachine):  # fmt: skip
    """It knows the machines from an earlier time there. One that never was a front says what is missing."""
    hill = front.machine
    with stable.front(dale, state="front") as earlier:
        earlier.until(are_all_up)
    daemons = [machine.daemon for machine in stable.machines]
    for pid in [*hill.pids_of("node keep"), *hill.pids_of("gcs_server"), *hill.pids_of("raylet --raylet_socket_name")]:  # fmt: skip
        kill(pid)
    kill(front.process.pid)
    new = dale.spawn(
        *("serve", "--cluster", stable.head, "--config", dale.folder / "models.conf", "--insecure"),
        *("--state-dir", dale.folder / "new", "--listen", f"{dale.address}:{free_port()}"),
        log="new.log",
    )
    with stable.front(dale, state="front") as second:
        second.until(are_all_up)
        assert second.answer("of-hill") == "I am hill."
        assert second.answer("both").startswith("Both, on ")
        assert new.wait(120) != 0
        log = (dale.folder / "new.log").read_text()
        assert f"error: no cluster answers at {stable.head}" in log
        assert "paddock node join" in log
        hill.join("", "--port", stable.head.rpartition(":")[2])
        second.until(lambda nodes: are_all_up(nodes) and not any(n.reason for n in nodes.values()))
        assert second.answer("of-moor") == "I am moor."
    assert [machine.daemon for machine in stable.machines] == daemons
