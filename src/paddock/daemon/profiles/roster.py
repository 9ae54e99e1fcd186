"""The active profiles: models.conf as last read without errors, with engines and facts."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Iterable
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from msgspec import structs

from paddock.api.types import ConfigInfo, Failure
from paddock.config import models_conf
from paddock.config.explain import Changes, compare
from paddock.config.lenders import read_lenders, with_lenders
from paddock.config.model_files import MODEL_FLAGS
from paddock.config.profile import May, NamedModel, Profile, Stable
from paddock.config.settings import Paths, Settings
from paddock.core.model import ProfileId
from paddock.daemon.clock import timestamp
from paddock.daemon.collector import undisturbed
from paddock.daemon.faults import Faults
from paddock.engine.engine import Engine
from paddock.engine.engines import Engines
from paddock.errors import EngineError, UnknownModel
from paddock.llama.facts import Stamp, read_all_in_child, stamps
from paddock.llama.gguf import Facts, GgufError

_log = logging.getLogger(__name__)
_SHOWN = 200  # letters of a name that nobody has
_LARGE = 100_000  # bytes: about 300 profiles
_VERSIONS_KEPT = 100  # of changed profiles, to bring back what ran before a failed switch


@dataclass(frozen=True, slots=True)
class Revision:
    """What was read and is not active yet."""

    stable: Stable
    engines: Engines
    changes: Changes
    lenders: dict[str, str]  # machines that lend their devices: config/lenders.py


class Roster:
    """Who there is. `take` replaces everything that `read` found."""

    def __init__(self, paths: Paths, settings: Settings, faults: Faults) -> None:
        self._paths, self._faults = paths, faults
        self.engines = Engines.of(settings, paths.state_dir)
        self.stable = Stable(paths.config, paths.models_dir, {})
        self.edition = 0  # changes with the stable
        self.lenders: dict[str, str] = {}  # HOST:PORT of machines that lend their devices, by name
        self.trial: Profile | None = None  # one that is in no file: `tunings.py` has it loaded
        self.info = ConfigInfo(path=str(paths.config), loaded_at="")
        self._facts: dict[Path, tuple[list[Stamp], Facts | GgufError]] = {}
        self._reading = asyncio.Lock()
        self._lists: dict[tuple[Any, ...], tuple[Any, ...]] = {}
        self._versions: OrderedDict[str, Profile] = OrderedDict()  # by fingerprint

    # ---- looking up ----

    def __getitem__(self, profile: ProfileId) -> Profile:
        """Raises UnknownModel."""
        if found := self.stable.find(profile):
            return found
        raise self._unknown(profile)

    def named(self, name: str, may: May = None) -> NamedModel:
        """What people mean by this: see `Stable.meant`. Raises UnknownModel."""
        if found := self.stable.meant(name, may):
            return found
        raise self._unknown(name, may)

    def _unknown(self, name: str, may: May = None) -> UnknownModel:
        wrong = self.stable.left_out(name) if may is None else None
        if wrong:
            return UnknownModel(
                f"[{wrong.section}] is left out, because of an error: {wrong}",
                hint="`paddock check` shows all",
            )
        near = ", ".join(self.stable.near(name, may))
        hint = f"nearest: {near}" if near else "`paddock list` and GET /v1/models list all"
        return UnknownModel(f"there is no model {name[:_SHOWN]!r}", hint=hint)

    def version(self, profile: ProfileId, fingerprint: str) -> Profile:
        """The profile as it was when it had this fingerprint, else as it is. Raises UnknownModel."""
        then = self._versions.get(fingerprint)
        return then if then and then.id == profile else self[profile]

    def _remember_versions(self) -> None:
        for profile in self.stable.profiles.values():
            self._versions[profile.fingerprint] = profile
            self._versions.move_to_end(profile.fingerprint)
        while len(self._versions) > len(self.stable.profiles) + _VERSIONS_KEPT:
            self._versions.popitem(last=False)

    def engine(self, profile: Profile) -> Engine:
        """The engine that runs it. Raises EngineError."""
        return self.engines.find(profile.runner or profile.engine)

    def default_engine(self) -> Engine | None:
        try:
            return self.engines.find()
        except EngineError:
            return None

    def engines_at_hand(self) -> list[Engine]:
        """The default one first, then the wheel's if it is installed: for what any of them may do."""
        found: dict[str, Engine] = {}
        for name in (None, "embedded"):
            with suppress(EngineError):
                engine = self.engines.find(name)
                found.setdefault(engine.build_mark, engine)
        return list(found.values())

    def preloaded(self) -> list[ProfileId]:
        """What models.conf wants loaded from the start."""
        return [ProfileId(p.id) for p in self.stable.profiles.values() if p.preload]

    # ---- reading ----

    async def read(self, engines: Engines | None = None) -> Revision:
        """Read models.conf, with `engines` in place of the known ones, for `take`.

        Raises ConfigError or EngineError.
        """
        return await asyncio.to_thread(self._draft, engines or self.engines)

    def _draft(self, engines: Engines) -> Revision:
        calm = undisturbed() if _is_large(self._paths.config) else nullcontext()
        with calm:
            new = models_conf.load(
                self._paths.config,
                models_dir=self._paths.models_dir,
                flags_for=engines.flags,
                defaults_for=engines.defaults,
                before=self.stable.profiles,
            )
            lenders = read_lenders(self._paths.state_dir)
            spread = with_lenders(new, lenders)
            stable, changes = settled(spread, engines, self.stable, trial=self.trial)
            return Revision(stable, engines, changes, lenders)

    def take(self, draft: Revision, warnings: list[str]) -> None:
        """From now on it is as this draft says; `warnings`: what is wrong with it all the same."""
        self.engines, self.stable = draft.engines, draft.stable
        self.lenders = draft.lenders
        self.edition += 1
        path = str(draft.stable.path)
        self.info = ConfigInfo(path=path, loaded_at=timestamp(), warnings=warnings)
        self._remember_versions()

    def take_trial(self, trial: Profile | None, stable: Stable) -> None:
        """From now on it is as `with_trial` said with this one."""
        self.trial, self.stable = trial, stable
        self.edition += 1
        self._remember_versions()

    def with_trial(self, trial: Profile | None) -> tuple[Stable, Changes]:
        """What there would be with this profile in place of the last trial's, and what changes."""
        known = self.stable.profiles
        own = {n: p for n, p in known.items() if self.trial is None or n != self.trial.id}
        bare = replace(self.stable, profiles=own)
        return settled(bare, self.engines, self.stable, trial=trial)

    def note_refusal(self, why: Failure) -> None:
        """The files were changed, and what they say now was not taken over."""
        self.info.error = why

    async def read_facts(self) -> tuple[set[Path], set[Path]]:
        """Read the headers of model files that are new or not as they were; these two apart."""
        return await self.read_facts_of(self.stable.profiles.values())

    async def read_facts_of(self, profiles: Iterable[Profile]) -> tuple[set[Path], set[Path]]:
        """The same for these profiles, active or not."""
        async with self._reading:
            with self._faults.caught("facts"):
                return await self._read_facts(list(profiles))
            return set(), set()

    async def _read_facts(self, profiles: list[Profile]) -> tuple[set[Path], set[Path]]:
        marks = await asyncio.to_thread(_stamped, profiles)
        unseen = [path for path, stamp in marks.items() if self._stamps(path) != stamp]
        found = await read_all_in_child(unseen, cache_dir=self._paths.state_dir) if unseen else {}
        changed = found.keys() & self._facts.keys()
        for path, facts in found.items():
            if isinstance(facts, GgufError):
                _log.warning("cannot read %s: %s", path, facts)
            self._facts[path] = marks[path], self._shared(facts)
        return found.keys() - changed, changed

    def _shared(self, facts: Facts | GgufError) -> Facts | GgufError:
        """With the lists of numbers of other files where they are the same: most are, layer by layer."""
        if isinstance(facts, GgufError):
            return facts
        lists = {name: getattr(facts, name) for name in Facts.__struct_fields__}
        lists = {name: value for name, value in lists.items() if isinstance(value, tuple)}
        return structs.replace(
            facts, **{name: self._lists.setdefault(value, value) for name, value in lists.items()}
        )

    def _stamps(self, path: Path) -> list[Stamp] | None:
        return self._facts[path][0] if path in self._facts else None

    def facts(self, profile: Profile) -> Facts | None:
        """What its file says of itself, once it was read and where it could be."""
        _, facts = self._facts.get(profile.model or Path(), (None, None))
        return facts if isinstance(facts, Facts) else None

    def fault(self, path: Path) -> GgufError | None:
        """What is wrong with this model file, if it is still as it was when it was read."""
        stamp, facts = self._facts.get(path, (None, None))
        return facts if isinstance(facts, GgufError) and stamp == stamps(path) else None

    def is_doubtful(self, profile: Profile) -> bool:
        """Whether only its engine can say if it loads the files, as far as they were read."""
        read = (self._facts.get(path, (None, None))[1] for path in _model_files(profile))
        return any(
            bool(facts.doubts)
            if isinstance(facts, Facts)
            else facts is not None and not facts.is_final
            for facts in read
        )

    def is_unread(self, profile: Profile) -> bool:
        """Whether its files are not as they were when they were last read."""
        return any(self._stamps(path) != stamps(path) for path in _model_files(profile))


def _stamped(profiles: Iterable[Profile]) -> dict[Path, list[Stamp]]:
    paths = sorted({path for p in profiles for path in _model_files(p)})
    return {path: stamps(path) for path in paths}


def _model_files(profile: Profile) -> list[Path]:
    return [Path(flag.values[0]) for flag in profile.flags if flag.name in MODEL_FLAGS]


def _is_large(config: Path) -> bool:
    """Whether its profiles are thousands of objects, and it is worth the price of `undisturbed`."""
    try:
        return config.stat().st_size > _LARGE
    except OSError:
        return False  # said where it is read


def settled(
    new: Stable, engines: Engines, old: Stable, *, trial: Profile | None = None
) -> tuple[Stable, Changes]:
    """Each profile with the engine that it comes to now, since another default is another way to start;
    and what has changed. `trial`: a profile that is there beside those of the file."""
    if trial:
        new = replace(new, profiles={**new.profiles, trial.id: trial})
    names = {profile.engine for profile in new.profiles.values()}
    builds = {name: _build(name, engines) for name in names}
    profiles = {
        name: _run_by(p, p.engine or engines.default or "", builds[p.engine])
        for name, p in new.profiles.items()
    }
    for name, profile in profiles.items():
        profile.fingerprint  # noqa: B018  # reckoned here: the loop will ask all of them for it
        if (before := old.profiles.get(name)) == profile:
            profiles[name] = before  # what is known of it stays known
    stable = replace(new, profiles=profiles)
    return stable, compare(old, stable)


def _run_by(profile: Profile, runner: str, build: str) -> Profile:
    if (profile.runner, profile.build) == (runner, build):
        return profile
    return replace(profile, runner=runner, build=build)


def _build(engine: str | None, engines: Engines) -> str:
    try:
        return engines.find(engine).build_mark
    except EngineError:
        return ""  # said when it is asked for
