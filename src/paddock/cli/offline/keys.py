"""The named keys beside those of paddock.toml, and what a change of them means for everybody."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from paddock.config.keys import NamedKey, read_keys
from paddock.config.models_conf import read
from paddock.config.names_elsewhere import strange_to_key
from paddock.config.paths import keys_file, paths
from paddock.config.settings import Settings, load_settings


@dataclass(frozen=True, slots=True)
class KnownKeys:
    """All of one daemon, read when that is asked for."""

    file: Path
    settings: Settings
    config: Path  # models.conf

    @property
    def named(self) -> tuple[NamedKey, ...]:
        return read_keys(self.file)

    def shown(self, key: NamedKey) -> dict[str, Any]:
        """For programs: all but the digest, each with its default too."""
        fields = msgspec.structs.asdict(key)
        del fields["digest"]
        return fields

    def of_settings(self) -> list[str]:
        """How many paddock.toml has."""
        lists = {
            "api-keys": self.settings.api_keys,
            "management-keys": self.settings.management_keys,
        }
        return [f"{name} in paddock.toml: {len(keys)}" for name, keys in lists.items() if keys]

    def words_about_models(self, key: NamedKey) -> list[str]:
        """Names in it that nothing in models.conf has; none where that cannot be read now."""
        if not self.config.exists():
            return []
        stable, _ = read(self.config, models_dir=self.config.parent, flags_for=lambda _: None)
        return list(strange_to_key(stable, key)) if stable else []

    def words_after_adding(self) -> list[str]:
        """What the user must know: who is locked out now."""
        words = []
        if len(self.named) == 1 and not self.of_settings():
            words.append("from now on every request needs a key")
        if not self._may_anybody_manage():
            words.append(
                "no key may manage, so `paddock switch` and the like are refused: "
                "`paddock key add NAME --scope manage` makes one"
            )
        return words

    def words_after_removing(self) -> list[str]:
        """What the user must know: who is let in now."""
        if not self.named and not self.of_settings():
            return [
                "that was the last key: whoever reaches a daemon at 127.0.0.1 may do everything now; "
                "at any other address nobody is served"
            ]
        return self.words_after_adding() if not self._may_anybody_manage() else []

    def _may_anybody_manage(self) -> bool:
        manages = any(key.scope == "manage" for key in self.named)
        return manages or bool(self.settings.management_keys)


def open_keys(config: Path | None, settings: Path | None, state_dir: Path | None) -> KnownKeys:
    """Those of the daemon that `paddock serve` with the same options would be. Raises ConfigError."""
    found = paths(config, None, state_dir, os.environ)
    chosen = load_settings(settings or found.settings, {}, is_keyed=True)
    return KnownKeys(keys_file(found.state_dir), chosen, found.config)
