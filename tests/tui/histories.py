"""Histories as a daemon reports them, for views and for golden screens.

Each function gives the events of one story from its snapshot on; `seen` folds them at the times
they carry.
"""

from msgspec.structs import replace as with_fields

from paddock.api.events import (
    Activity,
    AnyEvent,
    InstanceEnded,
    QueueChanged,
    SpeedMeasured,
    SwitchEnded,
    VerdictReached,
)
from paddock.api.placement import Placement, Reason, Speed, Verdict
from paddock.api.types import Failure, ForeignUse
from tests.tui.inhabitants import VERIFIED, instance, profiles_with, ready_glm
from tests.tui.machine import GLM, MISTRAL, OSS, QWEN, cuda0, cuda1, host, time_at, working
from tests.tui.tale import (
    TOTALS,
    Tale,
    activity,
    changed,
    loaded,
    progress,
    request,
    snapshot,
    with_glm,
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
        changed(instance("qwen", phase="starting", since=time_at(3.5)), "loading"),
        progress("qwen", "starting", 1.5, mib_total=17664, eta=13.9),
        after=0.2,
    )
    tale.tell(
        changed(instance("qwen", phase="fitting", since=time_at(4.1)), "loading"),
        progress("qwen", "fitting", 2.1, mib_total=17664, eta=13.3),
        after=0.6,
    )
    tale.tell(changed(instance("qwen", phase="loading", since=time_at(4.9)), "loading"), after=0.8)
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
    reached = VerdictReached(profile=GLM, instance=f"{GLM}.3", verdict=VERIFIED)
    tale.tell(reached, after=0.1)
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
        changed(ready_glm(phase="stopping", since=time_at(2)), "stopping"),
        progress(name, "stopping", 0.1, GLM),
        after=0.1,
    )
    tale.tell(
        progress(name, "memory", 0.9, GLM),
        InstanceEnded(instance=f"{GLM}.1", profile=GLM),
        after=0.8,
    )
    tale.tell(progress(name, "starting", 1.3), activity([cuda0(), cuda1(), host()]), after=0.4)
