"""A profile that leaves models.conf, and its files where that is wanted. Prints nothing."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from paddock.cli.offline.addition import replace_text, reread
from paddock.config.ini import read_text
from paddock.config.profile import Problem
from paddock.config.section_edit import without_section
from paddock.errors import ConfigError
from paddock.hub.removal import Removal, removal_of
from paddock.importing.places import hugging_face

if TYPE_CHECKING:
    from paddock.cli.offline.files import Files


@dataclass(frozen=True, slots=True)
class Leaving:
    """One section of models.conf. `removal` is None of a variant, which has no files of its own."""

    files: Files
    section: str
    before: str
    after: str
    removal: Removal | None

    @classmethod
    def of(cls, name: str, files: Files) -> Leaving:
        """UnknownModel; ConfigError where variants stand on it, or what remains would be wrong."""
        named = files.named(name)
        section = named.variant.id if named.variant else named.profile.id
        text = read_text(files.paths.config)
        if isinstance(text, Problem):
            raise ConfigError(str(text))
        stable = files.stable()
        if not named.variant and (variants := stable.variants_of(section)):
            ids = ", ".join(one.id for one in variants)
            raise ConfigError(
                f"variants stand on [{section}]: {ids}", hint="remove them before it, one by one"
            )
        after = without_section(text, section)
        reread(after, files, f"what remains without [{section}]")
        if named.variant:
            return cls(files, section, text, after, None)
        others = [one for one in stable.profiles.values() if one.id != section]
        folders = [files.paths.models_dir, hugging_face(os.environ)]
        return cls(files, section, text, after, removal_of(named.profile, others, folders))

    def write(self) -> None:
        """Take the section out of models.conf. A daemon takes that up by itself."""
        replace_text(self.files.paths.config, self.before, self.after)
