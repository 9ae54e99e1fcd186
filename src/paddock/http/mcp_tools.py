"""What agents may do: each tool over the daemon, with the rights of the HTTP calls that do the same."""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from paddock.api import mcp
from paddock.api import mcp_tools as tools
from paddock.api.connection import error_of
from paddock.api.models import ModelCard
from paddock.api.types import ProfileInfo, Status
from paddock.api.yielding import YieldInfo
from paddock.errors import Cancelled, PaddockError
from paddock.http.auth import Scope
from paddock.http.errors import status_of
from paddock.http.listing import all_listed
from paddock.http.mcp_ask import ask
from paddock.http.mcp_caller import Caller
from paddock.http.yielding import allowed


async def call(caller: Caller, wanted: mcp.ToolCall) -> dict[str, Any]:
    """The tool's result, also where that is why not: a model reads it, and may do better."""
    does = TOOLS[wanted.tool]
    front, request = caller.front, caller.request
    try:
        front.guard.check(request.method, request.headers, does.scope, acts=True)
        return await does.run(caller, mcp.arguments_of(wanted))
    except PaddockError as error:
        return mcp.failed(front.redacted(request, error))


async def list_models(caller: Caller, _: tools.Nothing) -> dict[str, Any]:
    """All that are not hidden, in the file's order."""
    known = all_listed(caller.front, caller.request)
    rows = [listed(profile, card) async for profile, card in known if not card.hidden]
    return mcp.done(tools.ModelList(rows))


def listed(profile: ProfileInfo, card: ModelCard) -> tools.ListedModel:
    """One model, as an agent sees it."""
    measured = profile.speed.generation if profile.speed else None
    return tools.ListedModel(
        id=profile.id,
        title=profile.title,
        description=profile.description,
        aliases=profile.aliases,
        state=profile.state,
        context=card.context,
        speed=measured or profile.expected_speed,
        size_mib=profile.size_mib,
        load_seconds=profile.last_load_seconds,
    )


async def status(caller: Caller, _: tools.Nothing) -> dict[str, Any]:
    """`GET /status`, as much of it as helps to choose."""
    return mcp.done(as_known(caller.front.daemon.status()))


def as_known(now: Status) -> tools.StableStatus:
    """What an agent needs of a status."""
    running = [
        tools.LoadedModel(
            model=one.profile,
            instance=one.id,
            phase=one.phase,
            requests=one.leases,
            fraction=one.progress.fraction if one.progress else None,
        )
        for one in now.instances
    ]
    memory = [
        tools.DeviceMemory(device=one.name, total_mib=one.total_mib, free_mib=one.free_mib)
        for one in now.devices
    ]
    return tools.StableStatus(
        current=now.current,
        running=running,
        waiting=now.queue,
        memory=memory,
        version=now.version,
    )


async def switch_model(caller: Caller, wanted: tools.ModelName) -> dict[str, Any]:
    """`POST /switch`. Who leaves stops waiting; the load goes on."""
    daemon = caller.front.daemon
    profile = daemon.resolve(wanted.model).id
    async with caller.watching(profile):
        result = await daemon.switch(profile).wait()
    if result.failure:
        return mcp.failed(error_of(result.failure, status_of(result.failure.code)))
    if result.outcome != "ready":
        return mcp.failed(Cancelled(f"the switch to {profile} was given up: the daemon ends"))
    seconds, instance = result.seconds or 0.0, result.instance or ""
    text = f"{profile} is ready after {seconds:.1f} s"
    return mcp.done(tools.Switched(model=profile, instance=instance, seconds=seconds), text)


async def unload_model(caller: Caller, wanted: tools.ModelName) -> dict[str, Any]:
    """`POST /unload` of one."""
    daemon = caller.front.daemon
    names = daemon.unload(daemon.resolve(wanted.model).id, now=False)
    text = f"unloading {names[0]}" if names else f"{wanted.model} was not loaded"
    return mcp.done(tools.Unloaded(names), text)


async def pull_model(caller: Caller, wanted: tools.PullWish) -> dict[str, Any]:
    """`POST /pulls`, and how it goes."""
    daemon = caller.front.daemon
    known = next((p for p in reversed(daemon.pull_book.all()) if p.model == wanted.model), None)
    info = known if known and known.state == "done" else daemon.pulls.start(wanted.model)
    return mcp.done(
        tools.PullReport(
            state=info.state,
            quantisation=info.quantisation,
            done_bytes=info.done,
            size_bytes=info.size,
            profile=info.profile,
            error=info.failure.message if info.failure else "",
        )
    )


async def yield_gpus(caller: Caller, wanted: tools.YieldWish) -> dict[str, Any]:
    """`POST /yield`, or `POST /resume`."""
    yielding = caller.front.daemon.yielding
    if wanted.resume:
        yielding.end()
    else:
        await yielding.begin("an agent", seconds=allowed(wanted.seconds))
    info = caller.front.daemon.view.yielded()
    return as_yielded(info)


def as_yielded(info: YieldInfo | None) -> dict[str, Any]:
    """How the GPUs are, as the tool's result."""
    state = tools.YieldReport(
        yielded=info is not None,
        until=info.until if info else None,
        leaving=info.leaving if info else [],
        staying=info.staying if info else [],
    )
    return mcp.done(state, info.in_words() if info else "the GPUs are Paddock's again")


class Doing(NamedTuple):
    """A tool, and what a key must be good for to use it."""

    scope: Scope
    run: Callable[[Caller, Any], Awaitable[dict[str, Any]]]


TOOLS = {
    "list_models": Doing(Scope.INFERENCE, list_models),
    "status": Doing(Scope.MANAGEMENT, status),
    "switch_model": Doing(Scope.MANAGEMENT, switch_model),
    "ask_model": Doing(Scope.INFERENCE, ask),
    "unload_model": Doing(Scope.MANAGEMENT, unload_model),
    "pull_model": Doing(Scope.MANAGEMENT, pull_model),
    "yield_gpus": Doing(Scope.MANAGEMENT, yield_gpus),
}
