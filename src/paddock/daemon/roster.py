"""The profiles in force: models.conf as last read without errors, with engines, facts and estimates."""

import asyncio
import logging
import os
import sys
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from paddock.config import models_conf
from paddock.config.describe import size_mib
from paddock.config.explain import Changes, compare
from paddock.config.profile import Profile, Stable
from paddock.config.settings import Paths, Settings
from paddock.core.model import DeviceId, ProfileId, Spec
from paddock.engine.engine import Engine
from paddock.engine.locate import find_engine
from paddock.errors import EngineError, UnknownModel
from paddock.llama.flags import FlagSet
from paddock.llama.gguf import Facts
from paddock.placement.estimate import estimate

_log = logging.getLogger(__name__)
_ASSUMED_SPEED = 1500.0  # MiB/s: what a cold load brought in on a fast disk, until one was measured
_MIB = 1 << 20
_VERSIONS_KEPT = 100  # of changed profiles, to bring back what ran before a failed switch


class Roster:
    """Who there is. `read` replaces everything or nothing."""

    def __init__(self, paths: Paths, settings: Settings) -> None:
        self._paths, self._settings = paths, settings
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
            f"there is no model {profile!r}", hint=f"there are: {some}" if some else ""
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
        return find_engine(profile.engine or self._settings.engine, cache_dir=self._paths.state_dir)

    def default_engine(self) -> Engine | None:
        try:
            return find_engine(self._settings.engine, cache_dir=self._paths.state_dir)
        except EngineError:
            return None

    # ---- reading ----

    async def read(self) -> Changes:
        """Read models.conf; what changed. Raises ConfigError, and then nothing has changed."""
        new = await asyncio.to_thread(
            models_conf.load,
            self._paths.config,
            models_dir=self._paths.models_dir,
            flags_for=self._flags_for,
        )
        old, self.stable = self.stable, new
        self._remember_versions()
        return compare(old, new)

    def _flags_for(self, engine: str | None) -> FlagSet | None:
        wanted = engine or self._settings.engine
        return find_engine(wanted, cache_dir=self._paths.state_dir).flags

    async def read_facts(self) -> bool:
        """Read the headers of model files not seen yet; whether any were."""
        unseen = {p.model for p in self.stable.profiles.values() if p.model} - set(self._facts)
        for path in sorted(unseen):
            self._facts[path] = await _facts(path)
        return bool(unseen)

    # ---- for the scheduler ----

    def specs(
        self, pool: DeviceId, costs: Mapping[ProfileId, float], *, gpus: int
    ) -> tuple[Spec, ...]:
        """All profiles as the scheduler sees them; `costs` are the last measured load times."""
        return tuple(self._spec(p, pool, costs, gpus) for p in self.stable.profiles.values())

    def _spec(
        self, profile: Profile, pool: DeviceId, costs: Mapping[ProfileId, float], gpus: int
    ) -> Spec:
        return Spec(
            id=ProfileId(profile.id),
            demand={pool: self._estimate(profile, gpus)},
            fingerprint=profile.fingerprint,
            pin=profile.pin,
            priority=profile.priority,
            ttl=profile.ttl,
            concurrency=profile.concurrency,
            cost=costs.get(ProfileId(profile.id), size_mib(profile) / _ASSUMED_SPEED),
        )

    def _estimate(self, profile: Profile, gpus: int) -> int:
        return estimate(
            self._facts.get(profile.model) if profile.model else None,
            size_bytes=size_mib(profile) * _MIB,
            ctx_tokens=profile.ctx_size,
            cache_type_k=_value(profile, "--cache-type-k"),
            cache_type_v=_value(profile, "--cache-type-v"),
            gpus=gpus,
        )


def _value(profile: Profile, name: str) -> str:
    flag = profile.flag(name)
    return flag.values[0] if flag and flag.values else "f16"


async def _facts(path: Path) -> Facts | None:
    """Read in a child process: the gguf library needs numpy, and this one should stay small."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "paddock.llama.gguf",
        os.fspath(path),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await child.communicate()
    except asyncio.CancelledError:
        with suppress(ProcessLookupError):  # it has just ended by itself
            child.kill()
        await child.wait()
        raise
    if child.returncode:
        _log.warning("cannot read %s: %s", path, err.decode(errors="replace").strip()[-300:])
        return None
    return msgspec.json.decode(out, type=Facts)
