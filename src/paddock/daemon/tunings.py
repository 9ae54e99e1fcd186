"""A profile tried with other flags, as `paddock tune` asks: beside those of models.conf, in no file.

The trial is a profile like any other for the scheduler, the ledger and whoever asks another model; clients'
lists leave it out. It is there as long as its study, which ends with its client. Then what had to leave for it
comes back, where there is room: what others have loaded meanwhile stays, and was wanted later.
"""

import asyncio
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from paddock.api.tunings import TRIAL_SUFFIX, TUNABLE, TuningNow
from paddock.config.ini import read_text
from paddock.config.profile import Problem, Profile
from paddock.config.settings import Paths, Settings
from paddock.config.tuned_section import retuned
from paddock.core import events as ev
from paddock.core.model import ProfileId
from paddock.core.scheduler import Scheduler
from paddock.daemon.activity.tuning_book import TuningBook
from paddock.daemon.configuration import Configuration
from paddock.daemon.faults import Faults
from paddock.daemon.loop import Loop
from paddock.daemon.orders import Orders
from paddock.daemon.profiles.proposal import proposed
from paddock.daemon.profiles.rights import must_be_editable
from paddock.daemon.profiles.roster import Roster
from paddock.daemon.reports.publisher import Publisher
from paddock.errors import BadRequest, ConfigError, NoSuchThing, TuningRuns

_LONGEST = 500  # letters of a value
_CLOSING = 5.0  # seconds


@dataclass
class OpenStudy:
    """One that runs."""

    profile: str
    ran: list[str]  # what was loaded as it began, the current one last
    id: str = field(default_factory=lambda: secrets.token_hex(8))

    @property
    def trial(self) -> str:
        """The profile by which its trials are loaded."""
        return f"{self.profile}{TRIAL_SUFFIX}"


class Tunings:
    """One study at a time."""

    def __init__(
        self,
        paths: Paths,
        settings: Settings,
        roster: Roster,
        loop: Loop,
        scheduler: Scheduler,
        configuration: Configuration,
        orders: Orders,
        publisher: Publisher,
        book: TuningBook,
        faults: Faults,
    ) -> None:
        self._paths, self._settings = paths, settings
        self._roster, self._loop, self._scheduler = roster, loop, scheduler
        self._configuration, self._orders = configuration, orders
        self._publisher, self._book, self._faults = publisher, book, faults
        self._study: OpenStudy | None = None
        self._endings: set[asyncio.Task[None]] = set()

    @contextmanager
    def study(self, profile: str, now: TuningNow, current: str | None) -> Iterator[OpenStudy]:
        """A study of this profile for the length of the block. TuningRuns where there is one already; Forbidden."""
        must_be_editable(self._settings, "no other flags are tried")
        if self._study or self._endings:
            raise TuningRuns(
                "a profile is being tuned already", hint="`paddock tune --list` shows it"
            )
        ran = sorted(self._live(), key=lambda name: name == current)
        study = self._study = OpenStudy(profile, ran)
        self._book.begin(ran)
        self._publish(now)
        try:
            yield study
        finally:
            self._study = None
            self._end(study)

    def sweep(self) -> None:
        """Unload what an earlier daemon, which was killed in a study, has left."""
        for name in self._live():
            if name.endswith(TRIAL_SUFFIX) and name not in self._roster.stable.profiles:
                self._orders.unload(name, now=True)

    def note(self, study: str, now: TuningNow) -> None:
        """Publish how it stands. NoSuchThing where it has ended."""
        self._known(study)
        self._publish(now)

    async def try_with(self, study: str, changes: Mapping[str, str | None]) -> Profile:
        """The profile with these flags changed, to be loaded by the study's name for it.

        BadRequest for flags that no trial may change; ConfigError where its engine would not take them;
        NoSuchThing where the study has ended.
        """
        known = self._known(study)
        _examine(changes)
        found = await asyncio.to_thread(self._changed, known.profile, changes)
        trial = replace(
            found, id=known.trial, tunes=known.profile, title=f"a trial of {known.profile}",
            aliases=(), hidden=True, pin=False, preload=False, ttl=0.0, probe=False,
            keep_context="off", load_mode_choice="off", priority=0,
        )  # fmt: skip
        await self._configuration.put_trial(trial)
        if self._study is not known:  # it ended while models.conf was read
            await self._configuration.put_trial(None)
            self._known(study)
        return self._roster.stable.profiles[known.trial]

    def _known(self, study: str) -> OpenStudy:
        if self._study is None or not secrets.compare_digest(
            self._study.id.encode(), study.encode(errors="replace")
        ):
            raise NoSuchThing("this study has ended", hint="`paddock tune` goes on with it")
        return self._study

    def _changed(self, name: str, changes: Mapping[str, str | None]) -> Profile:
        text = read_text(self._paths.config)
        if isinstance(text, Problem):
            raise ConfigError(str(text))
        text = retuned(text, self._in(text, name), changes) if changes else text
        return self._in(text, name)

    def _in(self, text: str, name: str) -> Profile:
        """This profile as that text has it."""
        proposal = proposed(text, self._roster, self._paths, limited=True)
        if proposal.stable is None:
            errors = tuple(str(p) for p in proposal.problems if p.severity == "error")
            raise ConfigError(f"[{name}] cannot be started so", detail=errors)
        if name not in proposal.stable.profiles:
            raise ConfigError(f"models.conf has no [{name}] any more")
        return proposal.stable.profiles[name]

    # ---- its end ----

    async def close(self) -> None:
        """Wait a moment for what is being taken down."""
        if self._endings:
            await asyncio.wait(self._endings, timeout=_CLOSING)

    def _end(self, study: OpenStudy) -> None:
        """Its instance goes, what ran comes back; by a task of ours, since its client may be gone."""
        ending = asyncio.ensure_future(self._take_down(study))
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)

    async def _take_down(self, study: OpenStudy) -> None:
        with self._faults.caught("tuning"):
            if now := self._book.now:
                outcome = "interrupted" if now.outcome == "running" else now.outcome
                self._publish(TuningNow(
                    profile=now.profile, goal=now.goal, outcome=outcome, trials=now.trials,
                    loads=now.loads, gain=now.gain, best=now.best, tuning=now.tuning,
                ))  # fmt: skip
            self._book.now = None
            if study.trial in self._live():
                self._orders.unload(study.trial, now=True)
            self._bring_back(study)
            if self._roster.trial:
                await self._configuration.put_trial(None)

    def _bring_back(self, study: OpenStudy) -> None:
        """What was loaded before it or during it, and had to leave; what was wanted last comes first."""
        back = tuple(ProfileId(name) for name in self._book.loaded if name != study.trial)
        self._loop.feed(ev.Displaced(back))

    def _live(self) -> list[str]:
        return list(dict.fromkeys(str(one.profile) for one in self._scheduler.live.values()))

    def _publish(self, now: TuningNow) -> None:
        self._book.now = now
        self._publisher.tuning_changed(now)


def _examine(changes: Mapping[str, str | None]) -> None:
    for flag, value in changes.items():
        if flag not in TUNABLE:
            raise BadRequest(f"a trial cannot change {flag[:60]!r}")
        if value is not None and not (value.isprintable() and 0 < len(value) <= _LONGEST):
            raise BadRequest(f"{flag}: a value is one line of at most {_LONGEST} letters")
