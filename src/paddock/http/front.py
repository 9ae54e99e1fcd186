"""What every handler needs, and the one row of the route table that it stands in."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aiohttp import web

from paddock.config.profile import NamedModel
from paddock.config.settings import Settings
from paddock.daemon.keyring import Holder
from paddock.errors import CannotFit, PaddockError
from paddock.http.auth import HOLDER, Guard, Scope
from paddock.http.pulse import Heart
from paddock.http.receiving import Receiver
from paddock.http.sampling import Samplers
from paddock.http.slots import Slots
from paddock.http.surfaces import MANAGEMENT, Surface
from paddock.http.web_page import WebPage

if TYPE_CHECKING:
    from paddock.config.profile import Profile
    from paddock.config.variant import Variant
    from paddock.daemon.daemon import Daemon


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
    heart: Heart = field(default_factory=Heart)  # beats for those who wait for a word
    switched_to: str | None = None  # the profile or variant named last at the wrapper's port
    created: int = field(default_factory=lambda: int(datetime.now(UTC).timestamp()))

    @property
    def settings(self) -> Settings:
        return self.daemon.settings

    def named(self, request: web.Request, model: str | None) -> "NamedModel":
        """What the request means, of what its key may ask; anything else is as if it were not there.

        Without a name the current profile, or the only one. Raises UnknownModel, ModelMissing.
        """
        holder = _restricted(request)
        return self.daemon.named(model, holder.may_ask if holder else None)

    def asked(self, request: web.Request, model: str | None) -> "NamedModel":
        """As `named`, for what is to be answered: `unknown-model` says who answers to strange names."""
        holder = request.get(HOLDER)
        if holder is None:  # nearly always, and a Mapping's `get` takes long
            return self.daemon.asked(model)
        may_ask = holder.may_ask if holder.is_restricted else None
        return self.daemon.asked(model, may_ask, holder.key.unknown_model)

    def resolve(self, request: web.Request, model: str | None) -> "Profile":
        """As `named`, for what goes to an instance as it is: not with a key for its variants alone.

        A variant's settings, a system prompt perhaps, would not be in such a request.
        """
        holder = _restricted(request)
        return self.daemon.named(model, holder.may_reach if holder else None).profile

    def is_listed(
        self, request: web.Request, profile: str, variant: "Variant | None" = None
    ) -> bool:
        """Whether the key of this request may hear of a profile, by its id, or of one variant of it."""
        if (holder := _restricted(request)) is None:
            return True
        found = self.daemon.roster.stable.profiles.get(profile)  # None: models.conf has it no more
        return found is not None and holder.may_ask(NamedModel(found, variant))

    def redacted(self, request: web.Request, error: PaddockError) -> PaddockError:
        """The refusal as the client may hear it: who keeps the memory may be kept from its key."""
        if isinstance(error, CannotFit) and _restricted(request):
            return CannotFit("this model cannot fit beside what must stay loaded")
        return error


def _restricted(request: web.Request) -> Holder | None:
    """Whose key the request came with, where some models are not for it."""
    holder = request.get(HOLDER)
    return holder if holder is not None and holder.is_restricted else None


# The first argument: whatever the table is served by, a `Front` for all of http's own routes.
Handler = Callable[[Any, web.Request, "Route"], Awaitable[web.StreamResponse]]


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
