"""The events of a daemon, numbered and dated, and how a dashboard folds them."""

from collections.abc import Iterable, Sequence

from msgspec.structs import replace as with_fields

from paddock.api.activity import RequestInfo, RequestPhase, Totals
from paddock.api.events import Activity, AnyEvent, InstanceChanged, Snapshot, SwitchProgress
from paddock.api.types import (
    ConfigInfo,
    DeviceInfo,
    InstanceInfo,
    ProfileInfo,
    Progress,
    Stage,
    State,
    Status,
)
from paddock.figures.units import unix
from paddock.tui.reducer import reduce
from paddock.tui.state import View
from tests.tui.inhabitants import PROFILES, REVIEWS, profile, profiles_with, ready_glm
from tests.tui.machine import (
    CLOCK,
    FIRST_SEQ,
    GLM,
    INSTANCES,
    START,
    URL,
    cuda0,
    cuda1,
    host,
    time_at,
)
from tests.tui.rules import Rules

TOTALS = Totals(requests=318, failed=3, prompt_tokens=2_417_300, generated_tokens=184_220)


# ---- folding ----


def clock_of(event: AnyEvent) -> float:
    """When it happens, by the dashboard's clock."""
    moment = unix(event.time)
    assert moment is not None
    return CLOCK + moment - START.timestamp()


def end_of(events: Sequence[AnyEvent]) -> float:
    """The dashboard's clock at the end of a history."""
    return clock_of(events[-1])


def seen(events: Iterable[AnyEvent], view: View | None = None) -> View:
    """What a dashboard knows after these events."""
    view = view or View(url=URL)
    for event in events:
        view = reduce(view, event, clock_of(event))
    return view


# ---- telling ----


class Tale:
    """Numbers and dates what happens."""

    def __init__(self, seq: int = FIRST_SEQ) -> None:
        self.events: list[AnyEvent] = []
        self._seq, self._passed = seq, 0.0
        self._rules = Rules()

    def tell(self, *events: AnyEvent, after: float = 0.0) -> "Tale":
        """These, `after` seconds of silence."""
        self._passed += after
        for event in events:
            is_fact = not isinstance(event, Activity | Snapshot)
            self._seq += is_fact
            dated = with_fields(event, seq=self._seq, time=time_at(self._passed))
            self.events.append(self._rules.stamped(dated))
        return self


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
            started_at=time_at(-7200),
            current=current,
            instances=list(instances),
            queue=queue or {},
            devices=list(devices if devices is not None else [cuda0(), cuda1(), host()]),
            config=ConfigInfo(
                path="/home/ada/.config/paddock/models.conf", loaded_at=time_at(-7200)
            ),
            engine="native",
            engine_version="b11434",
            listen=["127.0.0.1:8080"],
            requests=list(requests),
            totals=TOTALS,
        ),
        profiles=list(profiles if profiles is not None else map(profile, PROFILES)),
        variants=[REVIEWS],
    )


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
    model = INSTANCES[name].rpartition(".")[0]
    moment = with_fields(Progress(stage=stage, elapsed=elapsed, part=part), **more)
    return SwitchProgress(profile=model, progress=moment)


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
    id_ = INSTANCES[name] if name else None
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
