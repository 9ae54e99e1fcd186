"""A server that plays recorded histories to the page: its files are the real ones, the daemon is none.

For what needs more machine than there is: two GPUs, a thousand profiles, eight hours of events.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

import msgspec

from paddock.api.activity import Leaver, Need, Preview
from paddock.api.bench import BenchRuns
from paddock.api.contexts import SavedContext, SavedContexts
from paddock.api.devices import DevicePast, DevicesPast
from paddock.api.engines import EngineInfo, EngineList, TrialInfo
from paddock.api.events import AnyEvent
from paddock.api.placement import DevicePlan, History, LoadEntry, Plan, Plans
from paddock.api.profiles import FlagInfo, ProfileDetail
from paddock.api.pulls import (
    PullFailure,
    PullFile,
    PullForecast,
    PullInfo,
    PullList,
    PullQuantisation,
)
from paddock.api.switches import SwitchEntry, SwitchHistory, SwitchPhase
from paddock.api.tunings import Contribution, Tuning, TuningList, TuningNow, TuningTrial
from paddock.api.types import ErrorBody, Failure
from paddock.api.usage import UsageReport, UsageRow
from paddock.bench.spread import spread_of
from paddock.http.benches import comparison_of, summary
from paddock.http.sse import encode
from paddock.http.tunings import summary as tuning_summary
from paddock.web import INDEX, assets
from tests.bench import runs as benchmarks
from tests.tui.histories import OUT_OF_MEMORY
from tests.tui.inhabitants import PROFILES, VERIFIED, ready_glm
from tests.tui.machine import GLM, OSS, QWEN, time_at
from tests.web import config_text

PHASES = [
    SwitchPhase(name="draining", seconds=0.8, part=GLM),
    SwitchPhase(name="saving", seconds=0.21, part=GLM),
    SwitchPhase(name="stopping", seconds=0.5, part=GLM),
    SwitchPhase(name="memory", seconds=0.12),
    SwitchPhase(name="starting", seconds=0.35),
    SwitchPhase(name="fitting", seconds=0.9),
    SwitchPhase(name="loading", seconds=5.4, part="text_model"),
    SwitchPhase(name="warming", seconds=0.4),
    SwitchPhase(name="restoring", seconds=0.3),
    SwitchPhase(name="first-token", seconds=0.6),
]
PLAN = Plan(
    profile=GLM,
    source="engine",
    fits=True,
    devices=[
        DevicePlan(
            device="CUDA0", model=10_400, context=2_048, compute=806, overhead=420, layers=28
        ),
        DevicePlan(
            device="CUDA1", model=5_300, context=1_280, compute=402, overhead=390, layers=15
        ),
        DevicePlan(device="Host", model=1_964),
    ],
    layers=48,
    layers_on_devices=43,
    notes=["Xorg and firefox take 1.4 GiB of CUDA1"],
)
LOG = [
    "── glm-flash-q4.1, native b11434 ──",
    "load_model: loading model '/models/GLM-4.7-Flash-Q4_K_M.gguf'",
    *(f"load_tensors: layer {n} assigned to device CUDA{n % 2}" for n in range(48)),
    "E srv    load_model: failed to load a <b>draft</b> model",
    "main: model loaded",
]


class Replay(ThreadingHTTPServer):
    """Serves the page, and these events to whoever asks for events."""

    daemon_threads = True

    def __init__(self, events: Sequence[AnyEvent], last: int, pause: float) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.last, self.pause, self.played = last, pause, 0
        self.pieces = [encode(event) for event in events]
        self.over = threading.Event()
        self.posted: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def replayed(events: Sequence[AnyEvent], last: int = 0, pause: float = 1.0) -> Iterator[Replay]:
    """One that plays these, for the length of the block: at once, but the `last` ones one each `pause` seconds."""
    server = Replay(events, last, pause)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Replay

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        if path.startswith("/dashboard"):
            asset = assets()[path.removeprefix("/dashboard/files/") if "/files/" in path else INDEX]
            self._answer(200, asset.media, asset.plain())
        elif path == "/events":
            self._stream("text/event-stream", self.server.pieces, self.server.last)
        elif path.startswith("/logs"):
            self._stream("text/plain", [f"{line}\n".encode() for line in LOG])
        elif (found := answer(path)) is not None:
            self._answer(200, "application/json", msgspec.json.encode(found))
        else:
            nothing = ErrorBody(error=Failure(code="not_found", message=f"there is no {path}"))
            self._answer(404, "application/json", msgspec.json.encode(nothing))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        found = FORECAST if self.path == "/pulls/plan" else config_text.answer(self.path, body)
        if found is None:
            self.server.posted.append(self.path)
            found = {"success": True}
        self._answer(200, "application/json", msgspec.json.encode(found))

    def _answer(self, status: int, media: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _stream(self, media: str, pieces: Sequence[bytes], last: int = 0) -> None:
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", media)
        self.end_headers()
        at_once = len(pieces) - last
        self.wfile.write(b"".join(pieces[:at_once]))
        self.server.played = at_once
        for piece in pieces[at_once:]:
            if self.server.over.wait(self.server.pause):
                return
            self.wfile.write(piece)
            self.server.played += 1
        self.server.over.wait()

    def log_message(self, *args: Any) -> None:
        """Not into the test's output."""


def answer(path: str) -> Any:
    """What the daemon of the histories would say here; None where it has nothing."""
    _, call, *rest = path.split("/")
    name = "/".join(rest)
    match call:
        case "preview":
            return _preview(name)
        case "devices":
            return _devices()
        case "plans":
            return Plans(plans=[msgspec.structs.replace(PLAN, profile=QWEN)], total=len(PROFILES))
        case "history":
            return _history(name)
        case "switches":
            return _switches()
        case "engines":
            return _engines()
        case "contexts":
            return _contexts()
        case "usage":
            return _usage()
        case "bench":
            return _bench(rest)
        case "pulls":
            return PullList(pulls=PULLS)
        case "tunings":
            return STUDY if name == "1" else _studies()
        case "config":
            return config_text.answer(path)
        case "profiles" if name in PROFILES:
            return _detail(name)
        case _:
            return None


def _preview(name: str) -> Preview:
    if name == OSS:
        failure = OUT_OF_MEMORY.message
        return Preview(profile=name, state="failed", unloadable=failure, summary=failure)
    return Preview(
        profile=name,
        state="unloaded",
        leavers=[Leaver(profile=GLM, idle=185.0)],
        needs=[Need(device="CUDA0", mib=21_914, of=22_630)],
        seconds=14.0,
        size_mib=17_664,
        cached_mib=9_000,
        eta=6.2,
        verdict="verified",
        summary=f"unloads {GLM} (idle 3 min, its context kept), needs 21.4 of 22.1 GiB on CUDA0, about 6 s",
    )


def _history(name: str) -> History:
    glm = ready_glm()
    loads = [
        LoadEntry(
            id=number,
            instance=f"{name}.{number}",
            profile=name,
            fingerprint="f",
            engine="native",
            engine_version="b11434" if number > 9 else "b11201",
            ended_at=time_at(-86_400.0 * (20 - number)),
            seconds=12.0 + (number * 7) % 5,
            outcome="failed" if number == 5 else "ready",
            cause="out of memory" if number == 5 else "",
            placement=glm.placement,
            verdict=VERIFIED,
            generation=(105.0 if number > 9 else 97.0) + (number * 3) % 4,
            samples=4,
        )
        for number in range(18, 0, -1)
    ]
    return History(profile=name, loads=loads)


def _switches() -> SwitchHistory:
    entries = [
        SwitchEntry(
            id=number,
            profile=(QWEN, GLM, OSS)[number % 3],
            instance="x.1",
            ended_at=time_at(-3600.0 * number),
            seconds=9.0,
            outcome="failed" if number % 3 == 2 else "ready",
            phases=PHASES[number % 3 :],
            left=[GLM],
            read_again=1700 * (number % 2),
        )
        for number in range(1, 6)
    ]
    return SwitchHistory(switches=entries)


def _devices() -> DevicesPast:
    """An hour in which one model left for another, with a game beside them for a while."""
    length = 360
    glm = [15_300 if n < 150 else None for n in range(length)]
    qwen = [None if n < 154 else min(16_900, 900 * (n - 153)) for n in range(length)]
    game = [3_100 + 40 * (n % 7) if 220 < n < 290 else None for n in range(length)]
    rest: list[int | None] = [520 + (n % 3) for n in range(length)]
    taken = [sum(x or 0 for x in column) for column in zip(glm, qwen, game, rest, strict=True)]
    gpu = DevicePast(
        name="CUDA0",
        kind="gpu",
        total_mib=24_576,
        free_mib=[24_576 - mib for mib in taken],
        margin_mib=[1_024] * length,
        models_mib={GLM: glm, QWEN: qwen},
        foreign_mib={"game.x86_64": game, "": rest},
        utilization=[0.02 + 0.9 * (n % 60 < 25) for n in range(length)],
        temperature_c=[44 + 20 * (n % 60 < 25) + n % 5 for n in range(length)],
        power_w=[62.0 + 210 * (n % 60 < 25) + n % 9 for n in range(length)],
    )
    host = DevicePast(
        name="Host",
        kind="host",
        total_mib=65_536,
        free_mib=[42_000 + 11 * (n % 40) for n in range(length)],
        models_mib={GLM: [2_100 if n < 150 else None for n in range(length)]},
        foreign_mib={"": [16_000 + 2_100 * (n >= 150) - 11 * (n % 40) for n in range(length)]},
        utilization=[0.05 + 0.01 * (n % 11) for n in range(length)],
    )
    return DevicesPast(
        every=10.0, at=[1_795_000_000.0 + 10.0 * n for n in range(length)], devices=[gpu, host]
    )


def _engines() -> EngineList:
    passed = TrialInfo(tried_at=time_at(-86_400.0), passed=True, cases=9, against="b11201")
    failures = ["qwen3, 2,000 tokens: ended with GGML_ASSERT(n_tokens <= n_batch)"]
    failed = msgspec.structs.replace(passed, passed=False, failures=failures)
    return EngineList(
        engines=[
            EngineInfo(name="b11434", default=True, version="b11434", tried=passed),
            EngineInfo(name="b11201", version="b11201", tried=passed, profiles=[OSS]),
            EngineInfo(
                name="next", version="b11502", tried=failed, patches=["0001-mtp.patch"],
                note="draft heads", url="https://github.com/ggml-org/llama.cpp/pull/1",
            ),
            EngineInfo(name="old", error="there is no file /opt/llama/old"),
        ],
        can_roll_back=True,
        former="b11201",
    )  # fmt: skip


def _contexts() -> SavedContexts:
    rows = [
        SavedContext(id="a1", place="ram", files=2, mib=1_480.0, saved_at=time_at(-95.0), profile=GLM, instance="g.1"),
        SavedContext(id="a2", place="disk", files=1, mib=612.5, saved_at=time_at(-7_300.0), profile=QWEN, by_hand=1),
        SavedContext(id="a3", place="disk", files=1, mib=88.0, saved_at=time_at(-400_000.0)),
    ]  # fmt: skip
    return SavedContexts(contexts=rows, limit_mib=8_192)


PULLS = [
    PullInfo(id="1", model="acme/Parrot-GGUF:Q8_0", state="done", profile=GLM, files=[PullFile(path="p.gguf", size=9 << 30, done=9 << 30)]),
    PullInfo(
        id="2", model="acme/Owl-GGUF:Q4_K_M", state="running", rate=88e6, eta=131.0, quantisation="Q4_K_M",
        files=[PullFile(path="owl-Q4_K_M.gguf", size=18 << 30, done=7 << 30, stage="fetching"), PullFile(path="mmproj-F16.gguf", size=1 << 30, done=1 << 30)],
    ),
    PullInfo(id="3", model="acme/none", state="failed", failure=PullFailure(code="hub_not_found", message="the hub has no acme/none, or not for you")),
]  # fmt: skip


def _trial(number: int, speed: float, free: int, **fields: Any) -> TuningTrial:
    return TuningTrial(
        number=number,
        choices={},
        changes={"ubatch-size": str(256 * number)},
        state="measured",
        score=spread_of([speed - 1, speed, speed + 1]),
        context=32_768,
        free_mib=free,
        **fields,
    )


STUDY = Tuning(
    id=1,
    profile=GLM,
    goal="agent",
    outcome="done",
    begun_at=time_at(-7_200.0),
    seconds=1_830.0,
    measured="tokens/s over a prompt of 16,384 tokens and 256 answered",
    grid=120,
    loads=4,
    trials=[
        TuningTrial(number=0, choices={}, state="measured", score=spread_of([98.0, 100.0, 101.0]), context=32_768, free_mib=1_400),
        _trial(1, 104.0, 1_250),
        _trial(2, 117.0, 900),
        _trial(3, 96.0, 400),
        TuningTrial(number=4, choices={}, changes={"n-cpu-moe": "20"}, state="pruned", why="by its plan more lies in RAM"),
        TuningTrial(number=5, choices={}, changes={"ubatch-size": "4096"}, state="failed", why="out of memory"),
    ],
    front=[0, 1, 2],
    today=spread_of([99.0, 100.0, 101.0]),
    best=spread_of([116.0, 117.0, 118.0]),
    best_trial=2,
    verdict="better",
    changes={"ubatch-size": "512"},
    contributions=[Contribution(name="ubatch-size", before="256", after="512", gain=0.17)],
)  # fmt: skip


def _studies() -> TuningList:
    now = TuningNow(
        profile=QWEN, goal="chat", step="measures trial 3", trials=3, loads=2, eta=840.0, gain=0.04
    )
    return TuningList(tunings=[tuning_summary(STUDY)], running=now)


def _quantisation(
    name: str, gib: int, fit: Literal["gpu", "part"], tokens: int
) -> PullQuantisation:
    return PullQuantisation(
        quantisation=name,
        files=[f"owl-{name}.gguf"],
        bytes=gib << 30,
        fit=fit,
        context=tokens,
        header_read=name == "Q4_K_M",
        mib={"CUDA0": 22_000, "CUDA1": 300 * gib},
    )


FORECAST = PullForecast(
    repository="acme/Owl-GGUF",
    commit="a" * 40,
    about="Owl, qwen3, dense, 30.5B parameters, 48 layers, trained with 40,960 tokens of context",
    drafts=["draft/Owl-0.6B-Q8_0.gguf"],
    chosen="Q4_K_M",
    bytes_left=19 << 30,
    disk_free=410 << 30,
    into="/models",
    pushes_out=[GLM],
    expected_speed=38.0,
    quantisations=[
        _quantisation("Q3_K_M", 14, "gpu", 65_536),
        _quantisation("Q4_K_M", 18, "gpu", 32_768),
        _quantisation("Q8_0", 34, "part", 8_192),
    ],
)
BENCHES = [
    benchmarks.run(3, benchmarks.profile(GLM, 58.0, depths=[benchmarks.depth(n, 58.0 - n / 900) for n in (512, 4_096, 16_384)])),
    benchmarks.run(2, benchmarks.profile(QWEN, 31.0)),
    benchmarks.run(1, benchmarks.profile(GLM, 50.0), benchmarks.profile(QWEN, 30.0, outcome="failed", failure=OUT_OF_MEMORY)),
]  # fmt: skip


def _bench(rest: list[str]) -> Any:
    """Of the call `/bench/RUN/against/BEFORE`, as far as it goes."""
    found = [run for text in rest[::2] for run in BENCHES if str(run.id) == text]
    match rest, found:
        case [[], _]:
            return BenchRuns(runs=list(map(summary, BENCHES)))
        case [[_], [run]]:
            return run
        case [[_, "against", _], [after, before]]:
            return comparison_of(before, after)
        case _:
            return None


def _usage() -> UsageReport:
    rows = [
        UsageRow(
            day=f"2026-11-{day}",
            key=key,
            model=model,
            requests=12 * day,
            prompt_tokens=123_456 * day,
            answer_tokens=4_321 * day,
            seconds=65.0 * day,
        )
        for day in (25, 24, 23)
        for key in ("anna", "ci", "")
        for model in (GLM, QWEN)
    ]
    return UsageReport(since="2026-11-01", until="2026-11-25", rows=rows)


def _detail(name: str) -> ProfileDetail:
    flags = [
        FlagInfo(
            flag="--model",
            values=["/models/GLM-4.7-Flash-Q4_K_M.gguf"],
            origin=f"[{name}] MODEL, line 7",
        ),
        FlagInfo(
            flag="--ctx-size",
            values=["131072"],
            origin=f"[{name}] CTX_SIZE, line 9",
            overridden=["4096 ([*] CTX_SIZE, line 2)"],
        ),
        FlagInfo(flag="--fit-target", values=["1024"], origin="[*] FIT_TARGET, line 3"),
    ]
    facts = {
        "architecture": "glm4moe",
        "layers": "48",
        "quantisation": "Q4_K, medium",
        "trained context": "131072",
    }
    return ProfileDetail(profile=PROFILES[name], flags=flags, facts=facts)
