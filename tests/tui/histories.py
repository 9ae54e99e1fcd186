"""Histories as a daemon tells them, for views and for golden screens.

One machine: an RTX 4090, a 4060 Ti that drives the display, 64 GB of RAM, five profiles. Each function
gives the events of one story from its snapshot on; `seen` folds them at the times they carry.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace as with_fields

from paddock.api.activity import RequestInfo, RequestPhase, Totals
from paddock.api.placement import Buffer, DevicePlan, Placement, Plan, Reason, Speed, Verdict
from paddock.api.types import (
    Activity,
    AnyEvent,
    ConfigInfo,
    DeviceInfo,
    Failure,
    ForeignUse,
    InstanceChanged,
    InstanceEnded,
    InstanceInfo,
    ProfileInfo,
    Progress,
    QueueChanged,
    Snapshot,
    SpeedMeasured,
    Stage,
    State,
    Status,
    SwitchEnded,
    SwitchProgress,
    VerdictReached,
)
from paddock.figures.units import unix
from paddock.tui.fold import fold
from paddock.tui.state import View

START = datetime(2026, 11, 25, 20, 0, 0, tzinfo=UTC)
CLOCK = 1000.0  # the dashboard's clock at START
FIRST_SEQ = 1_764_100_800_000_000
URL = "http://127.0.0.1:8080"

GLM, QWEN, OSS, MISTRAL = "glm-flash-q4", "qwen-coder-30b", "gpt-oss-120b", "mistral-small"
BENCH = "bench-glm-flash"
TOTALS = Totals(requests=318, failed=3, prompt_tokens=2_417_300, generated_tokens=184_220)
VERIFIED = Verdict(
    state="verified",
    placement="verified",
    speed="verified",
    generation=105.3,
    expected_generation=112.0,
    samples=12,
)
DEGRADED = Verdict(
    state="degraded",
    placement="degraded",
    reasons=[
        Reason(
            code="more-splits",
            message="33 graph splits instead of 5",
            hint="a margin of its own for each GPU often lowers them: docs/placement.md",
        )
    ],
)
OUT_OF_MEMORY = Failure(
    code="load_failed",
    message="gpt-oss-120b exited with code 1: out of memory",
    hint="`paddock logs gpt-oss-120b.2` shows all of it",
    exit_code=1,
    log=[
        "ggml_backend_cuda_buffer_type_alloc_buffer: allocating 21804.00 MiB on device 0: "
        "cudaMalloc failed: out of memory",
        "alloc_tensor_range: failed to allocate CUDA0 buffer of size 22863151104",
        "llama_model_load: error loading model: unable to allocate CUDA0 buffer",
        "srv    load_model: failed to load model, '/models/gpt-oss-120b-mxfp4-00001-of-00003.gguf'",
    ],
)


# ---- folding ----


def clock_of(event: AnyEvent) -> float:
    """When it is told, by the dashboard's clock."""
    told = unix(event.time)
    assert told is not None
    return CLOCK + told - START.timestamp()


def end_of(events: Sequence[AnyEvent]) -> float:
    """The dashboard's clock at the end of a history."""
    return clock_of(events[-1])


def seen(events: Iterable[AnyEvent], view: View | None = None) -> View:
    """What a dashboard knows after these events."""
    view = view or View(url=URL)
    for event in events:
        view = fold(view, event, clock_of(event))
    return view


# ---- the machine ----


def cuda0(**used_mib: int) -> DeviceInfo:
    """The RTX 4090; `used_mib` by instance, with `_` for the dot and the dashes: see `_names`."""
    used = _names(used_mib)
    return DeviceInfo(
        name="CUDA0",
        kind="gpu",
        id="00000000:01:00.0",
        description="NVIDIA GeForce RTX 4090",
        total_mib=24564,
        free_mib=24564 - 466 - sum(used.values()),
        used_mib=used,
        booked_mib=used,
        foreign_mib=18,
        utilization=0.0,
        temperature_c=38,
        power_w=21.0,
        power_limit_w=450.0,
        clock_mhz=210,
    )


def cuda1(**used_mib: int) -> DeviceInfo:
    """The 4060 Ti, on which Xorg and firefox lie as well."""
    used = _names(used_mib)
    return DeviceInfo(
        name="CUDA1",
        kind="gpu",
        id="00000000:05:00.0",
        description="NVIDIA GeForce RTX 4060 Ti",
        total_mib=16380,
        free_mib=16380 - 1404 - sum(used.values()),
        used_mib=used,
        booked_mib=used,
        foreign_mib=1100,
        foreign=[
            ForeignUse(pid=2911, name="firefox", mib=688),
            ForeignUse(pid=1802, name="Xorg", mib=412),
        ],
        drives_display=True,
        utilization=0.03,
        temperature_c=44,
        power_w=14.0,
        power_limit_w=165.0,
        clock_mhz=405,
    )


def host(**used_mib: int) -> DeviceInfo:
    used = _names(used_mib)
    return DeviceInfo(
        name="Host",
        kind="host",
        id="host",
        description="RAM",
        total_mib=64216,
        free_mib=64216 - 9012 - sum(used.values()),
        used_mib=used,
        booked_mib=used,
        swap_total_mib=8192,
        swap_used_mib=0,
    )


_INSTANCES = {
    "glm": f"{GLM}.1",
    "glm_again": f"{GLM}.3",
    "qwen": f"{QWEN}.2",
    "oss": f"{OSS}.2",
    "mistral": f"{MISTRAL}.2",
}


def _names(used_mib: dict[str, int]) -> dict[str, int]:
    return {_INSTANCES[short]: mib for short, mib in used_mib.items()}


def working(
    device: DeviceInfo, utilization: float, temperature_c: int, power_w: float
) -> DeviceInfo:
    """The same device under load."""
    return with_fields(
        device, utilization=utilization, temperature_c=temperature_c, power_w=power_w
    )


# ---- profiles and instances ----


def profile(name: str, state: State = "unloaded") -> ProfileInfo:
    """A profile that was loaded before, and just now has this state."""
    return with_fields(_PROFILES[name], state=state)


_PROFILES = {
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


def instance(name: str, **changes: object) -> InstanceInfo:
    """A ready one, as it would be known a while after its load."""
    id_ = _INSTANCES[name]
    model = id_.rpartition(".")[0]
    info = InstanceInfo(
        id=id_,
        profile=model,
        phase="ready",
        since=_time(-180),
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


# ---- telling ----


class Tale:
    """Numbers and dates what is told."""

    def __init__(self, seq: int = FIRST_SEQ) -> None:
        self.events: list[AnyEvent] = []
        self._seq, self._passed = seq, 0.0

    def tell(self, *events: AnyEvent, after: float = 0.0) -> "Tale":
        """These, `after` seconds of silence."""
        self._passed += after
        for event in events:
            is_fact = not isinstance(event, Activity | Snapshot)
            self._seq += is_fact
            self.events.append(with_fields(event, seq=self._seq, time=_time(self._passed)))
        return self


def _time(passed: float) -> str:
    moment = START + timedelta(seconds=passed)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def snapshot(
    instances: Sequence[InstanceInfo] = (),
    devices: Sequence[DeviceInfo] | None = None,
    profiles: Sequence[ProfileInfo] | None = None,
    *,
    current: str | None = None,
    requests: Sequence[RequestInfo] = (),
    queue: dict[str, int] | None = None,
) -> Snapshot:
    return Snapshot(
        status=Status(
            version="0.1.0",
            pid=4000,
            started_at=_time(-7200),
            current=current,
            instances=list(instances),
            queue=queue or {},
            devices=list(devices if devices is not None else [cuda0(), cuda1(), host()]),
            config=ConfigInfo(path="/home/ada/.config/paddock/models.conf", loaded_at=_time(-7200)),
            engine="native",
            engine_version="b11434",
            listen=["127.0.0.1:8080"],
            requests=list(requests),
            totals=TOTALS,
        ),
        profiles=list(profiles if profiles is not None else map(profile, _PROFILES)),
    )


def profiles_with(**states: State) -> list[ProfileInfo]:
    """All five; those named by their short names have these states and their instances."""
    found = {name: profile(name) for name in _PROFILES}
    for short, state in states.items():
        name = _INSTANCES[short].rpartition(".")[0]
        used = _time(-185) if state in ("ready", "busy") else None
        found[name] = with_fields(
            found[name], state=state, instance=_INSTANCES[short], last_used=used
        )
    return list(found.values())


def with_glm() -> Snapshot:
    """The usual evening: one model on the large card, used three minutes ago."""
    return snapshot(
        [ready_glm()],
        [cuda0(glm=21764), cuda1(), host(glm=262)],
        profiles_with(glm="ready"),
        current=GLM,
    )


def progress(
    name: str, stage: Stage, elapsed: float, part: str = "", **more: object
) -> SwitchProgress:
    model = _INSTANCES[name].rpartition(".")[0]
    told = with_fields(Progress(stage=stage, elapsed=elapsed, part=part), **more)
    return SwitchProgress(profile=model, progress=told)


def loaded(
    name: str, elapsed: float, done: int, total: int, eta: float | None = None
) -> SwitchProgress:
    """So many MiB of the text model are where they belong."""
    return progress(
        name,
        "loading",
        elapsed,
        "text_model",
        fraction=round(done / total, 3),
        mib_done=done,
        mib_total=total,
        eta=eta,
    )


def changed(info: InstanceInfo, state: State) -> InstanceChanged:
    return InstanceChanged(instance=info, state=state)


def activity(
    devices: Sequence[DeviceInfo], requests: Sequence[RequestInfo] = (), totals: Totals = TOTALS
) -> Activity:
    return Activity(requests=list(requests), devices=list(devices), totals=totals, pressure=0.0)


def request(
    number: int, name: str | None, client: str, phase: RequestPhase, age: float, **more: object
) -> RequestInfo:
    """`name`: of the instance, None while it waits; then `profile` must be given."""
    id_ = _INSTANCES[name] if name else None
    info = RequestInfo(
        id=number,
        profile=id_.rpartition(".")[0] if id_ else "",
        instance=id_,
        surface="openai",
        client=client,
        phase=phase,
        age=age,
    )
    return with_fields(info, **more)


# ---- the stories ----


def idle() -> list[AnyEvent]:
    """One model is ready; nobody asks anything."""
    devices = [cuda0(glm=21764), cuda1(), host(glm=262)]
    return Tale().tell(with_glm()).tell(activity(devices), after=1.0).events


def loading() -> list[AnyEvent]:
    """Aider asks for another model: the first one leaves, 43 % of the second are there."""
    tale = Tale().tell(with_glm())
    tale.tell(QueueChanged(profile=QWEN, waiting=1), after=2.0)
    _leaves_for(tale, "qwen")
    tale.tell(
        changed(instance("qwen", phase="starting", since=_time(3.5)), "loading"),
        progress("qwen", "starting", 1.5, mib_total=17664, eta=13.9),
        after=0.2,
    )
    tale.tell(
        changed(instance("qwen", phase="fitting", since=_time(4.1)), "loading"),
        progress("qwen", "fitting", 2.1, mib_total=17664, eta=13.3),
        after=0.6,
    )
    tale.tell(changed(instance("qwen", phase="loading", since=_time(4.9)), "loading"), after=0.8)
    waits = request(321, None, "aider", "queued", 3.0, profile=QWEN)
    for step in range(5):
        done = step * 1899
        tale.tell(loaded("qwen", 2.9 + step, done, 17664, eta=12.5 - step))
        card = working(cuda0(qwen=done + 420), 0.04, 41, 62.0)
        waits = with_fields(waits, age=2.9 + step)
        tale.tell(activity([card, cuda1(), host(qwen=310)], [waits]), after=1.0)
    return tale.events


def failing() -> list[AnyEvent]:
    """A model that is too large is tried; what left for it is brought back, and the reason stays."""
    tale = Tale().tell(with_glm())
    tale.tell(QueueChanged(profile=OSS, waiting=1), after=2.0)
    _leaves_for(tale, "oss")
    tale.tell(changed(instance("oss", phase="starting"), "loading"), after=0.2)
    tale.tell(progress("oss", "starting", 1.5, mib_total=60416))
    tale.tell(changed(instance("oss", phase="loading"), "loading"), after=1.0)
    tale.tell(loaded("oss", 2.5, 0, 60416)).tell(loaded("oss", 4.0, 2816, 60416), after=1.5)
    broken = instance("oss", phase="failed", failure=OUT_OF_MEMORY)
    tale.tell(
        changed(broken, "loading"),
        progress("oss", "failed", 5.2),
        SwitchEnded(
            profile=OSS,
            outcome="failed",
            seconds=5.2,
            instance=f"{OSS}.2",
            restored=[GLM],
            failure=OUT_OF_MEMORY,
        ),
        QueueChanged(profile=OSS, waiting=0),
        InstanceEnded(instance=f"{OSS}.2", profile=OSS, failure=OUT_OF_MEMORY),
        after=1.2,
    )
    tale.tell(
        progress("glm_again", "starting", 0.0),
        changed(instance("glm_again", phase="starting"), "loading"),
        changed(instance("glm_again", phase="loading"), "loading"),
        loaded("glm_again", 0.7, 0, 17408, eta=11.7),
        after=0.4,
    )
    tale.tell(loaded("glm_again", 4.7, 8704, 17408, eta=7.7), after=4.0)
    again = ready_glm("glm_again", verdict=None, load_seconds=9.1)
    tale.tell(
        changed(instance("glm_again", phase="warming"), "loading"),
        progress("glm_again", "warming", 8.8, mib_total=17408, eta=3.6),
        changed(again, "ready"),
        SwitchEnded(profile=GLM, outcome="ready", seconds=9.1, instance=f"{GLM}.3"),
        after=4.4,
    )
    told = VerdictReached(profile=GLM, instance=f"{GLM}.3", verdict=VERIFIED)
    tale.tell(told, after=0.1)
    return tale.tell(
        activity([cuda0(glm_again=21764), cuda1(), host(glm_again=262)]), after=0.9
    ).events


def two_resident() -> list[AnyEvent]:
    """One model on each card; the smaller one answers Open WebUI."""
    mistral = instance(
        "mistral",
        phase="busy",
        leases=1,
        load_seconds=8.2,
        speed=Speed(prompt=940.0, generation=36.9),
        placement=Placement(n_ctx=32768),
        demand_mib={"CUDA1": 13420, "Host": 262},
    )
    asked = request(340, "mistral", "OpenWebUI/0.6", "generating", 4.2)
    asked = with_fields(asked, prompt_tokens=812, generated_tokens=131, speed=36.4)
    devices = [
        cuda0(glm=21764),
        working(cuda1(mistral=13420), 0.97, 63, 148.0),
        host(glm=262, mistral=262),
    ]
    first = snapshot(
        [ready_glm(), mistral],
        devices,
        profiles_with(glm="ready", mistral="busy"),
        current=MISTRAL,
        requests=[asked],
    )
    tale = Tale().tell(first)
    for second in range(1, 4):
        asked = with_fields(asked, age=4.2 + second, generated_tokens=131 + 36 * second)
        tale.tell(activity(devices, [asked]), after=1.0)
    return tale.events


def degraded() -> list[AnyEvent]:
    """A model was loaded while a game held memory: it works, and not as it should."""
    tale = Tale().tell(snapshot())
    tale.tell(QueueChanged(profile=GLM, waiting=1), after=1.0)
    tale.tell(progress("glm", "starting", 0.0))
    tale.tell(changed(instance("glm", phase="starting"), "loading"), after=0.1)
    tale.tell(changed(instance("glm", phase="loading"), "loading"), after=0.7)
    tale.tell(loaded("glm", 0.8, 0, 17408)).tell(loaded("glm", 6.8, 13056, 17408), after=6.0)
    placement = with_fields(
        ready_glm().placement or Placement(), graph_splits=33, layers_offloaded=44
    )
    fresh = ready_glm(verdict=None, speed=None, placement=placement, load_seconds=9.6)
    tale.tell(
        changed(fresh, "ready"),
        progress("glm", "ready", 9.6, mib_total=17408),
        SwitchEnded(profile=GLM, outcome="ready", seconds=9.6, instance=f"{GLM}.1"),
        QueueChanged(profile=GLM, waiting=0),
        after=2.8,
    )
    tale.tell(VerdictReached(profile=GLM, instance=f"{GLM}.1", verdict=DEGRADED), after=0.1)
    slow = Speed(prompt=1410.0, generation=41.7)
    tale.tell(
        SpeedMeasured(profile=GLM, instance=f"{GLM}.1", speed=slow, generated_tokens=210), after=5.0
    )
    game = with_fields(
        cuda0(glm=17992),
        foreign_mib=4480,
        foreign=[ForeignUse(pid=9120, name="factorio", mib=4462)],
        free_mib=24564 - 466 - 17992 - 4462,
    )
    return tale.tell(activity([game, cuda1(), host(glm=3980)]), after=0.4).events


def no_gpu() -> list[AnyEvent]:
    """A machine without a GPU, its model in RAM."""
    small = instance("mistral", load_seconds=8.2, placement=Placement(n_ctx=32768))
    first = snapshot([small], [host(mistral=2110)], profiles_with(mistral="ready"), current=MISTRAL)
    return Tale().tell(first).tell(activity([host(mistral=2110)]), after=1.0).events


def busy() -> list[AnyEvent]:
    """Four streams for a minute: two write, one is read, one waits until they have ended."""
    tale = Tale().tell(with_glm())
    tale.tell(
        QueueChanged(profile=QWEN, waiting=1), progress("qwen", "draining", 0.0, GLM), after=0.5
    )
    for second in range(60):
        tale.tell(_busy_second(second), after=1.0)
    return tale.events


def _busy_second(second: int) -> Activity:
    wobble = (second * 7) % 11 - 5  # tokens/s around the middle
    streams = [
        request(351, "glm", "claude-cli/2.0.14", "generating", 41.0 + second, surface="anthropic"),
        request(352, "glm", "aider", "generating", 12.5 + second),
        request(353, "glm", "opencode/0.15", "prompt", 1.0 + second / 60),
        request(354, None, "OpenWebUI/0.6", "queued", 1.0 + second, profile=QWEN),
    ]
    figures: list[dict[str, object]] = [
        {"prompt_tokens": 24180, "generated_tokens": 1900 + 52 * second, "speed": 52.0 + wobble},
        {"prompt_tokens": 3120, "generated_tokens": 40 + 49 * second, "speed": 49.0 - wobble / 2},
        {"prompt_tokens": 61440, "prompt_fraction": round(0.13 + second / 200, 3), "speed": 2870.0},
        {},
    ]
    requests = [with_fields(r, **f) for r, f in zip(streams, figures, strict=True)]
    card = working(cuda0(glm=21764), 0.98, 58 + second // 20, 402.0 + wobble)
    totals = with_fields(TOTALS, requests=322, generated_tokens=184_220 + 101 * second)
    return activity([card, cuda1(), host(glm=262)], requests, totals)


def restarted() -> list[AnyEvent]:
    """The daemon was killed and began anew, with smaller numbers; its model was taken over."""
    first = snapshot(
        [ready_glm(adopted=True)],
        [cuda0(glm=21764), cuda1(), host(glm=262)],
        profiles_with(glm="ready"),
        current=GLM,
    )
    return (
        Tale(seq=7000).tell(first, after=90.0).tell(activity([cuda0(glm=21764)]), after=1.0).events
    )


STORIES = (idle, loading, failing, two_resident, degraded, no_gpu, busy)


def _leaves_for(tale: Tale, name: str) -> None:
    """Idle glm-flash-q4 is stopped for this one, and its memory is waited for."""
    tale.tell(
        changed(ready_glm(phase="stopping", since=_time(2)), "stopping"),
        progress(name, "stopping", 0.1, GLM),
        after=0.1,
    )
    tale.tell(
        progress(name, "memory", 0.9, GLM),
        InstanceEnded(instance=f"{GLM}.1", profile=GLM),
        after=0.8,
    )
    tale.tell(progress(name, "starting", 1.3), activity([cuda0(), cuda1(), host()]), after=0.4)
