"""Who may ask: the keys of paddock.toml and the named ones, as they are now, and what each has used today.

The named ones are read anew whenever their file changes: a key that is removed is refused from then
on, whatever else is wrong with other files. What is being answered is finished.
"""

import hmac
import logging
from collections.abc import Iterable, Mapping, Set
from pathlib import Path
from typing import Protocol

from paddock.config.keys import API_KEYS, MANAGEMENT_KEYS, NamedKey, digest_of, read_keys
from paddock.config.profile import NamedModel
from paddock.config.settings import Settings, is_loopback, listen_address
from paddock.daemon.clock import Day
from paddock.daemon.profiles.watch import written
from paddock.errors import ConfigError, KeyBusy, TokensSpent

_log = logging.getLogger(__name__)


class KeyCounts(Protocol):
    """What is counted by key."""

    def keep_only_keys(self, names: Set[str]) -> None:
        """There are no others any more."""
        ...


class Holder:
    """Whoever has one key, or one of a list of keys. Lives on while its requests do."""

    __slots__ = ("_day", "_spent_on", "active", "is_gone", "key", "name", "spent")

    def __init__(self, key: NamedKey, day: Day) -> None:
        self.name, self.key, self._day = key.name, key, day
        self.is_gone = False  # its key was taken away
        self.active = 0  # requests being served, or waiting to be
        self.spent = 0  # tokens, on this day:
        self._spent_on = ""

    @property
    def manages(self) -> bool:
        return self.key.scope != "ask"

    @property
    def speaks_for_others(self) -> bool:
        """Whether it passes requests of others on, and may say whose each is."""
        return self.key.scope == "node"

    @property
    def is_restricted(self) -> bool:
        """Whether some models are not for it."""
        return bool(self.key.models)

    def may_ask(self, named: NamedModel) -> bool:
        """Who may ask a profile may ask its variants; who may ask a variant, that one alone."""
        models = self.key.models
        if not models or (named.variant and any(name in models for name in named.names)):
            return True
        return self.may_reach(named)

    def may_reach(self, named: NamedModel) -> bool:
        """Whether it may ask the profile itself, by whatever name: what no variant has changed."""
        models, profile = self.key.models, named.profile
        return not models or profile.id in models or any(name in models for name in profile.aliases)

    def admit(self) -> None:
        """One more request; `leave` ends it. Raises KeyBusy or TokensSpent."""
        most, tokens = self.key.concurrency, self.key.tokens_per_day
        if tokens and self._today() >= tokens:
            raise TokensSpent(
                f"the key {self.name!r} has used its {tokens:,} tokens of today",
                hint="it may ask again after midnight, local time",
                passes_in=self._day.seconds_left(),
            )
        if most and self.active >= most:
            raise KeyBusy(
                f"the key {self.name!r} may have {most} request{'s' * (most > 1)} at a time",
                hint="try again when one of them is answered",
            )
        self.active += 1

    def leave(self) -> None:
        """A request that was admitted is over."""
        self.active -= 1

    def spend(self, tokens: int) -> None:
        """It has used so many more."""
        self.spent = self._today() + tokens

    def _today(self) -> int:
        if (today := self._day.today()) != self._spent_on:
            self._spent_on, self.spent = today, 0
        return self.spent


class Keyring:
    """All keys by their digests."""

    def __init__(
        self,
        settings: Settings,
        file: Path,
        metrics: KeyCounts | None = None,
        day: Day | None = None,
    ) -> None:
        """`metrics`: there a key that is gone is counted no longer."""
        self._file, self._metrics, self._day = file, metrics, day or Day()
        self._of_settings = _of_settings(settings)
        host, _ = listen_address(settings.listen)
        self._is_shut = not is_loopback(host) and not settings.insecure
        self._named: dict[str, Holder] = {}
        self._lists = {
            API_KEYS: Holder(NamedKey(name=API_KEYS, digest=""), self._day),
            MANAGEMENT_KEYS: Holder(
                NamedKey(name=MANAGEMENT_KEYS, digest="", scope="manage"), self._day
            ),
        }
        self._gone: dict[str, Holder] = {}  # whose keys were taken away: one may come back
        self._recalled: tuple[str, Mapping[str, int]] = "", {}  # the day on which this daemon began
        self._all: tuple[tuple[bytes, Holder], ...] = ()
        self._met: dict[bytes, Holder] = {}  # those that were presented: no more than there are
        self.take(())

    @property
    def is_needed(self) -> bool:
        """Whether a key is asked for: where there are some, and at an address that others reach.

        The key of a front locks nobody out who uses this machine's own address.
        """
        return self._is_shut or any(not holder.speaks_for_others for _, holder in self._all)

    @property
    def names(self) -> set[str]:
        """Of all whose requests are counted apart."""
        return {holder.name for _, holder in self._all}

    def find(self, digest: bytes) -> Holder | None:
        """Who has the key with this digest (SHA-256); None where nobody has."""
        if (met := self._met.get(digest)) is not None:
            return met
        if (found := self._search(digest)) is not None:
            self._met[digest] = found
        return found

    def _search(self, digest: bytes) -> Holder | None:
        """Compare with every one, in the same time wherever it lies; the last that fits manages if any does."""
        found = None
        for known, holder in self._all:
            if hmac.compare_digest(digest, known):
                found = holder
        return found

    # ---- the named ones ----

    def read(self) -> None:
        """Read their file. Raises ConfigError, and then nothing has changed."""
        self.take(read_keys(self._file))

    def take(self, keys: Iterable[NamedKey]) -> None:
        """These are the named ones from now on."""
        before, self._named = self._named, {}
        for key in keys:
            old = before.get(key.name) or self._gone.pop(key.name, None)
            if old is None:
                old = Holder(key, self._day)
                old.spend(self._spent_before(key.name))
            old.key, old.is_gone = key, False  # what it may is changed, what it uses is not
            self._named[key.name] = old
        for name, gone in before.items():
            if name not in self._named:
                gone.is_gone, self._gone[name] = True, gone
        named = [(bytes.fromhex(one.key.digest), one) for one in self._named.values()]
        lists = [(digest, self._lists[name]) for digest, name in self._of_settings]
        both = [*named, *lists]
        self._all = tuple(sorted(both, key=lambda pair: pair[1].manages))
        self._met = {}

    def recall(self, spent: Mapping[str, int]) -> None:
        """What each had used today before this daemon began."""
        self._recalled = self._day.today(), dict(spent)
        for name, holder in self._named.items():
            holder.spend(spent.get(name, 0))

    def _spent_before(self, name: str) -> int:
        """Today, before this daemon began."""
        day, spent = self._recalled
        return spent.get(name, 0) if day == self._day.today() else 0

    async def run(self) -> None:
        """Read their file again after each change, for ever. One with a fault changes nothing."""
        async for _ in written(self._file):
            try:
                self.read()
            except ConfigError as error:
                _log.error("the keys stay as they were: %s", error)
            else:
                if self._metrics:
                    self._metrics.keep_only_keys(self.names)
                _log.info("%d named keys are known now", len(self._named))


def _of_settings(settings: Settings) -> tuple[tuple[bytes, str], ...]:
    lists = ((API_KEYS, settings.api_keys), (MANAGEMENT_KEYS, settings.management_keys))
    return tuple((bytes.fromhex(digest_of(key)), name) for name, keys in lists for key in keys)
