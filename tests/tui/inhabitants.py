"""The machine's profiles and instances, and what is thought of them."""

from msgspec.structs import replace as with_fields

from paddock.api.placement import Buffer, DevicePlan, Placement, Plan, Speed, Verdict
from paddock.api.types import (
    InstanceInfo,
    ProfileInfo,
    State,
    VariantInfo,
)
from tests.tui.machine import BENCH, GLM, INSTANCES, MISTRAL, OSS, QWEN, time_at

VERIFIED = Verdict(
    state="verified",
    placement="verified",
    speed="verified",
    generation=105.3,
    expected_generation=112.0,
    samples=12,
)


def profile(name: str, state: State = "unloaded") -> ProfileInfo:
    """A profile that was loaded before, and just now has this state."""
    return with_fields(PROFILES[name], state=state)


PROFILES = {
    p.id: p
    for p in (
        ProfileInfo(
            id=GLM,
            state="unloaded",
            title="GLM 4.7 Flash",
            aliases=["glm"],
            ctx_size=131072,
            size_mib=17408,
            speed_text="~112 t/s",
            expected_speed=112.0,
            speed=Speed(prompt=3120.0, generation=105.3),
            verdict=VERIFIED,
            last_load_seconds=12.4,
        ),
        ProfileInfo(
            id=QWEN,
            state="unloaded",
            title="Qwen3 Coder 30B",
            aliases=["coder"],
            ctx_size=65536,
            size_mib=17664,
            speed_text="~147 t/s",
            expected_speed=147.0,
            speed=Speed(prompt=2890.0, generation=151.8),
            verdict=VERIFIED,
            last_load_seconds=14.0,
        ),
        ProfileInfo(
            id=OSS,
            state="unloaded",
            title="gpt-oss 120B, experts in RAM",
            ctx_size=131072,
            size_mib=60416,
            speed_text="~31 t/s",
            expected_speed=31.0,
        ),
        ProfileInfo(
            id=MISTRAL,
            state="unloaded",
            title="Mistral Small 3.2",
            ctx_size=32768,
            size_mib=11878,
            speed_text="~38 t/s",
            expected_speed=38.0,
            speed=Speed(prompt=940.0, generation=36.9),
            last_load_seconds=8.2,
        ),
        ProfileInfo(
            id=BENCH,
            state="unloaded",
            title="GLM 4.7 Flash, 4k",
            bench=True,
            ctx_size=4096,
            size_mib=17408,
        ),
    )
}


REVIEWS = VariantInfo(
    id="coder-review", variant_of=QWEN, title="Reviews at temperature 0.2", line=14
)


def instance(name: str, **changes: object) -> InstanceInfo:
    """A ready one, as it would be known a while after its load."""
    id_ = INSTANCES[name]
    model = id_.rpartition(".")[0]
    info = InstanceInfo(
        id=id_,
        profile=model,
        phase="ready",
        since=time_at(-180),
        engine="native",
        engine_version="b11434",
        pid=4242,
    )
    return with_fields(info, **changes)


def ready_glm(name: str = "glm", **changes: object) -> InstanceInfo:
    """On CUDA0, with 1 GiB that must stay free there."""
    info = instance(
        name,
        load_seconds=12.4,
        placement=Placement(
            buffers=[
                Buffer(device="CUDA0", kind="model", mib=17210.0),
                Buffer(device="CUDA0", kind="context", mib=3328.0),
                Buffer(device="CUDA0", kind="compute", mib=806.0),
                Buffer(device="Host", kind="model", mib=198.0),
            ],
            layers=48,
            layers_offloaded=48,
            graph_splits=2,
            n_ctx=131072,
        ),
        plan=Plan(
            profile=GLM,
            source="engine",
            fits=True,
            devices=[
                DevicePlan(
                    device="CUDA0",
                    model=17210,
                    context=3328,
                    compute=806,
                    overhead=420,
                    margin=1024,
                ),
                DevicePlan(device="Host", model=198),
            ],
        ),
        verdict=VERIFIED,
        speed=Speed(prompt=3120.0, generation=105.3),
        demand_mib={"CUDA0": 21764, "Host": 262},
    )
    return with_fields(info, **changes)


def profiles_with(**states: State) -> list[ProfileInfo]:
    """All five; those named by their short names have these states and their instances."""
    found = {name: profile(name) for name in PROFILES}
    for short, state in states.items():
        name = INSTANCES[short].rpartition(".")[0]
        used = time_at(-185) if state in ("ready", "busy") else None
        found[name] = with_fields(
            found[name],
            state=state,
            instance=INSTANCES[short],
            switching=state in ("queued", "loading"),
            last_used=used,
        )
    return list(found.values())
