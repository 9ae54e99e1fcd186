"""Which engine is the default of all profiles that name none: promoted after a passed trial, gone back from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from paddock.config.engines import BUILT_IN
from paddock.config.settings_edit import set_default
from paddock.engine.engines import Engines
from paddock.engine.trial_store import open_trial_store, write_trial_store
from paddock.errors import DefaultStays, EngineError


@dataclass(frozen=True, slots=True)
class Defaults:
    """The default engine as paddock.toml says it, and those before it."""

    settings_file: Path
    state_dir: Path
    engines: Engines

    def names(self) -> Sequence[str]:
        """Those of paddock.toml, the default, and what is installed without being named there."""
        found = dict.fromkeys([*self.engines.named, *filter(None, [self.engines.default])])
        for name in BUILT_IN:
            try:
                self.engines.find(name)
            except EngineError:
                continue
            found[name] = None
        return list(found)

    def promote(self, name: str, *, force: bool = False) -> bool:
        """Make it the default if its newest trial has passed; False where it is the default already.

        `force`: also without a trial. Raises DefaultStays, EngineError where it is unusable, ConfigError.
        """
        trial = open_trial_store(self.state_dir).trial_of(self.engines.find(name))
        if not force and (trial is None or not trial.passed):
            what = "was not tested" if trial is None else "did not pass its test"
            raise DefaultStays(
                f"{name} {what}",
                hint=f"`paddock engine test {name}` first; --force makes it the default all the same",
                detail=tuple(trial.failures) if trial else (),
            )
        return self.choose(name)

    def choose(self, name: str) -> bool:
        """Write the default down and remember the one before; False where it is the default already.

        Raises EngineError where the engine is unusable.
        """
        self.engines.find(name)
        if name == self.engines.default:
            return False
        store = open_trial_store(self.state_dir)
        store.note_default(self.engines.default)
        set_default(self.settings_file, name)
        write_trial_store(self.state_dir, store)
        return True

    def restore(self) -> str | None:
        """Make the former default the default again, and return it; None stands for the first found.

        Raises DefaultStays where there is no former default, EngineError where it is gone.
        """
        store = open_trial_store(self.state_dir)
        if not store.former:
            raise DefaultStays(
                "there is no default to go back to", hint="`paddock engine default NAME`"
            )
        former = store.former.pop()
        self.engines.find(former)  # raises where it is gone
        set_default(self.settings_file, former)
        write_trial_store(self.state_dir, store)
        return former
