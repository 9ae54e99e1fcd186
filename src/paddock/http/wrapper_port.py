"""The management API of a hand-made wrapper, on a port of its own: scripts written for one go on working.

Such a wrapper ran one llama-server at a time and let itself be steered by three calls: `/models`,
`/status` and `/switch`. The paths mean something else at our own address, hence the port. Shapes, states
and refusals (`{"error": "…"}`) are the wrapper's, `ctx_size` as text too; our own fields come beside them.
"""

from typing import Literal

import msgspec
from aiohttp import web

from paddock.api.types import InstanceInfo, SwitchResult
from paddock.config.profile import NamedModel
from paddock.errors import UnknownModel
from paddock.http.auth import Scope
from paddock.http.front import Front, Route
from paddock.http.listing import all_listed
from paddock.http.management import read, reply
from paddock.http.sheet import Sheet
from paddock.http.surfaces import WRAPPER, describe

State = Literal["idle", "starting", "running", "stopping"]
_STATES: dict[str, State] = {
    **dict.fromkeys(("starting", "fitting", "loading", "warming"), "starting"),
    **dict.fromkeys(("ready", "busy", "draining"), "running"),
    "stopping": "stopping",
}
_FIRST: tuple[State, ...] = ("starting", "running", "stopping")  # whose state is the answer


class WrapperModel(msgspec.Struct, kw_only=True):
    """One profile or variant."""

    id: str
    name: str
    speed: str
    ctx_size: str
    is_bench: bool
    active: bool
    loaded: bool  # ours: several may be


class WrapperModels(msgspec.Struct, kw_only=True):
    models: list[WrapperModel]


class WrapperStatus(msgspec.Struct, kw_only=True):
    """The model that loads, else the one that a request without a model gets.

    By the variant's name where it was switched to as this.
    """

    model: str | None
    model_name: str
    state: State
    status: str


class WrapperWish(msgspec.Struct, kw_only=True):
    model: str


class WrapperSwitch(msgspec.Struct, kw_only=True, omit_defaults=True):
    success: bool
    model: str | None
    model_name: str
    state: State
    error: str = ""  # ours


async def models(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """Every profile and variant, those for benchmarks too."""
    await front.daemon.look_at_files()
    active, sheet = now(front).model, Sheet(request, WrapperModels(models=[]), "models")
    async for info, card in all_listed(front, request):
        await sheet.add(
            WrapperModel(
                id=info.id,
                name=info.title or info.id,
                speed=info.speed_text,
                ctx_size=str(info.ctx_size or card.context or ""),
                is_bench=info.bench,
                active=info.id == active,
                loaded=info.state in ("ready", "busy"),
            )
        )
    return await sheet.end(WrapperModels(models=[]))


async def status(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """What loads or runs."""
    return reply(now(front))


async def switch(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """Make a model ready, and answer when it is, or has failed: `success` says which."""
    wanted = await read(front, request, WrapperWish)
    named = front.named(request, wanted.model)
    before, front.switched_to = front.switched_to, named.id
    result = await front.daemon.switch(named.profile.id).wait()
    if result.failure and front.switched_to == named.id:
        front.switched_to = before
    return reply(_switched(front, named, result))


def _switched(front: Front, named: NamedModel, result: SwitchResult) -> WrapperSwitch:
    if failure := result.failure:
        found = now(front)
        why = f"{failure.message} ({failure.hint})" if failure.hint else failure.message
        return WrapperSwitch(
            success=False,
            model=found.model,
            model_name=found.model_name,
            state=found.state,
            error=why,
        )
    title = _title(front, named.id)
    return WrapperSwitch(success=True, model=named.id, model_name=title, state="running")


def now(front: Front) -> WrapperStatus:
    """What a wrapper with one llama-server would say of a stable that may have several."""
    found = front.daemon.status()
    by_state = {_STATES.get(one.phase, "idle"): one for one in reversed(found.instances)}
    current = next((i for i in found.instances if i.profile == found.current), None)
    if current and _STATES.get(current.phase) == "running":
        by_state["running"] = current
    for state in _FIRST:
        if one := by_state.get(state):
            name = _name(front, one.profile)
            title = _title(front, name)
            return WrapperStatus(
                model=name, model_name=title, state=state, status=_said(one, title)
            )
    return WrapperStatus(model=None, model_name="", state="idle", status="nothing is loaded")


def _said(instance: InstanceInfo, title: str) -> str:
    return describe(title, instance.progress) if instance.progress else f"{title}: {instance.phase}"


def _name(front: Front, profile: str) -> str:
    """As which it was switched to last: scripts wait for the name that they gave."""
    try:
        found = front.daemon.named(front.switched_to) if front.switched_to else None
    except UnknownModel:  # models.conf has it no more
        return profile
    return found.id if found and found.profile.id == profile else profile


def _title(front: Front, name: str) -> str:
    try:
        found = front.daemon.named(name)
    except UnknownModel:  # models.conf has it no more, and it still runs
        return name
    return (found.variant or found.profile).title or name


WRAPPER_API = (
    Route(
        "GET",
        "/models",
        models,
        "The profiles, as a wrapper listed them",
        WRAPPER,
        Scope.INFERENCE,
        gives=WrapperModels,
    ),
    Route("GET", "/status", status, "What runs", WRAPPER, gives=WrapperStatus),
    Route(
        "POST",
        "/switch",
        switch,
        "Make a model ready, and wait for it",
        WRAPPER,
        takes=WrapperWish,
        gives=WrapperSwitch,
    ),
)
