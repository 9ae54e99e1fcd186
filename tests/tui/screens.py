"""A dashboard without a daemon: given a recorded history at its own pace, and read off as text."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from threading import Event
from typing import Any, Literal

from msgspec.structs import replace
from textual.app import App
from textual.pilot import Pilot

from paddock.api.activity import Preview
from paddock.api.bench import BenchRun, RunSummary
from paddock.api.connection import HangUp
from paddock.api.events import AnyEvent
from paddock.api.placement import DevicePlan, History, LoadEntry, Placement, Plan, Reason, Verdict
from paddock.api.profiles import FlagInfo, ProfileDetail
from paddock.api.pulls import PullInfo, PullState, PullVerb
from paddock.api.switches import SwitchEntry, SwitchHistory, SwitchPhase
from paddock.api.tunings import Tuning, TuningList
from paddock.api.types import Failure, ModelResult, ProfileInfo, SwitchResult
from paddock.api.yielding import YieldResult
from paddock.errors import ConfigError
from paddock.tui.app import PaddockApp
from paddock.tui.feed import NewsReader
from tests.tui import histories
from tests.tui.tale import clock_of, end_of

LOG = """\
── glm-flash-q4.3, begun 2026-11-25T09:12:40.310Z ──
0.00.001 I srv  llama_server: initializing ...
0.01.212 I common_params_fit_impl: getting device memory data for initial parameters:
0.04.400 E ggml_backend_cuda_buffer_type_alloc_buffer: cudaMalloc failed: out of memory
0.04.401 E srv  llama_server: exiting due to model loading error
── glm-flash-q4.4, begun 2026-11-25T09:14:02.007Z ──
0.00.001 I srv  llama_server: initializing ...
0.01.198 I common_params_fit_impl: getting device memory data for initial parameters:
0.02.030 I load_tensors: offloaded 48/48 layers to GPU
0.02.031 I load_tensors:        CUDA0 model buffer size = 17210.00 MiB
0.09.442 I llama_kv_cache:      CUDA0 KV buffer size =  3328.00 MiB
0.09.516 I llama_context: graph splits = 2
0.09.600 I srv  llama_server: model loaded
0.09.601 I srv  llama_server: server is listening on unix:///run/user/1000/paddock/4.sock
0.41.003 I slot launch_slot_: id  0 | task 0 | processing task
""".encode()


@dataclass
class Deaf:
    """The API's verbs, which note what was asked and do nothing."""

    url: str = "http://127.0.0.1:8080"
    asked: list[tuple[object, ...]] = field(default_factory=list)
    log: bytes = LOG
    refusal: Failure | None = None  # of a switch
    mistakes: tuple[str, ...] = ()  # of models.conf, when it is read again
    downloads: dict[str, PullInfo] = field(default_factory=dict)  # by id
    over: Event = field(default_factory=Event)  # set: nobody looks on any more

    def switch(self, model: str, wait: bool = True) -> SwitchResult:
        self.asked.append(("switch", model))
        outcome: Literal["failed", "running"] = "failed" if self.refusal else "running"
        return SwitchResult(job="1", model=model, outcome=outcome, failure=self.refusal)

    def unload(self, model: str | None = None, *, wait: bool = True) -> ModelResult:
        self.asked.append(("unload", model))
        return ModelResult(success=True, models=[])

    def yield_gpus(self, *, by: str = "", wait: bool = True) -> YieldResult:
        self.asked.append(("yield_gpus", by))
        return YieldResult()

    def resume(self) -> YieldResult:
        self.asked.append(("resume",))
        return YieldResult()

    def cancel(self, model: str | None = None) -> list[str]:
        self.asked.append(("cancel", model))
        return []

    def cancel_request(self, request: int) -> None:
        self.asked.append(("cancel_request", request))

    def pulls(self) -> list[PullInfo]:
        return list(self.downloads.values())

    def steer_pull(self, pull: str, verb: PullVerb) -> PullInfo:
        self.asked.append(("steer_pull", pull, verb))
        states: dict[PullVerb, PullState] = {
            "pause": "paused", "resume": "running", "cancel": "cancelled",
        }  # fmt: skip
        self.downloads[pull] = replace(self.downloads[pull], state=states[verb])
        return self.downloads[pull]

    def reload(self) -> list[str]:
        self.asked.append(("reload",))
        if self.mistakes:
            raise ConfigError("models.conf: 1 problem", detail=self.mistakes)
        return []

    def shutdown(self, *, keep: bool = False) -> None:
        self.asked.append(("shutdown", keep))

    def preview(self, model: str) -> Preview:
        summary = f"unloads glm-flash-q4 (idle 3 min), needs 13.4 of 22.1 GiB on CUDA0 for {model}"
        return Preview(profile=model, state="unloaded", summary=summary)

    def profile(self, model: str) -> ProfileDetail:
        return ProfileDetail(
            profile=ProfileInfo(id=model, state="ready"),
            flags=[
                FlagInfo(flag="--model", values=[f"/models/{model}.gguf"], origin="[*] MODEL, line 2"),
                FlagInfo(
                    flag="--ctx-size", values=["131072"], origin=f"[{model}] CTX_SIZE, line 9",
                    overridden=["8192 ([*] CTX_SIZE, line 3)"],
                ),
                FlagInfo(flag="--jinja", origin="[*] EXTRA_ARGS, line 4"),
            ],
            facts={
                "architecture": "glm4moe, MoE, 8 of 128 experts",
                "layers": "48, KV in 48",
                "context": "131,072 trained, 131,072 asked",
            },
            comments=["# dense and fast"],
            contradictions=["the file says MoE, not dense"],
        )  # fmt: skip

    def switches(self, profile: str | None = None, limit: int | None = None) -> SwitchHistory:
        phases = [
            SwitchPhase(name="draining", part="qwen-coder-30b", seconds=1.2),
            SwitchPhase(name="stopping", part="qwen-coder-30b", seconds=0.4),
            SwitchPhase(name="starting", seconds=0.3),
            SwitchPhase(name="loading", part="text_model", seconds=4.1),
            SwitchPhase(name="loading", part="mmproj_model", seconds=0.6),
            SwitchPhase(name="restoring", seconds=0.9),
            SwitchPhase(name="first-token", seconds=0.05),
        ]
        newest = SwitchEntry(
            profile=profile or "", instance="x.4", ended_at="2026-11-25T09:14:09.002Z",
            seconds=7.5, outcome="ready", phases=phases, left=["qwen-coder-30b"],
            read_again=1700,
        )  # fmt: skip
        failed = SwitchEntry(
            profile=profile or "", instance="x.3", ended_at="2026-11-25T09:12:44.871Z",
            seconds=4.4, outcome="failed", phases=[SwitchPhase(name="loading", seconds=4.4)],
        )  # fmt: skip
        return SwitchHistory(switches=[newest, failed][:limit])

    def plan(self, profile: str) -> Plan:
        """That of the instance which holds it: see `ready_glm`."""
        cuda0 = DevicePlan(
            device="CUDA0", id="00000000:01:00.0", model=17210, context=3328, compute=806, overhead=420,
            margin=1024, available=24098, layers=48,
        )  # fmt: skip
        ram = DevicePlan(device="Host", id="host", model=198, available=55204, layers=0)
        return Plan(
            profile=profile, source="engine", fits=True, devices=[cuda0, ram], n_ctx=131072,
            layers=48, layers_on_devices=48, graph_splits=2,
            notes=["CUDA1 drives the display, and is left free"],
        )  # fmt: skip

    def bench_runs(self, limit: int | None = None) -> list[RunSummary]:
        """None, and no study either: see `test_detail_measured.py`."""
        return []

    def bench_run(self, number: int) -> BenchRun:
        raise NotImplementedError

    def tunings(self, profile: str | None = None, limit: int | None = None) -> TuningList:
        return TuningList(tunings=[])

    def tuning(self, number: int) -> Tuning:
        raise NotImplementedError

    def history(self, profile: str, limit: int | None = None) -> History:
        """The two switches' loads, and one of the day before."""
        ready = LoadEntry(
            profile=profile, fingerprint="f", instance="x.4", ended_at="2026-11-25T09:14:09.002Z", outcome="ready", seconds=5.3,
            generation=105.3, placement=Placement(n_ctx=131072, graph_splits=2, replayed=True),
            verdict=Verdict(state="verified"),
        )  # fmt: skip
        failed = LoadEntry(
            profile=profile, fingerprint="f", instance="x.3", ended_at="2026-11-25T09:12:44.871Z", outcome="failed", seconds=4.4,
            cause="exited with code 1: out of memory",
        )  # fmt: skip
        older = LoadEntry(
            profile=profile, fingerprint="f", instance="x.1", ended_at="2026-11-24T21:03:51.640Z", outcome="ready", seconds=12.4,
            generation=98.7, placement=Placement(n_ctx=131072, graph_splits=5),
            verdict=Verdict(state="degraded", reasons=[Reason(code="more-splits", message="5 graph splits instead of 2")]),
        )  # fmt: skip
        return History(profile=profile, loads=[ready, failed, older][:limit])

    def logs(
        self,
        name: str | None,
        lines: int | None = None,
        *,
        follow: bool = False,
        every_run: bool = False,
        line: HangUp | None = None,
    ) -> Iterator[bytes]:
        """What there is, and nothing new until the dashboard is gone."""
        yield self.log
        self.over.wait()


class Tale:
    """Tells a history at once, by a clock that the test turns."""

    def __init__(self, events: Sequence[AnyEvent]) -> None:
        self.now = clock_of(events[0]) if events else 0.0
        self._events = events

    def start(self, reader: NewsReader) -> None:
        for event in self._events:
            reader.hear(event)

    def stop(self) -> None:
        pass

    def refresh(self) -> None:
        pass

    def clock(self) -> float:
        return self.now


@asynccontextmanager
async def shown(
    events: Sequence[AnyEvent], size: tuple[int, int] = (80, 24), *, messages: bool = False
) -> AsyncIterator[tuple[PaddockApp, Pilot[None], Deaf]]:
    """The dashboard after this history, and the keys to it; `messages`: with what keys are answered with."""
    tale, daemon = Tale(events), Deaf()
    tale.now = end_of(events)
    app = PaddockApp(daemon, tale)
    app.animation_level = "none"
    try:
        async with app.run_test(size=size, notifications=messages) as pilot:
            await settled(pilot)
            yield app, pilot, daemon
    finally:
        daemon.over.set()


async def settled(pilot: Pilot[Any]) -> None:
    """Everything that has happened is drawn."""
    await pilot.pause()
    # A picker waits in the default group for a choice that only the test makes.
    asking = [worker for worker in pilot.app.workers if worker.group != "default"]
    if asking:
        await pilot.app.workers.wait_for_complete(asking)
    before = ""
    while before != (now := text(pilot.app)):  # columns take their widths one draw later
        before = now
        await pilot.pause(0.15)  # what comes within a tenth of a second is drawn together


def text(app: App[Any]) -> str:
    """The screen as lines of text, by the way that Textual's own screenshot takes (private names)."""
    strips = app.screen._compositor.render_strips()
    return "\n".join(strip.text.rstrip() for strip in strips).rstrip() + "\n"


SMALL, LARGE = (80, 24), (200, 60)
SCREENS = (
    histories.idle,
    histories.loading,
    histories.failing,
    histories.two_resident,
    histories.degraded,
    histories.no_gpu,
    histories.busy,
)
GOLDEN = {
    f"{story.__name__}-{width}x{height}": (story, (width, height))
    for story in SCREENS
    for width, height in (SMALL, LARGE)
}
