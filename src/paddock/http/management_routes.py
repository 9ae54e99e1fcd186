"""Routes by which people and programs manage the daemon."""

from typing import Any

from paddock.api import activity, devices, events, placement, profiles, stats, types, usage
from paddock.api import switches as past_switches
from paddock.api import yielding as yield_types
from paddock.http import (
    dashboard,
    logs,
    management,
    openapi,
    passage,
    past,
    plans,
    router,
    sse,
    yielding,
)
from paddock.http.auth import Scope
from paddock.http.front import Handler, Route


def get(path: str, handler: Handler, gives: Any, summary: str, *, acts: bool = False) -> Route:
    """One that is read. `acts`: though it reads only, it costs or changes something."""
    return Route("GET", path, handler, summary, gives=gives, acts=acts)


def do(path: str, handler: Handler, takes: Any, gives: Any, summary: str, *statuses: int) -> Route:
    """An order with a body. `statuses`: of success, 200 where none is named."""
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
    get("/status", management.status, types.Status, "What runs, what waits, what lies where"),
    Route(
        "POST",
        "/switch",
        management.switch,
        "Make a profile ready; `wait: false` gives 202 and a job, `Accept: text/event-stream` its progress",
        takes=types.SwitchRequest,
        gives=types.SwitchResult,
        statuses=(200, 202),
    ),
    get("/jobs/{job}", management.job, types.SwitchResult, "How a switch goes or went"),
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
        "/usage",
        past.usage,
        "Who used what: requests, tokens and seconds by key, model and day, from `since` to `until`",
        gives=usage.UsageReport,
        query=("since", "until"),
        acts=True,  # what was counted is written down first
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
    get(
        "/profiles/{model:.+}",
        management.profile,
        profiles.ProfileDetail,
        "A profile in full: each flag with where it was written, and what its model file says",
        acts=True,  # it may read that file
    ),
    get(
        "/preview/{model:.+}",
        management.preview,
        activity.Preview,
        "What a switch would do now: who would leave, what it needs, how long it took last time",
    ),
    do(
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
    do(
        "/unload",
        management.unload,
        types.ModelRequest,
        types.ModelResult,
        "Unload one or all; 202 where an instance still has to end: `pending`",
        200,
        202,
    ),
    do(
        "/yield",
        yielding.begin,
        yield_types.YieldRequest,
        yield_types.YieldResult,
        "Leave all GPUs to other programs, until `/resume` or for `seconds`; 202 where one has yet to leave",
        200,
        202,
    ),
    do("/resume", yielding.resume, None, yield_types.YieldResult, "Take the GPUs back"),
    do("/cancel", management.cancel, types.ModelRequest, types.ModelResult, "Give up loads"),
    do("/reload", management.reload, None, types.ModelResult, "Read models.conf again"),
    do(
        "/shutdown",
        management.shutdown,
        types.ShutdownRequest,
        types.ModelResult,
        "End the daemon; `keep` leaves the instances running",
        202,
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
