"""Every switch in the history: its phases, whom it kept waiting, and what was read again after it."""

from dataclasses import dataclass

from paddock.api.switches import SwitchEntry, SwitchPhase
from paddock.core.effects import SwitchDone
from paddock.core.model import InstanceId, ProfileId
from paddock.core.scheduler import Scheduler
from paddock.daemon.activity.requests import Requests
from paddock.daemon.activity.switches import EndedSwitch
from paddock.daemon.clock import Clock, timestamp
from paddock.daemon.history.chronicle import Chronicle
from paddock.llama.output import TaskLine, Timing

_MOST_WAITS = 100  # kept of one switch


@dataclass(slots=True)
class _Awaited:
    """A switch whose first request has not been answered yet."""

    entry: SwitchEntry
    ready_at: float
    task: int | None = None  # of that request
    launched_at: float = 0.0


class SwitchLog:
    """Writes a switch down when it ends, and once more when the request that waited for it is answered."""

    def __init__(
        self, chronicle: Chronicle, requests: Requests, scheduler: Scheduler, clock: Clock
    ) -> None:
        self._chronicle, self._requests = chronicle, requests
        self._scheduler, self._clock = scheduler, clock
        self._awaited: dict[InstanceId, _Awaited] = {}
        self._prompts: dict[InstanceId, dict[int, int]] = {}  # tokens of each task's whole prompt
        self._last_prompt: dict[ProfileId, int] = {}  # tokens of the last one answered

    def ended(self, done: SwitchDone, ended: EndedSwitch) -> None:
        """A switch got ready, failed or was cancelled; who waited for it is not let in yet."""
        live = self._scheduler.live.get(done.instance)
        entry = SwitchEntry(
            profile=done.profile,
            instance=done.instance,
            ended_at=timestamp(),
            seconds=round(ended.seconds, 3),
            outcome=done.outcome,
            phases=ended.phases,
            left=list(live.replaced) if live else [],
            waits=[round(age, 3) for age in self._requests.waits(done.profile)][:_MOST_WAITS],
        )
        if done.outcome == "ready" and entry.waits:
            self._awaited[done.instance] = _Awaited(entry, self._clock.now())
        self._chronicle.write_later(lambda: self._add(entry))

    async def _add(self, entry: SwitchEntry) -> None:
        entry.id = await self._chronicle.history.add_switch(entry)

    # ---- what the instance's log says of its requests; probes are none ----

    def note_task(self, instance: InstanceId, line: TaskLine) -> None:
        """One of its requests goes on."""
        if line.kind == "launched":
            self._prompts.setdefault(instance, {})[line.task] = line.tokens
            awaited = self._awaited.get(instance)
            if awaited and awaited.task is None:
                awaited.task, awaited.launched_at = line.task, self._clock.now()
        elif line.kind == "released" and instance in self._prompts:
            self._prompts[instance].pop(line.task, None)

    def timed(self, instance: InstanceId, profile: ProfileId, prompt: Timing | None) -> None:
        """One of them was answered."""
        if prompt is None:
            return
        tokens = self._prompts.get(instance, {}).get(prompt.task)
        awaited = self._awaited.get(instance)
        if awaited and awaited.task == prompt.task:
            del self._awaited[instance]
            self._complete(awaited, prompt, tokens)
        if tokens is not None:
            self._last_prompt[profile] = tokens

    def _complete(self, awaited: _Awaited, prompt: Timing, tokens: int | None) -> None:
        entry = awaited.entry
        seconds = awaited.launched_at - awaited.ready_at + prompt.seconds
        first = SwitchPhase(name="first-token", seconds=round(seconds, 3))
        entry.phases = [*entry.phases, first]
        entry.prompt_tokens = prompt.tokens
        entry.read_again = again = self._read_again(entry, prompt, tokens)
        if again and prompt.tokens:
            entry.read_again_seconds = round(prompt.seconds * again / prompt.tokens, 3)
        self._chronicle.write_later(lambda: self._chronicle.history.set_switch(entry))

    def _read_again(self, entry: SwitchEntry, prompt: Timing, tokens: int | None) -> int | None:
        """Tokens that had been read before the unload, if it is the same conversation that goes on.

        A conversation only grows, so a shorter prompt is another one. What the longer one has more is
        new: at most the rest of what was read had been read before. A bound, as nobody sees the text.
        """
        before = self._last_prompt.get(ProfileId(entry.profile))
        if before is None or tokens is None or tokens < before:
            return None
        return max(0, prompt.tokens - (tokens - before))

    def gone(self, instance: InstanceId) -> None:
        """It has ended: whatever was not answered never will be."""
        self._awaited.pop(instance, None)
        self._prompts.pop(instance, None)
