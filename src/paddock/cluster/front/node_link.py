"""One node as the front follows it: what its daemon says, whether it answers, and who is served there.

What it says comes by its `/events`, read for ever. That it hangs has no event: it is asked for `/health`,
twice a second while somebody waits for it, else every few seconds. One that is silent is not chosen,
and whoever has heard nothing of an answer there may go elsewhere; one that stays silent is given up.
"""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

import msgspec

from paddock.api.activity import Preview
from paddock.api.events import AnyEvent, ConfigChanged, InstanceChanged, Snapshot
from paddock.api.placement import Plan, Plans
from paddock.api.sse import SseMessage, SseParser
from paddock.cluster.front.directory import Directory
from paddock.cluster.front.node_pool import NodePool
from paddock.cluster.node import Node
from paddock.errors import NodeLost
from paddock.tui.reducer import reduce
from paddock.tui.state import View

if TYPE_CHECKING:
    from ssl import SSLContext

_log = logging.getLogger(__name__)
_event: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)
_plans = msgspec.json.Decoder(Plans)
_ALL_PLANS = "/plans?limit=1000"


@dataclass(frozen=True, slots=True)
class NodeTimes:
    """How long the front waits for a node, seconds."""

    look: float = 0.4  # between two looks at one that somebody waits for
    idle_look: float = 5.0  # and at one that nobody waits for
    probe: float = 1.3  # until a look counts as unanswered: from then on it is silent
    given_up: float = 10.0  # of silence, until also what it had begun to answer is ended
    first_pause: float = 0.1  # between two attempts to follow it
    longest_pause: float = 2.0
    plans: float = 60.0  # between two looks at its plans
    patience: float = 10.0  # for a node that is about to come, while a request waits for it


class LinkListener(Protocol):
    """Whoever wants to know: the stable."""

    def heard(self, link: "NodeLink", event: AnyEvent) -> None:
        """The node says this; its view has it already."""

    def changed(self, link: "NodeLink") -> None:
        """It came, was lost, fell silent or answers again."""


class ServedRequest(Protocol):
    """A request on its way through the front."""

    @property
    def profile(self) -> str:
        """That it is for; empty where it is for none."""

    @property
    def may_move(self) -> bool:
        """Whether its client has heard nothing of an answer, and another node could give one."""


class OngoingUse(Protocol):
    """One request's use of a node."""

    @property
    def served(self) -> ServedRequest: ...

    def end(self, why: str) -> None:
        """It is not waited for any longer."""


class NodeLink:
    """What the front knows of one node, and its connections to it."""

    def __init__(
        self,
        node: Node,
        number: int,
        listener: LinkListener,
        times: NodeTimes,
        *,
        tls: "SSLContext | None" = None,
    ) -> None:
        """`number`: of the node, below `names.STRIDE`: the numbers of its requests carry it. `tls`: as for `NodePool`."""
        self.node, self.number = node, number
        self._tls = tls
        self.pool = NodePool(node.url, tls)
        self.view: View | None = None  # while it is followed
        self.directory = Directory()  # of its models, as last known
        self.plans: dict[str, Plan] = {}
        self.previews: dict[str, tuple[float, Preview | None]] = {}  # by profile, and when
        self.is_silent = False
        self.is_asleep = False  # it was let sleep, and nobody has woken it
        self.used_at = 0.0  # when it served somebody last
        self.made_at = monotonic()
        self.was_met = False  # it was followed once
        self.trouble = ""  # why it is not followed
        self.uses: set[OngoingUse] = set()
        self._listener, self._times = listener, times
        self._answered_at = monotonic()
        self._awake = asyncio.Event()  # somebody waits for it
        self._wants_plans = asyncio.Event()

    @property
    def name(self) -> str:
        return self.node.name

    @property
    def is_usable(self) -> bool:
        """Whether a request may be sent there."""
        is_there = self.view is not None and not self.is_silent and not self.is_asleep
        return is_there and self.node.state != "left-out"

    @property
    def headers(self) -> dict[str, str]:
        """By which its daemon knows the front."""
        return {"Authorization": f"Bearer {self.node.key}"} if self.node.key else {}

    def serving(self, served: ServedRequest) -> "NodeUse":
        """Have it serve a request inside the block: NodeLost there, once it is given up."""
        return NodeUse(self, served)

    async def run(self) -> None:
        """Follow it until cancelled."""
        self.pool = self.pool if not self.pool.closed else NodePool(self.node.url, self._tls)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._follow())
                group.create_task(self._watch())
                group.create_task(self._keep_plans())
        finally:
            self._lose("it is followed no longer")
            await self.pool.close()

    # ---- what it says ----

    async def _follow(self) -> None:
        pause = self._times.first_pause
        while True:
            try:
                if await self._read():
                    pause = self._times.first_pause
                    continue
                self._lose("its daemon has ended")
            except (OSError, msgspec.DecodeError, ValueError) as error:
                if self.view is not None:
                    pause = self._times.first_pause
                self._lose(str(error) or type(error).__name__)
            await asyncio.sleep(pause)
            pause = min(2 * pause, self._times.longest_pause)

    async def _read(self) -> bool:
        """Until nothing more comes. Whether its profiles are others now, so that it is to be read anew.

        Raises OSError where it is lost, ValueError where it says what cannot be understood.
        """
        async with asyncio.timeout(self._times.given_up):
            reply = await self.pool.ask("GET", "/events", self.headers, None)
        try:
            if reply.status != 200:
                words = (await reply.whole())[:200].decode(errors="replace")
                raise ConnectionError(f"its daemon refuses to be followed: {reply.status} {words}")
            parser = SseParser()
            while piece := await reply.some():
                for message in parser.feed(piece):
                    if isinstance(message, SseMessage) and self._take(_event.decode(message.data)):
                        return True
            return False
        finally:
            reply.close()

    def _take(self, event: AnyEvent) -> bool:
        now = monotonic()
        self._answered_at = now
        self.view = reduce(self.view or View(), event, now)
        if isinstance(event, Snapshot):
            self.was_met, self.trouble, self.is_silent = True, "", False
            self.directory = Directory(self.view.models, self.view.variants)
            self._wants_plans.set()
            self._listener.changed(self)
        else:
            self._listener.heard(self, event)
            if isinstance(event, InstanceChanged) and event.instance.phase == "ready":
                self._wants_plans.set()
        return isinstance(event, ConfigChanged) and self.view.is_stale

    def _lose(self, why: str) -> None:
        was_up, self.view, self.trouble = self.view is not None, None, why
        if was_up:
            _log.warning("node %s is lost: %s", self.name, why)
            self._listener.changed(self)

    async def _keep_plans(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._times.plans):
                    await self._wants_plans.wait()
            self._wants_plans.clear()
            if self.view is None:
                continue
            with suppress(OSError, msgspec.DecodeError):
                async with asyncio.timeout(self._times.given_up):
                    reply = await self.pool.ask("GET", _ALL_PLANS, self.headers, None)
                    content = await reply.whole()
                if reply.status == 200:
                    self.plans = {plan.profile: plan for plan in _plans.decode(content).plans}

    # ---- whether it answers ----

    async def _watch(self) -> None:
        while True:
            await self._pause()
            if self.view is None and not self.uses:
                self._answered_at = monotonic()
                continue
            if await self._answers():
                self._answered_at = monotonic()
                if self.is_silent:
                    self.is_silent = False
                    self._listener.changed(self)
                continue
            self._note_silence(monotonic() - self._answered_at)

    async def _pause(self) -> None:
        if not self.uses and not self.is_silent:
            self._awake.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._times.idle_look):
                    await self._awake.wait()
        await asyncio.sleep(self._times.look)

    async def _answers(self) -> bool:
        try:
            async with asyncio.timeout(self._times.probe):
                reply = await self.pool.ask("GET", "/health", self.headers, None)
                await reply.whole()
        except OSError:
            return False
        return True

    def _note_silence(self, seconds: float) -> None:
        if not self.is_silent:
            self.is_silent = True
            _log.warning("node %s does not answer", self.name)
            self._listener.changed(self)
        is_over = seconds >= self._times.given_up
        for use in [use for use in self.uses if is_over or use.served.may_move]:
            use.end(f"node {self.name} has not answered for {seconds:.0f} s")

    def woken(self) -> None:
        """Somebody waits for it now."""
        self._awake.set()


class NodeUse:
    """One request's use of a node, in the task that serves it."""

    __slots__ = ("_link", "_served", "_task", "_why")

    def __init__(self, link: NodeLink, served: ServedRequest) -> None:
        self._link, self._served, self._why = link, served, ""
        self._task = asyncio.current_task()

    @property
    def served(self) -> ServedRequest:
        return self._served

    def __enter__(self) -> None:
        self._link.uses.add(self)
        self._link.woken()

    def end(self, why: str) -> None:
        """It is not waited for any longer."""
        if not self._why and self._task is not None:
            self._why = why
            self._task.cancel()

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._link.uses.discard(self)
        self._link.used_at = monotonic()
        is_cancelled = isinstance(error, asyncio.CancelledError)
        if is_cancelled and self._why and self._task and self._task.uncancel() == 0:
            raise NodeLost(self._why, hint="paddock status shows the nodes") from None
