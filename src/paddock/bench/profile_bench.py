"""One profile measured: its loads, then one stream at each depth, then several streams at once.

Repetitions go round over all depths, so that a drift of the machine shows as spread, and so that
whoever interrupts has something of every depth.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Protocol

from paddock.api.bench import (
    BenchedProfile,
    BenchLoad,
    DepthFigures,
    FirstRequest,
    StreamFigures,
)
from paddock.api.client import Client, failure_of
from paddock.api.placement import LoadEntry, Plan
from paddock.api.types import InstanceInfo, ProfileInfo, Status
from paddock.bench.circumstances import circumstances, memory_of
from paddock.bench.cold_files import dropped
from paddock.bench.depths import TEXT, depths_for, left_out, prompt_tokens, streams_for
from paddock.bench.forecast import Forecast, Work
from paddock.bench.instance_props import InstanceProps, props_of, tokens_of
from paddock.bench.measured_request import Sample, measured
from paddock.bench.options import BenchOptions
from paddock.bench.spread import spread_of
from paddock.bench.taking import OpenRequests, Taken, Taking
from paddock.bench.watch import TrafficWatch
from paddock.errors import LoadFailed, PaddockError

_STREAM_DEPTH = 512  # tokens
_GONE = ("stopping", "failed")


class BenchProgress(Protocol):
    """Who shows how a run goes."""

    def step(self, text: str, left: float | None) -> None:
        """What is measured now, and the seconds that the rest takes; None: not known yet."""


class ProfileBench:
    """Measures one name: a profile, or a variant of one."""

    def __init__(
        self,
        client: Client,
        taking: Taking,
        watch: TrafficWatch,
        options: BenchOptions,
        forecast: Forecast,
        progress: BenchProgress,
        *,
        agent: str,
    ) -> None:
        self._client, self._taking, self._watch = client, taking, watch
        self._options, self._forecast, self._progress = options, forecast, progress
        self._agent = agent
        self._model = ""
        self._base = ""  # the profile whose instance answers
        self._tokens: list[int] = []
        self._prompts = 0

    def measure(self, info: ProfileInfo, into: BenchedProfile, *, generates: bool) -> None:
        """Measure it; what is known stands in `into` at any time. Raises what the API raises."""
        self._model, self._base = info.id, info.variant_of or info.id
        plan = self._plan()
        self._load_repeatedly(info, into)
        status = self._client.status()
        instance = self._instance(status)
        self._describe(into, status, instance, plan, info)
        if not generates:
            into.notes.append("it generates no text: only its loads and its memory were measured")
        elif self._options.speed:
            self._measure_speed(into)

    # ---- loads ----

    def _plan(self) -> Plan | None:
        """Asked before the load: afterwards it would have to be rehearsed beside the instance."""
        with suppress(PaddockError), self._taking.spending():
            return self._client.plan(self._base)
        return None

    def _load_repeatedly(self, info: ProfileInfo, into: BenchedProfile) -> None:
        kinds = [True] * self._options.cold + [False] * self._options.loads
        for cold in kinds:
            self._say("loading" + (" from the disk" if cold else ""))
            self._unload()
            is_cold = cold and dropped(info.args)
            if cold and not is_cold:
                into.notes.append("its files could not be dropped from the page cache from here")
            into.loads.append(self._load(wanted_cold=is_cold))
            self._forecast.pace(self._model).load = into.loads[-1].seconds
            self._forecast.done(self._model)

    def _unload(self) -> None:
        """Each call waits some seconds for requests that it serves; they go first."""
        with self._taking.spending():
            while self._client.unload(self._base).pending:
                self._say("waiting for requests that it serves")

    def _load(self, *, wanted_cold: bool) -> BenchLoad:
        self._ready()
        entry = self._entry()
        weights = entry.placement.weights if entry and entry.placement else None
        return BenchLoad(
            seconds=round(entry.seconds, 3) if entry else 0.0,
            cached=weights.cached if weights else None,
            wanted_cold=wanted_cold,
        )

    def _ready(self) -> None:
        with self._taking.spending():
            ended = self._client.switch(self._model)
        if ended.outcome != "ready":
            raise failure_of(ended)

    def _entry(self) -> LoadEntry | None:
        loads = self._client.history(self._base, 1).loads
        return loads[0] if loads else None

    def _instance(self, status: Status) -> InstanceInfo:
        for instance in status.instances:
            if instance.profile == self._base and instance.phase not in _GONE:
                return instance
        raise LoadFailed(f"{self._base} left while it was to be measured")

    def _describe(
        self,
        into: BenchedProfile,
        status: Status,
        instance: InstanceInfo,
        plan: Plan | None,
        info: ProfileInfo,
    ) -> None:
        others = [one.profile for one in status.instances if one.profile != self._base]
        into.circumstances = circumstances(self._entry(), info.args, others)
        into.memory = memory_of(status, instance, plan)
        into.experts_in_ram = plan.experts_in_ram if plan else None
        if placed := instance.placement:
            into.layers, into.layers_offloaded = placed.layers, placed.layers_offloaded
            into.layers_overflowing = placed.layers_overflowing
            into.graph_splits, into.graph_splits_tg = placed.graph_splits, placed.graph_splits_tg

    # ---- speed ----

    def _measure_speed(self, into: BenchedProfile) -> None:
        self._tokens = tokens_of(self._client, self._model, " " + " ".join(TEXT.split()))
        props = props_of(self._client, self._model)
        into.context, into.slots = props.context, props.slots
        depths = depths_for(props.context, self._options.answer, self._options.depths)
        streams = streams_for(props.slots, self._options.streams)
        into.notes += left_out(props.context, props.slots, self._options, depths, streams)
        if not depths:
            return
        self._forecast.plan(self._model, self._work(depths, streams))
        self._taking.begin()
        self._measure_first(into, depths[0])
        self._measure_depths(into, depths)
        self._measure_streams(into, streams, _stream_depth(props, self._options.answer))

    def _work(self, depths: Sequence[int], streams: Sequence[int]) -> list[Work]:
        answer = self._options.answer
        rounds = self._options.repeat
        together = [Work(n * _STREAM_DEPTH, n * answer) for n in streams]
        singles = [Work(depth, answer) for depth in depths]
        return [Work(depths[0], answer), *singles * rounds, *together * rounds]

    def _measure_first(self, into: BenchedProfile, depth: int) -> None:
        self._say("the first request")
        sample = self._take(depth).value
        into.first = FirstRequest(
            depth=depth,
            first_token=round(sample.first_token, 4),
            prompt=sample.prompt,
            generation=sample.generation,
        )

    def _measure_depths(self, into: BenchedProfile, depths: Sequence[int]) -> None:
        taken: dict[int, list[Taken[Sample]]] = {depth: [] for depth in depths}
        for number in range(self._options.repeat):
            for depth in depths:
                self._say(f"{depth:,} tokens, {number + 1} of {self._options.repeat}")
                taken[depth].append(self._take(depth))
                into.depths = [self._depth(d, found) for d, found in taken.items() if found]

    def _measure_streams(self, into: BenchedProfile, streams: Sequence[int], depth: int) -> None:
        taken: dict[int, list[Taken[list[Sample]]]] = {number: [] for number in streams}
        for number in range(self._options.repeat):
            for count in streams:
                self._say(f"{count} streams, {number + 1} of {self._options.repeat}")
                taken[count].append(self._take_together(count, depth))
                into.streams = [_streams(n, depth, found) for n, found in taken.items() if found]

    def _take(self, depth: int) -> Taken[Sample]:
        taken = self._taking.take(self._base, 1, partial(self._ask, depth), self._ready)
        pace, sample = self._forecast.pace(self._model), taken.value
        pace.prompt, pace.generation = (
            sample.prompt or pace.prompt,
            sample.generation or pace.generation,
        )
        self._forecast.done(self._model)
        return taken

    def _take_together(self, streams: int, depth: int) -> Taken[list[Sample]]:
        ask_all = partial(self._ask_together, streams, depth)
        taken = self._taking.take(self._base, streams, ask_all, self._ready)
        self._forecast.done(self._model)
        return taken

    def _ask(self, depth: int, lines: OpenRequests) -> Sample:
        self._prompts += 1
        prompt = prompt_tokens(self._tokens, depth, f"{self._agent} {self._prompts}")
        return measured(
            self._client,
            self._model,
            prompt,
            answer=self._options.answer,
            agent=self._agent,
            line=lines.new(),
        )

    def _ask_together(self, streams: int, depth: int, lines: OpenRequests) -> list[Sample]:
        with ThreadPoolExecutor(streams) as threads:
            asked = [threads.submit(self._ask, depth, lines) for _ in range(streams)]
            try:
                return [one.result() for one in asked]
            except BaseException:
                lines.cut()  # else the block would wait for the others' ends
                raise

    def _depth(self, depth: int, taken: Sequence[Taken[Sample]]) -> DepthFigures:
        samples = [one.value for one in taken]
        prompt = spread_of([s.prompt for s in samples if s.prompt_tokens == depth])
        generation = spread_of([s.generation for s in samples])
        reading = self._watch.watts((s.begun, s.first) for s in samples)
        writing = self._watch.watts((s.first, s.ended) for s in samples)
        return DepthFigures(
            depth=depth,
            first_token=spread_of([round(s.first_token, 4) for s in samples]),
            prompt=prompt,
            generation=generation,
            prompt_watts=reading,
            generation_watts=writing,
            prompt_tokens_per_joule=prompt.median / reading if prompt and reading else None,
            generation_tokens_per_joule=generation.median / writing
            if generation and writing
            else None,
            drafted=_drafted(samples),
            beside_traffic=sum(one.beside_traffic for one in taken),
        )

    def _say(self, what: str) -> None:
        self._progress.step(f"{self._model}: {what}", self._forecast.seconds())


def _stream_depth(props: InstanceProps, answer: int) -> int:
    """Tokens of each stream's prompt, so that all of them fit into the slots' one pool."""
    return max(1, min([_STREAM_DEPTH, *depths_for(props.context_of_each, answer)[-1:]]))


def _streams(number: int, depth: int, taken: Sequence[Taken[list[Sample]]]) -> StreamFigures:
    together = [one.value for one in taken]
    return StreamFigures(
        streams=number,
        depth=depth,
        first_token=spread_of([round(_all_begun(samples), 4) for samples in together]),
        generation=spread_of([_speed_of_all(samples) for samples in together]),
        beside_traffic=sum(one.beside_traffic for one in taken),
    )


def _all_begun(samples: Sequence[Sample]) -> float:
    return max(s.first for s in samples) - min(s.begun for s in samples)


def _speed_of_all(samples: Sequence[Sample]) -> float | None:
    """By the whole time, prompts included: one may be read while another's answer is written already."""
    seconds = max(s.ended for s in samples) - min(s.begun for s in samples)
    return sum(s.answer_tokens for s in samples) / seconds if seconds > 0 else None


def _drafted(samples: Sequence[Sample]) -> float | None:
    drafted = sum(s.drafted[0] for s in samples)
    return sum(s.drafted[1] for s in samples) / drafted if drafted else None
