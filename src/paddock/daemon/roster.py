"""The profiles in force: models.conf as last read without errors, with engines and facts."""

import asyncio
import logging
from collections import OrderedDict
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from paddock.config import models_conf
from paddock.config.explain import Changes, compare
from paddock.config.profile import Profile, Stable
from paddock.config.settings import Paths, Settings
from paddock.core.model import ProfileId
from paddock.engine.engine import Engine
from paddock.engine.engines import Engines
from paddock.errors import EngineError, UnknownModel
from paddock.llama.facts import read_in_child
from paddock.llama.gguf import Facts, GgufError

_log = logging.getLogger(__name__)
_SHOWN = 200  # letters of a name that nobody has
_VERSIONS_KEPT = 100  # of changed profiles, to bring back what ran before a failed switch


class Roster:
    """Who there is. `read` replaces everything or nothing."""

    def __init__(self, paths: Paths, settings: Settings) -> None:
        self._paths = paths
        self.engines = Engines.of(settings, paths.state_dir)
        self.stable = Stable(paths.config, paths.models_dir, {})
        self._facts: dict[Path, Facts | None] = {}
        self._versions: OrderedDict[str, Profile] = OrderedDict()  # by fingerprint

    # ---- looking up ----

    def __getitem__(self, profile: ProfileId) -> Profile:
        """Raises UnknownModel."""
        if found := self.stable.find(profile):
            return found
        names = [name for name, p in self.stable.profiles.items() if not p.hidden]
        some = ", ".join(names[:8]) + (", …" if len(names) > 8 else "")
        raise UnknownModel(
            f"there is no model {profile[:_SHOWN]!r}", hint=f"there are: {some}" if some else ""
        )

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

    # ---- reading ----

    async def read(self, engines: Engines | None = None) -> Changes:
        """Read models.conf, with `engines` in place of the known ones; what changed.

        Raises ConfigError or EngineError, and then nothing has changed.
        """
        engines = engines or self.engines
        new = await asyncio.to_thread(
            models_conf.load,
            self._paths.config,
            models_dir=self._paths.models_dir,
            flags_for=engines.flags,
            defaults_for=engines.defaults,
        )
        self.engines = engines
        old, self.stable = self.stable, await asyncio.to_thread(_settled, new, engines)
        self._remember_versions()
        return compare(old, self.stable)

    async def read_facts(self) -> bool:
        """Read the headers of model files not seen yet; whether any were."""
        unseen = {p.model for p in self.stable.profiles.values() if p.model} - set(self._facts)
        for path in sorted(unseen):
            self._facts[path] = await self._read_facts(path)
        return bool(unseen)

    async def _read_facts(self, path: Path) -> Facts | None:
        try:
            return await read_in_child(path, cache_dir=self._paths.state_dir)
        except GgufError as error:
            _log.warning("cannot read %s: %s", path, error)
            return None

    def facts(self, profile: Profile) -> Facts | None:
        """What its file says of itself, once it was read and where it could be."""
        return self._facts.get(profile.model) if profile.model else None


def _settled(stable: Stable, engines: Engines) -> Stable:
    """Each profile with the engine that it comes to now: another default is another way to start."""
    profiles = {name: _on(profile, engines) for name, profile in stable.profiles.items()}
    return replace(stable, profiles=profiles)


def _on(profile: Profile, engines: Engines) -> Profile:
    try:
        build = engines.find(profile.engine).build_mark
    except EngineError:
        build = ""  # said when it is asked for
    return replace(profile, runner=profile.engine or engines.default or "", build=build)
