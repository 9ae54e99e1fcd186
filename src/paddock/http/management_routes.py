"""Routes by which people and programs manage the daemon."""

from typing import Any

from paddock.api import activity, bench, devices, events, placement, profiles, stats, types, usage
from paddock.api import contexts as context_types
from paddock.api import editing as wire
from paddock.api import engines as engine_types
from paddock.api import pulls as pull_types
from paddock.api import switches as past_switches
from paddock.api import tunings as tuning_types
from paddock.api import yielding as yield_types
from paddock.http import (
    benches,
    contexts,
    dashboard,
    editing,
    engines,
    logs,
    management,
    openapi,
    passage,
    past,
    plans,
    pulls,
    router,
    sse,
    tunings,
    yielding,
)
from paddock.http.auth import Scope
from paddock.http.front import Handler, Route


def _get(path: str, handler: Handler, gives: Any, summary: str, *, acts: bool = False) -> Route:
    return Route("GET", path, handler, summary, gives=gives, acts=acts)


def _do(path: str, handler: Handler, takes: Any, gives: Any, summary: str, *statuses: int) -> Route:
    """`statuses`: of success, 200 where none is named."""
    return Route(
        "POST", path, handler, summary, takes=takes, gives=gives, statuses=statuses or (200,)
    )


MANAGEMENT = (
    Route(
        "GET",
        "/",
        management.about,
        "Where to look; for a browser, llama-server's own web page",
        scope=Scope.OPEN,
        media="text/plain",
    ),
    *(
        Route("GET", path, handler, what, scope=Scope.OPEN, media=media)
        for path, handler, media, what in (
            ("/dashboard", dashboard.page, "text/html", "The dashboard, a page for browsers"),
            ("/dashboard/files/{file:.+}", dashboard.file, "*/*", "One of its files"),
            ("/dashboard/{view:.*}", dashboard.page, "text/html", "The same page: a view of it"),
        )
    ),
    Route("GET", "/health", management.health, "The daemon lives", scope=Scope.OPEN),
    Route("GET", "/v1/health", management.health, "The daemon lives", scope=Scope.OPEN),
    _get("/status", management.status, types.Status, "What runs, what waits, what lies where"),
    Route(
        "POST",
        "/switch",
        management.switch,
        "Make a profile ready; `wait: false` gives 202 and a job, `Accept: text/event-stream` its progress",
        takes=types.SwitchRequest,
        gives=types.SwitchResult,
        statuses=(200, 202),
    ),
    _get("/jobs/{job}", management.job, types.SwitchResult, "How a switch goes or went"),
    Route(
        "GET",
        "/history/{model:.+}",
        management.history,
        "How the loads of a profile went, the newest first: times, placements, speeds, verdicts",
        gives=placement.History,
        query=("limit",),
    ),
    Route(
        "GET",
        "/switches",
        past.switches,
        "Switches, the newest first: each phase with its seconds, who left, what was read again",
        gives=past_switches.SwitchHistory,
        query=("model", "limit"),
    ),
    Route(
        "GET",
        "/stats",
        past.stats,
        "What switches cost together, and which change would end what alternation costs; plans where need be",
        gives=stats.Stats,
        query=("since",),
        acts=True,
    ),
    Route(
        "GET",
        "/devices/history",
        past.devices,
        "The devices over the last hour: memory by model and program, margin, free, utilisation, heat, power",
        gives=devices.DevicesPast,
        query=("since",),
    ),
    Route(
        "GET",
        "/contexts",
        contexts.contexts,
        "Saved contexts of all profiles, in RAM and on the disk, with size and age",
        gives=context_types.SavedContexts,
        acts=True,  # it looks at the files that profiles name
    ),
    _do(
        "/contexts/{context}/delete",
        contexts.delete,
        None,
        context_types.SavedContexts,
        "Delete a saved context",
    ),
    Route(
        "GET",
        "/engines",
        engines.engines,
        "The engines, how the trial of each went, and which is the default",
        gives=engine_types.EngineList,
        acts=True,  # a new build is started, to print its version
    ),
    _do(
        "/engines/promote",
        engines.promote,
        engine_types.PromoteRequest,
        engine_types.EngineList,
        "Make an engine the default, if its newest trial has passed",
    ),
    _do(
        "/engines/rollback",
        engines.roll_back,
        None,
        engine_types.EngineList,
        "Make the former default the default again",
    ),
    Route(
        "GET",
        "/usage",
        past.usage,
        "Who used what: requests, tokens and seconds by key, model and day, from `since` to `until`",
        gives=usage.UsageReport,
        query=("since", "until"),
        acts=True,  # what was counted is written down first
    ),
    Route(
        "GET",
        "/bench",
        benches.runs,
        "Benchmarks that are kept, the newest first",
        gives=bench.BenchRuns,
        query=("limit",),
    ),
    _get("/bench/{run}", benches.run, bench.BenchRun, "One benchmark in full"),
    _get(
        "/bench/{run}/against/{before}",
        benches.against,
        bench.BenchComparison,
        "What changed in a benchmark since another, beyond the spread",
    ),
    _do(
        "/bench",
        benches.keep,
        bench.BenchRun,
        bench.KeptRun,
        "Keep a benchmark; with the number of one that is kept, in its place",
    ),
    _do(
        "/bench/news",
        benches.news,
        bench.BenchNow,
        types.ModelResult,
        "Publish how a benchmark stands",
    ),
    Route(
        "GET",
        "/plans",
        plans.plans,
        "Where the profiles would lie, as known now: a page of `limit` of them after the first `offset`",
        gives=placement.Plans,
        query=("offset", "limit"),
    ),
    Route(
        "GET",
        "/pairs",
        plans.pairs,
        "Which pairs of profiles fit together, as known now; with `model`, who fits beside that one",
        gives=placement.Pairs,
        query=("model", "offset", "limit"),
    ),
    Route(
        "GET",
        "/plans/{model:.+}",
        plans.plan,
        "Where a profile would lie if all others had left; asks its engine if need be",
        gives=placement.Plan,
        acts=True,
    ),
    _get(
        "/profiles/{model:.+}",
        management.profile,
        profiles.ProfileDetail,
        "A profile in full: each flag with where it was written, and what its model file says",
        acts=True,  # it may read that file
    ),
    _get(
        "/preview/{model:.+}",
        management.preview,
        activity.Preview,
        "What a switch would do now: who would leave, what it needs, how long it took last time",
    ),
    _do(
        "/requests/{request}/cancel",
        management.cancel_request,
        None,
        router.Success,
        "End one request in flight, for its client too",
    ),
    Route(
        "GET",
        "/doctor",
        management.doctor,
        "What could be better, about models.conf, the profiles' files and this machine; plans where need be",
        gives=placement.Checkup,
        query=("model",),
        acts=True,
    ),
    _do(
        "/unload",
        management.unload,
        types.ModelRequest,
        types.ModelResult,
        "Unload one or all; 202 where an instance still has to end: `pending`",
        200,
        202,
    ),
    Route(
        "POST",
        "/tune",
        tunings.begin,
        "Begin to try a profile with other flags, for as long as the reply is read; then what ran comes back",
        takes=tuning_types.StudyRequest,
        gives=tuning_types.StudyBegun,
        media="text/event-stream",
    ),
    _do(
        "/tune/trial",
        tunings.trial,
        tuning_types.TrialRequest,
        tuning_types.TrialProfile,
        "The flags of a study's next trial, which `/switch` loads; they are written to no file",
    ),
    _do(
        "/tune/news",
        tunings.news,
        tuning_types.StudyNews,
        types.ModelResult,
        "Publish how a study stands",
    ),
    Route(
        "GET",
        "/tunings",
        tunings.listed,
        "Studies that are kept, the newest first, of all profiles or of `model`; and the one that runs",
        gives=tuning_types.TuningList,
        query=("model", "limit"),
    ),
    _get("/tunings/{tuning}", tunings.one, tuning_types.Tuning, "One study in full"),
    _do(
        "/tunings",
        tunings.keep,
        tuning_types.Tuning,
        bench.KeptRun,
        "Keep a study; with the number of one that is kept, in its place",
    ),
    _do(
        "/yield",
        yielding.begin,
        yield_types.YieldRequest,
        yield_types.YieldResult,
        "Leave all GPUs to other programs, until `/resume` or for `seconds`; 202 where one has yet to leave",
        200,
        202,
    ),
    Route(
        "GET",
        "/config",
        editing.text,
        "models.conf as text, its fingerprint (also as `ETag`), whether it can be written, and which earlier texts are kept",
        gives=wire.ConfigText,
        acts=True,
    ),
    _do(
        "/config/check",
        editing.check,
        wire.ConfigDraft,
        wire.ConfigCheck,
        "What is wrong with a draft of models.conf, or with an earlier text; writes nothing",
    ),
    _do(
        "/config/preview",
        editing.preview,
        wire.ConfigDraft,
        wire.ConfigPreview,
        "What a draft would change: the difference, profiles, plans as known now, instances that become stale",
    ),
    Route(
        "PUT",
        "/config",
        editing.write,
        "Write models.conf; refused where it has errors, or is not the text of `based_on` any more",
        takes=wire.ConfigWrite,
        gives=wire.ConfigWritten,
    ),
    _do(
        "/config/undo",
        editing.undo,
        wire.ConfigUndo,
        wire.ConfigWritten,
        "Put an earlier text of models.conf back, byte for byte; refused as writing is",
    ),
    _do("/resume", yielding.resume, None, yield_types.YieldResult, "Take the GPUs back"),
    _do("/cancel", management.cancel, types.ModelRequest, types.ModelResult, "Give up loads"),
    _do("/reload", management.reload, None, types.ModelResult, "Read models.conf again"),
    _do(
        "/shutdown",
        management.shutdown,
        types.ShutdownRequest,
        types.ModelResult,
        "End the daemon; `keep` leaves the instances running",
        202,
    ),
    _do(
        "/pulls",
        pulls.begin,
        pull_types.PullRequest,
        pull_types.PullInfo,
        "Fetch a model from a hub and write its profile; how it goes is in its `Location` and in events",
        202,
    ),
    _do(
        "/pulls/plan",
        pulls.plan,
        pull_types.PullRequest,
        pull_types.PullForecast,
        "What a model from a hub would be on this machine; some MB are read, no weights",
    ),
    _get("/pulls", pulls.listed, pull_types.PullList, "Downloads since the daemon began"),
    _get("/pulls/{pull}", pulls.one, pull_types.PullInfo, "How a download goes or went"),
    *(
        _do(f"/pulls/{{pull}}/{verb}", handler, None, pull_types.PullInfo, what)
        for verb, handler, what in (
            ("pause", pulls.pause, "End a download for now; what has come stays"),
            ("resume", pulls.resume, "Go on with a paused download"),
            ("cancel", pulls.cancel, "End a download; what has come stays for another one"),
        )
    ),
    Route(
        "GET",
        "/events",
        sse.events,
        "A snapshot, then everything that happens; `Last-Event-ID` resumes",
        gives=events.AnyEvent,
        media="text/event-stream",
        query=("after",),
        acts=True,
    ),
    Route(
        "GET",
        "/logs",
        logs.logs,
        "What all instances wrote, one after another, with a line where one takes over",
        media="text/plain",
        query=("lines", "follow"),
        acts=True,
    ),
    Route(
        "GET",
        "/logs/{name:.+}",
        logs.logs,
        "The log of an instance, of a profile's latest (`runs=all`: of all), or of the `daemon` itself",
        media="text/plain",
        query=("lines", "follow", "runs"),
        acts=True,
    ),
    Route(
        "GET",
        "/metrics",
        passage.metrics,
        "Prometheus; with `model`, the instance's own",
        media="text/plain",
        query=("model", "autoload"),
        acts=True,
    ),
    Route("GET", "/openapi.json", openapi.document, "This document", scope=Scope.INFERENCE),
)
