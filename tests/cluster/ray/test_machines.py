"""What is said of machines: without Ray, and without processes."""

from pathlib import Path
from typing import Any

import pytest

from paddock.cluster.membership.joined import JoinedNode
from paddock.cluster.membership.keeper import command, environment, token_mode
from paddock.cluster.membership.lines import NodeReport
from paddock.cluster.membership.machines import Machines, RayNode, changed_facts
from paddock.cluster.node import Node

UP = NodeReport(state="up", url="http://10.0.0.1:8085", version="0.1.0", python="3.11.7")


def listed(
    address: str = "10.0.0.1", host: str = "hill", *, is_alive: bool = True, **more: Any
) -> RayNode:
    return RayNode(address, is_alive, host, **more)


def machines(*nodes: RayNode, wanted: dict[str, str] | None = None) -> Machines:
    made = Machines(wanted or {})
    made.seen(nodes)
    return made


def states(found: Machines) -> dict[str, str]:
    return {node.name: node.state for node in found.nodes()}


def test_a_machine_is_called_what_it_was_joined_as_else_what_its_host_is_called():
    found = machines(
        listed(labels={"paddock-name": "desk"}), listed("10.0.0.2", "moor.example.org")
    )
    assert states(found) == {"desk": "starting", "moor": "starting"}


def test_rays_own_labels_and_ours_are_not_shown():
    labels = {"paddock-name": "desk", "ray.io/node-id": "ab", "room": "cellar"}
    (node,) = machines(listed(labels=labels)).nodes()
    assert node.labels == {"room": "cellar"}


def test_only_machines_with_the_wanted_labels_belong_to_the_stable():
    found = machines(
        listed(labels={"room": "cellar"}),
        listed("10.0.0.2", "moor", labels={"room": "attic"}),
        listed("10.0.0.3", "dale"),
        wanted={"room": "cellar"},
    )
    assert states(found) == {"hill": "starting"}


def test_of_two_machines_with_one_name_the_second_is_left_out_and_the_first_is_named():
    found = machines(listed("10.0.0.2"), listed("10.0.0.1"))
    first, second = found.nodes()
    assert (first.name, first.address) == ("hill", "10.0.0.1")
    assert (second.name, second.state) == ("hill-10-0-0-2", "left-out")
    assert "10.0.0.1 is called hill too" in second.reason


@pytest.mark.parametrize(
    ("is_in_ray", "answers", "state"),
    [
        (True, True, "up"),
        (True, False, "lost"),
        (False, True, "up"),  # Ray's loss is not the daemon's
        (False, False, "lost"),
    ],
)
def test_a_daemon_that_answers_is_up_whatever_ray_knows(is_in_ray: bool, answers: bool, state: str):
    found = machines(listed())
    changed_facts(found["10.0.0.1"], UP)
    found.seen([listed(is_alive=is_in_ray)])
    found["10.0.0.1"].answers = answers
    assert states(found) == {"hill": state}


def test_a_machine_that_came_back_has_two_entries_of_which_the_living_one_counts():
    alive, dead = listed(), listed(is_alive=False, has_left=True)
    for entries in ([alive, dead], [dead, alive]):
        assert states(machines(*entries)) == {"hill": "starting"}


def test_a_machine_that_left_is_forgotten_and_one_that_was_switched_off_is_lost():
    found = machines(listed(), listed("10.0.0.2", "moor"))
    found.seen([listed(is_alive=False, has_left=True), listed("10.0.0.2", "moor", is_alive=False)])
    assert states(found) == {"moor": "lost"}


def test_a_machine_that_was_lost_before_it_left_is_forgotten_too():
    left, lost = listed(is_alive=False, has_left=True), listed(is_alive=False)
    for entries in ([left, lost], [lost, left]):
        found = machines(listed())
        found.seen(entries)
        assert states(found) == {}


def test_what_was_known_is_lost_until_its_daemon_answers():
    known = Node(name="hill", state="up", url="http://10.0.0.1:8085", address="10.0.0.1")
    found = Machines({}, [known])
    assert states(found) == {"hill": "lost"}
    found["10.0.0.1"].answers = True
    assert states(found) == {"hill": "up"}


def test_an_actor_that_has_just_begun_does_not_make_its_daemon_start_again():
    found = machines(listed())
    machine = found["10.0.0.1"]
    changed_facts(machine, UP)
    changed_facts(machine, NodeReport(state="starting"))
    assert states(found) == {"hill": "up"}
    assert machine.url == UP.url


def test_a_daemon_that_ended_is_starting_at_once():
    found = machines(listed())
    changed_facts(found["10.0.0.1"], UP)
    changed_facts(found["10.0.0.1"], NodeReport(state="away", url=UP.url, reason="it ended"))
    (node,) = found.nodes()
    assert (node.state, node.reason) == ("starting", "it ended")


def test_a_machine_that_is_left_out_says_why():
    found = machines(listed())
    changed_facts(found["10.0.0.1"], NodeReport(state="left-out", reason="another Paddock"))
    (node,) = found.nodes()
    assert (node.state, node.reason) == ("left-out", "another Paddock")


def test_ray_is_started_with_the_name_as_a_label_and_little_memory():
    words = command(JoinedNode(name="desk", head="10.0.0.1:6379", labels={"room": "cellar"}))
    assert "--address=10.0.0.1:6379" in words
    assert "--labels=room=cellar,paddock-name=desk" in words
    assert "--head" not in words
    assert any(word.startswith("--object-store-memory=") for word in words)
    own = command(JoinedNode(name="desk", ray=["--object-store-memory=1000000000"]))
    assert [w for w in own if "object-store" in w] == ["--object-store-memory=1000000000"]
    assert "--head" in own


@pytest.mark.parametrize("has", ["a variable", "a file", "nothing"])
def test_who_has_a_token_shows_it_and_nobody_needs_a_further_variable(tmp_path: Path, has: str):
    file = tmp_path / "token"
    environ = {"RAY_AUTH_TOKEN_PATH": str(file)}
    if has == "a variable":
        environ["RAY_AUTH_TOKEN"] = "ab"
    elif has == "a file":
        file.write_text("ab")
    shown = {} if has == "nothing" else {"RAY_AUTH_MODE": "token"}
    other = JoinedNode(name="moor", head="10.0.0.1:6379", state_dir=str(tmp_path))
    assert token_mode(environ) == shown  # what a front asks with, and a machine that leaves
    assert environment(other, environ).get("RAY_AUTH_MODE") == shown.get("RAY_AUTH_MODE")
    assert (
        environment(other, environ | {"RAY_AUTH_MODE": "disabled"})["RAY_AUTH_MODE"] == "disabled"
    )
