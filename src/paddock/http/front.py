"""What every handler needs, and the one row of the route table that it stands in."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aiohttp import web

from paddock.config.settings import Settings
from paddock.daemon.keyring import Holder
from paddock.errors import ModelMissing, UnknownModel
from paddock.http.auth import HOLDER, Guard, Scope
from paddock.http.receiving import Receiver
from paddock.http.sampling import Samplers
from paddock.http.slots import Slots
from paddock.http.surfaces import MANAGEMENT, Surface
from paddock.http.web_page import WebPage

if TYPE_CHECKING:
    from paddock.config.profile import Profile
    from paddock.daemon.daemon import Daemon

_LISTED = "GET /v1/models lists those that there are for it"


@dataclass(slots=True)
class Front:
    """One HTTP front of one daemon."""

    daemon: "Daemon"
    guard: Guard
    routes: "tuple[Route, ...]"
    web_page: WebPage
    receiver: Receiver
    followers: set["asyncio.Task[Any]"] = field(default_factory=set)  # ended at shutdown
    # calls of tools by their client's session and their id, so that they can be cancelled
    calls: "dict[tuple[str, str | int], asyncio.Task[Any]]" = field(default_factory=dict)
    slots: Slots = field(default_factory=Slots)
    samplers: Samplers = field(default_factory=Samplers)
    created: int = field(default_factory=lambda: int(datetime.now(UTC).timestamp()))

    @property
    def settings(self) -> Settings:
        return self.daemon.settings

    def resolve(self, request: web.Request, model: str | None) -> "Profile":
        """The profile that the request means, of those that its key may ask.

        Without a name the current one, or the only one. Raises UnknownModel, also for one that is there
        and not for this key, and ModelMissing.
        """
        holder: Holder | None = request.get(HOLDER)
        if holder is None or not holder.is_restricted:
            return self.daemon.resolve(model)
        wanted = model or self._only_one_for(holder)
        with suppress(UnknownModel):  # its hint names others
            found = self.daemon.resolve(wanted)
            if holder.may_ask(found):
                return found
        if not wanted:
            raise ModelMissing("the request names no model", hint=_LISTED)
        raise UnknownModel(f"there is no model {wanted!r} that this key may ask", hint=_LISTED)

    def _only_one_for(self, holder: Holder) -> str | None:
        models = holder.key.models
        return models[0] if len(models) == 1 else None

    def is_listed(self, request: web.Request, profile: str) -> bool:
        """Whether the key of this request may hear of a profile."""
        holder: Holder | None = request.get(HOLDER)
        if holder is None or not holder.is_restricted:
            return True
        try:
            return holder.may_ask(self.daemon.resolve(profile))
        except UnknownModel:  # models.conf has it no more
            return False


Handler = Callable[[Front, web.Request, "Route"], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Route:
    """A path, who may use it, what happens, and what the OpenAPI document says of it."""

    method: str
    path: str
    handler: Handler
    summary: str
    surface: Surface = MANAGEMENT
    scope: Scope = Scope.MANAGEMENT
    takes: Any = None  # msgspec type of the JSON body
    gives: Any = None  # msgspec type of the JSON reply
    media: str = "application/json"  # of the reply
    statuses: tuple[int, ...] = (200,)  # of success
    query: tuple[str, ...] = ()
    streams: bool = False  # honours `"stream": true` in the body
    acts: bool = False  # a GET that web pages of other origins may not send
