"""What a daemon says, as facts of the policy."""

from math import inf

import pytest

from paddock.api.activity import Preview
from paddock.api.placement import DevicePlan, Plan, Speed
from paddock.api.types import DeviceInfo, Failure, InstanceInfo, ProfileInfo, Progress
from paddock.cluster.policy.facts import ModelCopy, ModelHome, ModelName, NodeFacts
from paddock.cluster.policy.reading import node_facts
from paddock.core.model import HOST, POOL, DeviceId

GPU = DeviceId("0000:01:00.0")
MODEL = ModelName("m")
CUDA = DeviceInfo(
    name="CUDA0",
    kind="gpu",
    id=GPU,
    also=["Vulkan0"],
    total_mib=24_000,
    free_mib=9_000,
    used_mib={"7": 12_000},
    foreign_mib=3_000,
)
RAM = DeviceInfo(name="Host", kind="host", id="host", total_mib=64_000, free_mib=50_000)


def profile(**more) -> ProfileInfo:
    return ProfileInfo(**{"id": "m", "state": "unloaded", "size_mib": 9000, **more})


def plan(**more) -> Plan:
    devices = [
        DevicePlan(device="CUDA0", id=GPU, model=9000, context=1000, overhead=300, margin=1024),
        DevicePlan(device="Host", id="host", model=500, margin=0),
    ]
    facts = {"profile": "m", "source": "engine", "fits": True, "devices": devices, **more}
    return Plan(**facts)


def read(*profiles: ProfileInfo, **more) -> NodeFacts:
    given = {"instances": [], "devices": [CUDA, RAM], "plans": {"m": plan()}, "ours": {}}
    return node_facts("box", profiles=profiles, read_at=1000.0, wall=1e9, **given | more)


def home(*, of: ProfileInfo | None = None, **more) -> ModelHome:
    return read(of or profile(), **more).homes[MODEL]


def test_a_plan_says_what_it_needs_by_device():
    found = home()
    assert found.demand == {GPU: 10_300, HOST: 500}
    assert found.margin == {GPU: 1024}
    assert found.need(read().room) == {GPU: 11_324, HOST: 500}


def test_without_a_plan_its_files_are_taken_to_lie_on_the_largest_gpu_else_in_ram():
    assert home(plans={}).demand == {GPU: 9000}
    assert home(plans={}, devices=[RAM]).demand == {HOST: 9000}


def test_what_other_programs_take_is_not_in_the_room():
    assert read().room.capacity == {GPU: 21_000, HOST: 50_000}
    unknown = DeviceInfo(name="CUDA0", kind="gpu", id=GPU)
    assert read(devices=[unknown, RAM]).room.capacity == {HOST: 50_000}  # nothing is assumed


def test_a_gpu_in_ram_shares_the_hosts_memory():
    shared = DeviceInfo(name="Vulkan0", kind="gpu", id="igpu", in_ram=True, free_mib=50_000)
    room = read(devices=[shared, RAM]).room
    assert room.capacity == {HOST: 50_000, POOL: 50_000}
    assert room.in_ram == {"igpu"}


INSTANCE = InstanceInfo(id="7", profile="m", phase="ready", since="", demand_mib={"CUDA0": 9500})


@pytest.mark.parametrize(
    ("of", "instance", "copy"),
    [
        ({"state": "ready"}, {}, ModelCopy("ready", "7", {GPU: 9500})),
        ({"state": "busy"}, {"phase": "busy", "leases": 3}, ModelCopy("ready", "7", {GPU: 9500}, None, 2)),
        ({"state": "draining"}, {"phase": "draining"}, ModelCopy("ending", "7", {GPU: 9500})),
        (
            {"state": "draining", "waiting": 1},
            {"phase": "draining"},
            ModelCopy("coming", "7", {GPU: 9500}),
        ),
        ({"state": "ready"}, {"demand_mib": {"Vulkan0": 5}}, ModelCopy("ready", "7", {GPU: 5})),
        (
            {"state": "loading", "waiting": 2},
            {"phase": "loading", "progress": Progress(stage="loading", eta=4.5)},
            ModelCopy("coming", "7", {GPU: 9500}, 4.5, 1),
        ),
        ({"state": "unloaded"}, {"exited": True}, None),
        ({"state": "unloaded"}, None, None),
        (
            {"state": "queued", "waiting": 1},
            None,
            ModelCopy("coming", "", {GPU: 10_300, HOST: 500}),
        ),
    ],
    ids=["ready", "busy", "draining", "draining, wanted", "other name", "loading", "exited", "unloaded", "queued"],
)  # fmt: skip
def test_an_instance_is_a_copy_in_the_state_that_matters(of, instance, copy):
    instances = [] if instance is None else [InstanceInfo(**_fields(INSTANCE) | instance)]
    facts = read(profile(**of), instances=instances, ours={"m": 1})
    assert facts.copies.get(MODEL) == copy


def _fields(struct: InstanceInfo) -> dict[str, object]:
    return {name: getattr(struct, name) for name in struct.__struct_fields__}


def test_an_instance_whose_profile_is_gone_takes_its_memory_all_the_same():
    facts = read(instances=[INSTANCE])
    assert facts.homes == {}
    assert facts.copies[MODEL].demand == {GPU: 9500}


def test_the_last_use_is_put_on_the_clock_of_the_front():
    used = profile(state="ready", last_used="2001-09-09T01:45:40+00:00")  # Unix time 1e9 - 60
    assert read(used, instances=[INSTANCE]).copies[MODEL].last_used == 940.0
    later = profile(state="ready", last_used="2001-09-09T03:00:00+00:00")  # its clock is ahead
    assert read(later, instances=[INSTANCE]).copies[MODEL].last_used == 1000.0
    assert read(profile(state="ready"), instances=[INSTANCE]).copies[MODEL].last_used == -inf


def test_speeds_slots_context_and_what_models_conf_says():
    found = home(
        of=profile(
            speed=Speed(prompt=900.0, generation=40.0),
            args=["--parallel", "2"],
            ctx_size=8192,
            replicas=3,
            pin=True,
            priority=2,
            keeps_context=True,
            last_load_seconds=7.0,
        )
    )
    assert (found.prompt_speed, found.generation_speed, found.slots) == (900.0, 40.0, 2)
    assert (found.context, found.replicas, found.pin, found.priority) == (4096, 3, True, 2)
    assert (found.keeps_context, found.loading) == (True, 7.0)
    assert home(of=profile(expected_speed=25.0)).generation_speed == 25.0
    assert home(of=profile(args=["--parallel"])).slots == 4


def test_the_page_cache_shortens_a_load_as_the_daemon_there_reckons():
    preview = Preview(profile="m", state="unloaded", size_mib=9000, cached_mib=9000, eta=2.5)
    found = home(of=profile(last_load_seconds=7.0), previews={"m": preview})
    assert (found.loading, found.cached) == (2.5, 1.0)
    assert home(of=profile(size_mib=15_000)).loading == pytest.approx(11.0)  # nobody has measured


FAILED = Failure(code="load_failed", message="out of memory")


@pytest.mark.parametrize(
    ("given", "trouble"),
    [
        ({}, ""),
        ({"of": profile(yielded=True)}, "its GPUs are left to other programs"),
        ({"plans": {"m": plan(refusal="unknown architecture")}}, "unknown architecture"),
        ({"plans": {"m": plan(fits=False)}}, "by its plan it does not fit"),
        ({"of": profile(failure=FAILED)}, "its last load failed: out of memory"),
        ({"of": profile(failure=FAILED), "failed_at": {"m": 100.0}}, ""),
        (
            {"previews": {"m": Preview(profile="m", state="unloaded", unloadable="no such file")}},
            "no such file",
        ),
    ],
    ids=["none", "yielded", "refused", "no room", "failed", "failed long ago", "flaw"],
)
def test_what_keeps_it_from_loading_is_named(given, trouble):
    assert home(**given).trouble == trouble
