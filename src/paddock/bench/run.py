"""A benchmark over profiles: one after the other, each kept as soon as it is known; then what ran comes back."""

import secrets
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from time import monotonic

from paddock import __version__
from paddock.api.bench import BenchedProfile, BenchRun
from paddock.api.client import Client
from paddock.api.types import Failure, ProfileInfo, Status
from paddock.bench.bench_news import BenchNews
from paddock.bench.evaluation import evaluated
from paddock.bench.forecast import Forecast, Work
from paddock.bench.options import BenchOptions
from paddock.bench.profile_bench import BenchProgress, ProfileBench
from paddock.bench.taking import Taking
from paddock.bench.watch import TrafficWatch
from paddock.errors import DaemonUnreachable, PaddockError

_LIVE = ("starting", "fitting", "loading", "warming", "ready", "busy")


class Bench:
    """One run. `key`: the API key, for the program of `--each`."""

    def __init__(
        self,
        client: Client,
        options: BenchOptions,
        progress: BenchProgress,
        *,
        key: str | None = None,
    ) -> None:
        self._client, self._options, self._key = client, options, key
        self._progress = self._news = BenchNews(client, progress)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self.run = BenchRun(
            begun_at=now,
            outcome="running",
            version=__version__,
            repeat=options.repeat,
            answer=options.answer,
        )
        self._agent = f"paddock-bench/{secrets.token_hex(4)}"
        self._forecast = Forecast()
        self._begun = monotonic()

    def measure(self, profiles: Sequence[ProfileInfo]) -> BenchRun:
        """The whole run. Ctrl-C ends it, and what is known is in the run; a second one leaves what ran unloaded.

        Raises DaemonUnreachable; what else goes wrong with a profile is in the run.
        """
        before = self._client.status()
        generating = self._generating()
        for info in profiles:
            self._foresee(info)
        self._news.of = len(profiles)
        with TrafficWatch(self._client, self._agent) as watch:
            taking = Taking(self._client, watch, wait=self._options.wait)
            try:
                for info in profiles:
                    self._measure_one(info, taking, watch, generating.get(info.id, True))
                    self._leave(info, taking, before)
                self.run.outcome = "done"
            except KeyboardInterrupt:
                self.run.outcome = "interrupted"
            finally:
                self._keep(taking)
                self._news.ended(self.run.outcome)
                self._put_back(before, profiles)
        return self.run

    def _generating(self) -> dict[str, bool]:
        """Whether each generates text, as far as its card says anything of that."""
        return {
            card.id: "completion" in card.abilities or "chat" in card.abilities
            for card in self._client.cards()
            if card.abilities
        }

    def _foresee(self, info: ProfileInfo) -> None:
        pace = self._forecast.pace(info.id)
        pace.load = info.last_load_seconds
        if info.speed:
            pace.prompt, pace.generation = info.speed.prompt, info.speed.generation
        loads = [Work(loads=1)] * (self._options.loads + self._options.cold)
        context = info.ctx_size or 8192
        rounds = 1 + self._options.repeat if self._options.speed else 0
        self._forecast.plan(info.id, [*loads, *[Work(context, 2 * self._options.answer)] * rounds])

    def _measure_one(
        self, info: ProfileInfo, taking: Taking, watch: TrafficWatch, generates: bool
    ) -> None:
        benched = BenchedProfile(profile=info.id, outcome="interrupted")
        self.run.profiles.append(benched)
        self._news.begin(info.id)
        one = ProfileBench(
            self._client, taking, watch, self._options, self._forecast, self._progress,
            agent=self._agent,
        )  # fmt: skip
        try:
            one.measure(info, benched, generates=generates)
            self._evaluate(benched)
            benched.outcome = "done"
        except DaemonUnreachable:
            raise
        except PaddockError as error:
            benched.outcome = "failed"
            benched.failure = Failure(
                code=error.code, message=error.message, hint=error.hint, log=list(error.detail)
            )
        self._forecast.over(info.id)
        self._news.note(benched)
        self._keep(taking)

    def _evaluate(self, benched: BenchedProfile) -> None:
        if command := self._options.command:
            self._progress.step(f"{benched.profile}: {command[0]}", self._forecast.seconds())
            benched.evaluation = evaluated(
                command,
                url=self._client.url,
                key=self._key,
                model=benched.profile,
                score=self._options.score,
            )

    def _keep(self, taking: Taking) -> None:
        """In the daemon's history, so that nothing is lost but the profile that is being measured."""
        run = self.run
        run.seconds = round(monotonic() - self._begun, 3)
        programs = sum(one.evaluation.seconds for one in run.profiles if one.evaluation)
        run.busy_seconds = round(taking.busy + programs, 3)
        run.waited_seconds = round(taking.waited, 3)
        with suppress(PaddockError):  # it is printed all the same
            run.id = self._client.keep_bench(run).id

    def _leave(self, info: ProfileInfo, taking: Taking, before: Status) -> None:
        """Its memory is not the next one's circumstance, unless it ran before."""
        base = info.variant_of or info.id
        if base not in _running(before):
            with suppress(PaddockError), taking.spending():
                self._client.unload(base)

    def _put_back(self, before: Status, profiles: Sequence[ProfileInfo]) -> None:
        """What ran runs again, and what came only to be measured goes."""
        ran = _running(before)
        measured = {info.variant_of or info.id for info in profiles}
        with suppress(PaddockError):
            now = _running(self._client.status())
            for name in measured - set(ran):
                if name in now:
                    self._client.unload(name)
            for name in sorted(ran, key=lambda name: name == before.current):
                if name not in now:
                    self._progress.step(f"{name} comes back", None)
                    self._client.switch(name)


def _running(status: Status) -> list[str]:
    """The profiles that are loaded, or about to be."""
    return [one.profile for one in status.instances if one.phase in _LIVE]
