"""The daemon's HTTP API as a Python object: what the command line, dashboards and scripts call.

Synchronous, on the standard library and msgspec alone. Every method raises `PaddockError`: the
server's refusal with its code, hint and log lines, or `DaemonUnreachable`.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from typing import Any, TypeVar, get_args
from urllib.parse import quote, urlencode

import msgspec

from paddock.api.activity import Preview
from paddock.api.address import DEFAULT_URL
from paddock.api.bench import BenchNow, BenchRun, BenchRuns, KeptRun, RunSummary
from paddock.api.calls import strange
from paddock.api.connection import ApiConnection, HangUp, error_of, pieces, refusal
from paddock.api.events import AnyEvent, SwitchEnded, SwitchProgress
from paddock.api.models import Catalog, ModelCard
from paddock.api.placement import Checkup, History, Pair, Pairs, Plan, Plans
from paddock.api.profiles import ProfileDetail
from paddock.api.pulls import PullInfo, PullList, PullVerb
from paddock.api.sse import SseMessage, SseParser
from paddock.api.stats import Stats
from paddock.api.switches import SwitchHistory
from paddock.api.tuning_calls import TuningCalls
from paddock.api.types import (
    ModelRequest,
    ModelResult,
    ProfileInfo,
    Status,
    SwitchRequest,
    SwitchResult,
)
from paddock.api.usage import UsageReport
from paddock.api.yielding import YieldRequest, YieldResult
from paddock.errors import PaddockError, UpstreamGone

T = TypeVar("T")


class _Model(msgspec.Struct):
    paddock: ProfileInfo  # the rest of an entry is for clients of OpenAI and of llama.cpp's router


class _ModelList(msgspec.Struct):
    data: list[_Model]


class _Head(msgspec.Struct):
    type: str


_EVENT: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)
_HEAD = msgspec.json.Decoder(_Head)
_SILENCE = 45.0  # seconds: three signs of life are missing
_KNOWN = {kind.__struct_config__.tag for kind in get_args(AnyEvent)}


class Client(TuningCalls):
    """The API of the daemon at `url`; `key` is an API key, where the daemon asks for one."""

    def __init__(
        self, url: str = DEFAULT_URL, key: str | None = None, *, timeout: float = 10.0
    ) -> None:
        super().__init__(ApiConnection(url, key, timeout=timeout))

    @property
    def url(self) -> str:
        return self.connection.url

    def health(self) -> bool:
        """Whether a daemon answers. Raises only where something else answers."""
        try:
            with self.connection.exchange("GET", "/health"):
                return True
        except PaddockError as error:
            if error.code == "daemon_unreachable":
                return False
            raise

    def status(self) -> Status:
        return self._call("GET", "/status", Status)

    def models(self) -> list[ProfileInfo]:
        """Every profile with its state, in the file's order."""
        return [model.paddock for model in self._call("GET", "/models", _ModelList).data]

    def cards(self) -> list[ModelCard]:
        """What a client must know of each visible profile: context, abilities, samplers."""
        return self._call("GET", "/catalog", Catalog).models

    def switch(self, model: str, wait: bool = True, *, force: bool = False) -> SwitchResult:
        """Make a model ready; with `wait` the call lasts as long as the load.

        `force`: also where it is known that it cannot be loaded. A load that failed is a result, too; `failure_of` makes an exception of it.
        """
        body = SwitchRequest(model=model, wait=wait, force=force)
        with self.connection.exchange(
            "POST", "/switch", body, patient=wait, refused=True
        ) as response:
            answer = response.read()
        try:
            return msgspec.json.decode(answer, type=SwitchResult)
        except msgspec.DecodeError:
            raise refusal(answer, response.status) from None

    def switch_progress(
        self, model: str, *, force: bool = False
    ) -> Iterator[SwitchProgress | SwitchEnded]:
        """Make a model ready and report the progress; ends with `SwitchEnded`, whatever its outcome."""
        body = SwitchRequest(model=model, force=force)
        with self._stream("POST", "/switch", body) as response:
            for event in _events(response):
                if isinstance(event, SwitchProgress | SwitchEnded):
                    yield event
                if isinstance(event, SwitchEnded):
                    return
        raise UpstreamGone(f"the daemon ended the report on {model} before the switch had ended")

    def job(self, job: str) -> SwitchResult:
        """The state of a switch that was started with `wait=False`."""
        return self._call("GET", f"/jobs/{quote(job, safe='')}", SwitchResult)

    def plan(self, profile: str, *, patient: bool = False, line: HangUp | None = None) -> Plan:
        """Where a profile would lie, by its engine; takes seconds where that must be asked.

        `patient`: however many these are; `line` can hang up from another thread.
        """
        path = f"/plans/{quote(profile, safe='')}"
        return self._call("GET", path, Plan, patient=patient, line=line)

    def plans(self) -> Iterator[Plan]:
        """All plans as they are known now, in the order of models.conf; asked for page by page."""
        offset = 0
        while rows := self._call("GET", f"/plans?offset={offset}", Plans).plans:
            yield from rows
            offset += len(rows)

    def pairs(self, profile: str | None = None) -> Iterator[Pair]:
        """Which profiles fit beside this one, or all pairs without one; asked for page by page.

        There are as many pairs as the square of the profiles: take no more than needed.
        """
        offset, who = 0, {"model": profile} if profile else {}
        while rows := self._page(who | {"offset": str(offset), "limit": "1000"}):
            yield from rows
            offset += len(rows)

    def _page(self, query: dict[str, str]) -> list[Pair]:
        return self._call("GET", f"/pairs?{urlencode(query)}", Pairs).pairs

    def doctor(self, profiles: Iterable[str] = ()) -> Checkup:
        """What could be better about these profiles (all if none is named) and about the machine.

        Takes as long as the plans that are missing.
        """
        query = urlencode([("model", profile) for profile in profiles])
        return self._call("GET", f"/doctor?{query}" if query else "/doctor", Checkup, patient=True)

    def history(self, profile: str, limit: int | None = None) -> History:
        """The last loads of a profile, also of one that models.conf no longer has."""
        query = f"?limit={limit}" if limit is not None else ""
        return self._call("GET", f"/history/{quote(profile, safe='')}{query}", History)

    def switches(self, profile: str | None = None, limit: int | None = None) -> SwitchHistory:
        """The last switches to a profile, or to all: each with its phases."""
        query = {"model": profile, "limit": limit}
        said = urlencode({key: value for key, value in query.items() if value is not None})
        return self._call("GET", f"/switches?{said}" if said else "/switches", SwitchHistory)

    def stats(self, since: str | None = None) -> Stats:
        """What switches cost since this time (ISO 8601), without one in the last seven days.

        Takes as long as the plans that are missing.
        """
        query = f"?{urlencode({'since': since})}" if since else ""
        return self._call("GET", f"/stats{query}", Stats, patient=True)

    def bench_runs(self, limit: int | None = None) -> list[RunSummary]:
        """The benchmarks that are kept, the newest first."""
        query = f"?limit={limit}" if limit is not None else ""
        return self._call("GET", f"/bench{query}", BenchRuns).runs

    def bench_run(self, number: int) -> BenchRun:
        """One benchmark in full. NoSuchThing where there is none of this number."""
        return self._call("GET", f"/bench/{number}", BenchRun)

    def keep_bench(self, run: BenchRun) -> KeptRun:
        """Keep a benchmark in the daemon's history; one that has a number already replaces itself."""
        return self._call("POST", "/bench", KeptRun, run)

    def bench_news(self, now: BenchNow) -> None:
        """Publish how a benchmark stands."""
        self._call("POST", "/bench/news", ModelResult, now)

    def profile(self, model: str) -> ProfileDetail:
        """A profile in full: its flags with their origins, its file's facts. Asks no engine."""
        return self._call("GET", f"/profiles/{quote(model, safe='')}", ProfileDetail)

    def preview(self, model: str) -> Preview:
        """What a switch to this model would do now. Asks no engine, changes nothing."""
        return self._call("GET", f"/preview/{quote(model, safe='')}", Preview)

    def cancel_request(self, request: int) -> None:
        """End a request in flight, for its client too. NoSuchThing when it is over already."""
        with self.connection.exchange("POST", f"/requests/{request}/cancel", {}) as response:
            response.read()

    def pulls(self) -> list[PullInfo]:
        """The downloads since the daemon began, the newest last."""
        return self._call("GET", "/pulls", PullList).pulls

    def steer_pull(self, pull: str, verb: PullVerb) -> PullInfo:
        """Pause a download, go on with it (`resume`), or end it; how it is then. NoSuchThing, BadRequest, QueueFull."""
        return self._call("POST", f"/pulls/{quote(pull, safe='')}/{verb}", PullInfo, {})

    def unload(
        self, model: str | None = None, *, now: bool = False, wait: bool = True
    ) -> ModelResult:
        """Unload one model or all; `now` does not wait for running requests.

        `wait`: until it has ended; `pending` names those that still serve a request after some seconds.
        """
        wanted = ModelRequest(model=model, now=now, wait=wait)
        return self._call("POST", "/unload", ModelResult, wanted)

    def yield_gpus(
        self, seconds: float | None = None, *, now: bool = False, by: str = "", wait: bool = True
    ) -> YieldResult:
        """Leave all GPUs to other programs, for so many seconds, or until `resume`."""
        wanted = YieldRequest(seconds=seconds, now=now, by=by, wait=wait)
        return self._call("POST", "/yield", YieldResult, wanted, patient=True)

    def usage(self, since: str, until: str | None = None) -> UsageReport:
        """Who used what from day to day (`2026-11-30`), by key, model and day."""
        query = {"since": since} | ({"until": until} if until else {})
        return self._call("GET", f"/usage?{urlencode(query)}", UsageReport)

    def resume(self) -> YieldResult:
        """Take the GPUs back; what ran comes back."""
        return self._call("POST", "/resume", YieldResult, {})

    def cancel(self, model: str | None = None) -> list[str]:
        """Cancel the load of one model, or all loads. Gives their names."""
        return self._models("/cancel", ModelRequest(model=model))

    def reload(self) -> list[str]:
        """Read models.conf again, now. Gives the names of all profiles."""
        return self._call("POST", "/reload", ModelResult, {}).models

    def shutdown(self, *, keep: bool = False) -> None:
        """End the daemon; `keep` leaves the loaded models running for the next one to adopt."""
        with self.connection.exchange("POST", "/shutdown", {"keep": keep}) as response:
            response.read()

    def events(self, after: int | None = None) -> Iterator[AnyEvent]:
        """What happens, as it happens; first a snapshot, or all since the event `after`.

        Ends when the daemon ends. Connecting again is the caller's choice, with the last `seq`.
        """
        with self.watch(after) as events:
            yield from events

    @contextmanager
    def watch(
        self, after: int | None = None, *, line: HangUp | None = None
    ) -> Iterator[Iterator[AnyEvent]]:
        """The `events`, as soon as the daemon has answered; `line` can hang up from another thread.

        The daemon gives a sign of life every 15 s: a silent one is taken for gone.
        """
        headers = {} if after is None else {"Last-Event-ID": str(after)}
        with self.connection.exchange(
            "GET",
            "/events",
            accept="text/event-stream",
            headers=headers,
            silence=_SILENCE,
            line=line,
        ) as response:
            yield _events(response)

    def logs(
        self,
        name: str | None,
        lines: int | None = None,
        *,
        follow: bool = False,
        every_run: bool = False,
        line: HangUp | None = None,
    ) -> Iterator[bytes]:
        """The log of an instance, or of a profile's latest, in pieces; `follow` goes on as it grows.

        `every_run`: of all runs of a profile that are kept, and with `follow` of those to come, a
        line before each. A name of None: of everybody. `line` can hang up from another thread.
        """
        query = {"lines": str(lines)} if lines is not None else {}
        query |= {"follow": "1"} if follow else {}
        query |= {"runs": "all"} if every_run and name else {}
        path = f"/logs/{quote(name, safe='')}" if name else "/logs"
        path += f"?{urlencode(query)}" if query else ""
        with self.connection.exchange(
            "GET", path, accept="text/plain", patient=True, line=line
        ) as response:
            yield from pieces(response)

    def _models(self, path: str, request: ModelRequest) -> list[str]:
        return self._call("POST", path, ModelResult, request, patient=True).models

    def _stream(self, method: str, path: str, body: object = None) -> Any:
        return self.connection.exchange(
            method, path, body, accept="text/event-stream", patient=True
        )


def failure_of(ended: SwitchEnded | SwitchResult) -> PaddockError:
    """The exception for a switch that did not work out."""
    if ended.failure:
        return error_of(ended.failure)
    return PaddockError(f"the switch {ended.outcome}, and the daemon gave no reason")


def _events(response: HTTPResponse) -> Iterator[AnyEvent]:
    parser = SseParser()
    for piece in pieces(response):
        for found in parser.feed(piece):
            if isinstance(found, SseMessage) and (event := _event(found)):
                yield event


def _event(message: SseMessage) -> AnyEvent | None:
    if message.event == "error":
        raise refusal(message.data.encode(), 500)
    try:
        if _HEAD.decode(message.data).type not in _KNOWN:
            return None  # of a newer daemon
        return _EVENT.decode(message.data)
    except msgspec.DecodeError as error:
        raise strange("/events", error) from error
