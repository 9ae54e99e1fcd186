"""The configuration as the daemon would read it, for verbs that work without one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from paddock.config.keys import read_keys
from paddock.config.lenders import read_lenders, with_lenders
from paddock.config.models_conf import load, read
from paddock.config.names_elsewhere import strange_names
from paddock.config.paths import keys_file, paths
from paddock.config.profile import NamedModel, Problem, Profile, Stable
from paddock.config.settings import Paths, Settings, load_settings
from paddock.engine.engines import Engines
from paddock.errors import ConfigError, UnknownModel

_NO_FILE = (
    "`paddock init FOLDER` writes one for a folder of GGUF files; or name yours with --config; "
    "`paddock demo` needs none"
)


@dataclass(frozen=True, slots=True)
class Files:
    """models.conf and paddock.toml of one daemon, found but not read yet."""

    paths: Paths
    settings: Settings

    def read(self) -> tuple[Stable | None, tuple[Problem, ...]]:
        """The stable, None if the file has errors, and all problems, also of the names that other files hold."""
        stable, problems = read(
            self.paths.config,
            models_dir=self.paths.models_dir,
            flags_for=self.engines.flags,
            defaults_for=self.engines.defaults,
        )
        if stable is None and not self.paths.config.exists():
            problems = tuple(replace(problem, hint=_NO_FILE) for problem in problems)
        return stable, (*problems, *self._strange_names(stable)) if stable else problems

    def _strange_names(self, stable: Stable) -> Iterator[Problem]:
        keys = keys_file(self.paths.state_dir)
        return strange_names(
            stable,
            unknown_model=self.settings.unknown_model,
            settings_file=self.paths.settings,
            keys=read_keys(keys),
            keys_file=keys,
        )

    def stable(self) -> Stable:
        """The stable; ConfigError lists every error of the file."""
        self.must_exist()
        found = load(
            self.paths.config,
            models_dir=self.paths.models_dir,
            flags_for=self.engines.flags,
            defaults_for=self.engines.defaults,
        )
        return with_lenders(found, read_lenders(self.paths.state_dir))

    def must_exist(self) -> None:
        """Raise where there is no models.conf at all: the first thing that a newcomer meets."""
        if not self.paths.config.exists():
            raise ConfigError(f"there is no {self.paths.config}", hint=_NO_FILE)

    def profile(self, name: str) -> Profile:
        """The profile of this name; of a variant the one that runs. Raises UnknownModel."""
        return self.named(name).profile

    def named(self, name: str) -> NamedModel:
        """What this name stands for. Raises UnknownModel."""
        stable = self.stable()
        if found := stable.meant(name):
            return found
        if wrong := stable.left_out(name):
            raise UnknownModel(
                f"[{name}] is left out, because of an error: {wrong}",
                hint="`paddock check` shows all",
            )
        near = ", ".join(stable.near(name))
        hint = f"nearest: {near}" if near else "`paddock list` shows all"
        raise UnknownModel(f"{self.paths.config} has no profile {name!r}", hint=hint)

    @property
    def engines(self) -> Engines:
        """Those of the settings; without a name, the one that they choose."""
        return Engines.of(self.settings, self.paths.state_dir)


def open_files(
    config: Path | None,
    settings: Path | None = None,
    models_dir: Path | None = None,
    engine: str | None = None,
    state_dir: Path | None = None,
    listen: str | None = None,
    *,
    insecure: bool | None = None,
) -> Files:
    """Find the files, as `paddock serve` with the same options would; reads only the settings."""
    found = paths(config, models_dir, state_dir, os.environ)
    overrides = {"engine": engine, "listen": listen, "insecure": insecure}
    file = settings or found.settings
    is_keyed = bool(read_keys(keys_file(found.state_dir)))
    chosen = load_settings(file, overrides, is_keyed=is_keyed)
    folder = models_dir or (Path(chosen.models_dir) if chosen.models_dir else None)
    where = paths(config, folder, state_dir, os.environ)
    return Files(msgspec.structs.replace(where, settings=file), chosen)
