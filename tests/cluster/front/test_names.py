"""Names of one node's things, and what of a reply counts as an answer: tables and properties."""

import json
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.api import types
from paddock.api.events import AnyEvent, InstanceChanged, SwitchEnded
from paddock.api.placement import Buffer, DevicePlan, Placement, Plan
from paddock.cluster.front import signs
from paddock.cluster.front.names import own, owner, placed, split
from paddock.cluster.front.naming import renamed, renamed_query
from paddock.errors import CannotFit, NodeLost, PaddockError, UnknownModel
from paddock.http import surfaces
from paddock.http.receiving import HeldBodies
from paddock.http.surfaces import OLLAMA, Surface

NODES = ("box", "lab-2")


@pytest.mark.parametrize(
    ("name", "model", "node"),
    [
        ("glm", "glm", None),
        ("glm@box", "glm", "box"),
        ("glm@elsewhere", "glm@elsewhere", None),  # a model's own name may have an @
        ("a@b@lab-2", "a@b", "lab-2"),
        ("@box", "@box", None),
        ("family/glm:7b@box", "family/glm:7b", "box"),
    ],
)
def test_what_stands_behind_an_at_is_a_node_only_where_there_is_one(
    name: str, model: str, node: str | None
) -> None:
    assert split(name, NODES) == (model, node)


@given(st.sampled_from(NODES), st.text(min_size=1))
def test_a_name_of_a_nodes_own_is_found_again(node: str, name: str) -> None:
    assert owner(own(node, name), NODES) == (node, name)


def test_devices_and_instances_carry_their_node_and_models_do_not() -> None:
    info = types.InstanceInfo(
        id="glm.1",
        profile="glm",
        phase="ready",
        since="",
        placement=Placement(
            buffers=[Buffer(device="CUDA0", kind="model", mib=1)], free={"CUDA0": 2}
        ),
        plan=Plan(profile="glm", source="engine", fits=True, devices=[DevicePlan(device="CUDA0")]),
        demand_mib={"CUDA0": 3},
    )
    seen = placed(InstanceChanged(instance=info, state="ready"), "box").instance
    assert (seen.id, seen.profile) == ("box/glm.1", "glm")
    assert seen.placement is not None
    assert (seen.placement.buffers[0].device, seen.placement.free) == (
        "box/CUDA0",
        {"box/CUDA0": 2},
    )
    assert seen.plan is not None
    assert (seen.plan.profile, seen.plan.devices[0].device) == ("glm", "box/CUDA0")
    assert seen.demand_mib == {"box/CUDA0": 3}
    assert info.id == "glm.1", "what the view holds is not changed"
    assert placed(SwitchEnded(profile="glm", outcome="failed", seconds=1.0), "box").instance is None


def _paths(kind: Any, name: str, seen: frozenset[Any] = frozenset()) -> set[tuple[str, str]]:
    """Every field of this name in a wire type, and whose it is."""
    found: set[tuple[str, str]] = set()
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind not in seen:
        for field in msgspec.structs.fields(kind):
            if field.name == name:
                found.add((kind.__name__, name))
            found |= _paths(field.type, name, seen | {kind})
    for part in get_args(kind):
        found |= _paths(part, name, seen)
    return found


def test_no_event_has_an_instance_or_a_device_that_keeps_its_nodes_own_name() -> None:
    from paddock.cluster.front.names import _OWN

    known = {(kind.__name__, field) for kind, fields in _OWN.items() for field in fields}
    for name in ("instance", "device", "demand_mib", "booked_mib", "used_mib", "job"):
        of_structs = {
            (kind, field)
            for kind, field in _paths(AnyEvent, name) | _paths(types.SwitchResult, name)
            if (kind, field) != ("InstanceChanged", "instance")  # a whole one, gone into
        }
        assert of_structs <= known


# ---- what is an answer ----

# Of the other two no answer comes through a front.
ALL = [
    value
    for value in vars(surfaces).values()
    if isinstance(value, Surface) and value.name not in {"mcp", "wrapper"}
]
ERRORS: list[PaddockError] = [NodeLost("gone"), CannotFit("no"), UnknownModel("who?")]


@pytest.mark.parametrize("surface", ALL, ids=lambda surface: surface.name)
def test_each_apis_own_signs_of_life_are_no_answer_and_its_refusals_are_found(
    surface: Surface,
) -> None:
    beat = surface.beat("loading glm 42%")
    if surface is not OLLAMA:  # its interpreter has its own
        assert signs.is_sign(beat * 3, surface, streams=True)
    assert signs.is_sign(b"  \n", surface, streams=False)
    for error in ERRORS:
        document = surface.shape(error, error.status)
        assert signs.is_elsewhere(signs.code_in(document))
        piece = surface.event(document)
        assert not signs.is_sign(piece, surface, streams=True)
        assert signs.refusal_in(beat + piece, surface, streams=True) == error.code


@pytest.mark.parametrize(
    "piece",
    [
        b'data: {"choices":[{"delta":{"role":"assistant","content":null}}]}\n\n',
        b": a comment\n\ndata: {}\n\n",
        b"event: message_start\ndata: {}\n\n",
    ],
)
def test_the_first_event_that_says_anything_is_an_answer(piece: bytes) -> None:
    assert not signs.is_sign(piece, surfaces.OPENAI, streams=True)
    assert not signs.refusal_in(piece, surfaces.OPENAI, streams=True)


@pytest.mark.parametrize(
    ("line", "is_sign"),
    [
        ({"model": "m", "message": {"role": "assistant", "content": ""}, "done": False}, True),
        ({"model": "m", "response": "", "done": False}, True),
        ({"model": "m", "response": "I", "done": False}, False),
        ({"model": "m", "message": {"content": "", "thinking": "hm"}, "done": False}, False),
        ({"model": "m", "response": "", "done": True}, False),
        ({"error": "no"}, False),
    ],
)
def test_ollamas_empty_pieces_are_signs_of_life(line: dict[str, Any], is_sign: bool) -> None:
    piece = json.dumps(line).encode() + b"\n"
    assert signs.is_sign(piece * 2, OLLAMA, streams=True) is is_sign


# ---- a model that insists on a node, as that node is asked ----


async def test_nothing_but_the_models_name_changes_in_a_body() -> None:
    body = b'{"model": "glm@box", "temperature": 0.70, "n": 1e2, "messages": [ {"a":  "\\u00e9"} ]}'
    got = await renamed(_held(), body, "application/json", "glm")
    assert isinstance(got, bytes)
    assert got == b'{"model":"glm","temperature":0.70,"n":1e2,"messages":[ {"a":  "\\u00e9"} ]}'


async def test_in_a_form_the_models_field_alone_changes() -> None:
    body = (
        b'--xx\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n\x00\x01\r\n'
        b'--xx\r\nContent-Disposition: form-data; name="model"\r\n\r\nglm@box\r\n--xx--\r\n'
    )
    got = await renamed(_held(), body, "multipart/form-data; boundary=xx", "glm")
    assert got == body.replace(b"glm@box", b"glm")


def test_in_a_query_it_alone_changes() -> None:
    assert renamed_query("a=1&model=glm%40box&b=&c=x%20y", "glm") == "a=1&model=glm&b=&c=x%20y"


def _held() -> HeldBodies:
    from pathlib import Path

    from paddock.config.settings import Settings
    from paddock.http.content import Store
    from paddock.http.receiving import Receiver

    return HeldBodies(Receiver(Store(Path("/nonexistent"), 0), Settings()))
