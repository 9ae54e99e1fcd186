"""The requests in flight: who they are, how far they are, and how one is ended from outside.

On the hot path there is only an insertion and a deletion; what people see is made when they look.
"""

import asyncio
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any, Protocol

import msgspec

from paddock.api.activity import RequestInfo, RequestPhase
from paddock.core.model import InstanceId, ProfileId
from paddock.daemon.clock import Clock
from paddock.errors import NoSuchThing
from paddock.llama.output import TaskLine

_CLIENT_LETTERS, _HEADER_LETTERS = 40, 200
_SLOT_SECONDS = (
    5.0  # llama-server looks once a second whether a client that does not stream is there
)


class ReplySource(Protocol):
    """Where a reply comes from; aiohttp counts."""

    total_bytes: int


class Reader(Protocol):
    """The connection of who reads it."""

    @property
    def writing_paused(self) -> bool:
        """Whether there is more for it than it takes."""


class Request(msgspec.Struct, eq=False):
    """One request that was let in, to wait or to be served."""

    id: int
    profile: str
    surface: str
    user_agent: str
    generates: bool  # it may have a task of its own: it is a POST
    since: float  # by the clock
    served_by: "asyncio.Task[object] | None"
    instance: InstanceId | None = None  # once granted
    has_begun: bool = False  # the first byte of the reply's body is there
    mark: int | None = None  # the same for what the same client sends again
    conversation: str = ""  # by its id, where its reply outlives its reader
    samplers: Mapping[str, float] = {}  # in effect
    overruled: Sequence[str] = ()
    cancelled: str = ""  # why, once somebody wants it to end
    over: asyncio.Event | None = None  # set once its slot is free, where somebody waits for that
    task: int | None = None  # of the instance, while it runs
    had_task: bool = False
    prompt_tokens: int | None = None
    prompt_read: int | None = None
    generated_tokens: int | None = None
    speed: float | None = None  # tokens/s, of its phase
    source: ReplySource | None = None  # once the reply has begun
    reader: Reader | None = None
    came_at: str = ""  # ISO 8601, made when somebody looks

    @property
    def phase(self) -> RequestPhase:
        if self.instance is None:
            return "queued"
        return "generating" if self.has_begun or self.generated_tokens else "prompt"

    @property
    def is_instances_turn(self) -> bool:
        """Whether only its instance can go on with it."""
        is_asked = self.generates and self.instance is not None
        return is_asked and not (self.reader and self.reader.writing_paused)

    @property
    def bytes_received(self) -> int:
        return self.source.total_bytes if self.source else 0

    @property
    def phase_speed(self) -> float | None:
        """Tokens/s; that of the prompt is none of the answer's."""
        return None if self.has_begun and not self.generated_tokens else self.speed

    @property
    def prompt_fraction(self) -> float | None:
        """0 to 1, while the prompt is read."""
        if self.phase != "prompt" or not self.prompt_tokens or self.prompt_read is None:
            return None
        return round(min(self.prompt_read / self.prompt_tokens, 1.0), 3)

    @property
    def tokens_so_far(self) -> tuple[int, int]:
        """Of the prompt and of the answer, as its instance has logged them: never too many."""
        read = self.prompt_tokens if self.has_begun or self.generated_tokens else self.prompt_read
        return read or 0, self.generated_tokens or 0

    def hear(self, line: TaskLine) -> None:
        """Its task goes on."""
        if line.kind == "reading":
            self.prompt_read = line.tokens
        elif line.kind == "generating":
            self.generated_tokens = line.tokens
        self.speed = line.speed or self.speed


class Requests:
    """All that are in flight, in the order in which they came."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._numbers = count(1)
        self._requests: dict[int, Request] = {}
        self._tasks: dict[tuple[InstanceId, int], Request] = {}
        self._marked: dict[int, list[Request]] = {}

    # ---- on the hot path ----

    def enter(
        self,
        profile: str,
        surface: str,
        user_agent: str,
        *,
        generates: bool,
        served_by: "asyncio.Task[Any] | None" = None,
    ) -> Request:
        """A request was let in, and is served from now until `leave`, by the current task if by no other."""
        request = Request(
            next(self._numbers),
            profile,
            surface,
            user_agent[:_HEADER_LETTERS],
            generates,
            self._clock.now(),
            served_by or asyncio.current_task(),
        )
        self._requests[request.id] = request
        return request

    def mark(self, request: Request, mark: int) -> None:
        """Have it found by `only`."""
        request.mark = mark
        self._marked.setdefault(mark, []).append(request)

    def leave(self, request: Request) -> None:
        """It is over for its client; where somebody waits for its slot, that is still listened for."""
        del self._requests[request.id]
        if request.mark is not None:
            self._unmark(request, request.mark)
        if request.over is None:
            self._forget_task(request)
        elif request.task is None:
            request.over.set()

    def _forget_task(self, request: Request) -> None:
        if request.task is not None and request.instance is not None:
            self._tasks.pop((request.instance, request.task), None)

    def only(self, mark: int) -> Request | None:
        """The one request in flight that has this mark; None where there are several, or none."""
        found = self._marked.get(mark, ())
        return found[0] if len(found) == 1 else None

    def is_waited_for(self, profile: str) -> bool:
        """Whether one of these requests is to be served by this profile, and by no instance yet."""
        return any(r.profile == profile and r.instance is None for r in self._requests.values())

    def unanswered(self, conversation: str) -> Request | None:
        """The request of this conversation of whose reply nothing is there yet, unless it was ended."""
        requests = self._requests.values()
        waiting = (r for r in requests if r.conversation == conversation)
        return next((r for r in waiting if not r.has_begun and not r.cancelled), None)

    def _unmark(self, request: Request, mark: int) -> None:
        same = self._marked[mark]
        same.remove(request)
        if not same:
            del self._marked[mark]

    def age(self, request: Request) -> float:
        """Seconds since it came."""
        return self._clock.now() - request.since

    # ---- what instances log ----

    def hear(self, instance: InstanceId, line: TaskLine) -> None:
        """A line of an instance's log reports one of its tasks."""
        if line.kind == "launched":
            self._launched(instance, line)
        elif request := self._tasks.get((instance, line.task)):
            if line.kind == "released":
                del self._tasks[instance, line.task]
                request.task = None
                if request.over:
                    request.over.set()
            else:
                request.hear(line)

    def _launched(self, instance: InstanceId, line: TaskLine) -> None:
        if (request := self._owner(instance)) is None:
            return  # a probe's, or of somebody who has left
        request.task, request.had_task = line.task, True
        request.prompt_tokens, request.prompt_read = line.tokens, None
        request.generated_tokens = request.speed = None
        self._tasks[instance, line.task] = request

    def _owner(self, instance: InstanceId) -> Request | None:
        """Whose task has just been launched.

        The log names no request. Where the instance serves one, it is that one's. Of several it is
        taken to be that of the first to come of those that had none yet: llama-server launches tasks
        in the order in which they arrive. Only where all had one, a further prompt of the first one.
        """
        free = [
            request
            for request in self._requests.values()
            if request.instance == instance and request.generates and request.task is None
        ]
        return next((r for r in free if not r.had_task), free[0] if free else None)

    def waits(self, profile: ProfileId) -> list[float]:
        """Seconds that each has waited which waits for this profile, the longest first."""
        now = self._clock.now()
        waiting = (r for r in self._requests.values() if r.profile == profile and not r.instance)
        return [now - request.since for request in waiting]

    def in_turn(self) -> dict[InstanceId, list[Request]]:
        """Those that wait for their instance to go on, by instance."""
        found: dict[InstanceId, list[Request]] = {}
        for request in self._requests.values():
            if request.instance and request.is_instances_turn:
                found.setdefault(request.instance, []).append(request)
        return found

    # ---- what people see and do ----

    def infos(self) -> list[RequestInfo]:
        """Each as it is now, the oldest first."""
        now = self._clock.now()
        return [self._info(request, now) for request in self._requests.values()]

    def _info(self, request: Request, now: float) -> RequestInfo:
        request.came_at = request.came_at or self._clock.time_of(request.since)
        return RequestInfo(
            id=request.id,
            profile=request.profile,
            instance=request.instance,
            surface=request.surface,
            client=client_name(request.user_agent),
            phase=request.phase,
            since=request.came_at,
            age=round(now - request.since, 3),
            prompt_tokens=request.prompt_tokens,
            prompt_fraction=request.prompt_fraction,
            generated_tokens=request.generated_tokens,
            speed=request.phase_speed,
            samplers=dict(request.samplers),
            overruled=list(request.overruled),
        )

    def cancel(self, number: int, why: str = "the request was cancelled") -> None:
        """End it for its client, and free what it uses. Raises NoSuchThing when it is over.

        Whoever serves it finds `cancelled` set, and takes the cancellation of its task back.
        """
        request = self._requests.get(number)
        if request is None or request.served_by is None:
            raise NoSuchThing(f"there is no request {number} in flight")
        _cancel(request, why)

    async def end(self, request: Request, why: str) -> None:
        """End it as `cancel` does, and return when its slot is free again, as far as its instance logs that.

        An instance that does not log it within some seconds is not waited for.
        """
        request.over = request.over or asyncio.Event()
        _cancel(request, why)
        try:
            async with asyncio.timeout(_SLOT_SECONDS):
                await request.over.wait()
        except TimeoutError:
            self._forget_task(request)


def _cancel(request: Request, why: str) -> None:
    if not request.cancelled and request.served_by is not None:
        request.cancelled = why
        request.served_by.cancel()


def client_name(user_agent: str) -> str:
    """What a client calls itself: up to the first blank, only what can be printed, 40 letters.

    All browsers call themselves Mozilla.
    """
    if user_agent.startswith("Mozilla/"):
        return "browser"
    word = user_agent.split(maxsplit=1)[0] if user_agent.strip() else ""
    return "".join(letter for letter in word if letter.isprintable())[:_CLIENT_LETTERS]
