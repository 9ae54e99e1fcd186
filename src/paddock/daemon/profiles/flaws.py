"""What is known to keep profiles from loading: certain facts of their files, and their engines' own words.

Nobody leaves for a profile that is known to fail. So nothing here is a guess: a file is missing, or
ends before its last tensor does; or the engine itself was asked, in a rehearsal or by a load, and
ended because it cannot load the file. Each holds for one state of the files and one build of the
engine: a changed one is tried anew.
"""

from pathlib import Path

from paddock.config.lenders import lacking
from paddock.config.model_files import MODEL_FLAGS
from paddock.config.profile import Profile
from paddock.core.model import Cause
from paddock.daemon.profiles.roster import Roster
from paddock.errors import PaddockError
from paddock.llama.gguf import is_there
from paddock.placement.plan_cache import state_of


class Flaws:
    """Looks at files when it is asked, which costs a few calls of stat."""

    def __init__(self, roster: Roster) -> None:
        self._roster = roster
        self._refused: dict[str, tuple[str, str]] = {}  # by fingerprint: of what state, and why

    def state(self, profile: Profile) -> str:
        """What a refusal holds for: to be asked before the engine is; empty where there is no engine."""
        try:
            return state_of(profile, self._roster.engine(profile))
        except PaddockError:
            return ""

    def note(self, profile: Profile, state: str, words: str) -> None:
        """An engine said that it cannot load the files in this state; `words`: which engine, and how."""
        self._refused[profile.fingerprint] = state, words

    def forget(self, fingerprint: str) -> None:
        """This version of a profile does load."""
        self._refused.pop(fingerprint, None)

    def of(self, profile: Profile) -> Cause | None:
        """Why it cannot be loaded; None where nothing is known."""
        if found := self._of_files(profile) or self._of_lenders(profile):
            return found
        words = self.refusal(profile)
        return _cause(profile, words) if words else None

    def refusal(self, profile: Profile) -> str:
        """Which engine cannot load its files as they are, and its words; empty where none said so."""
        state, words = self._refused.get(profile.fingerprint, ("", ""))
        return words if words and state == self.state(profile) else ""

    def _of_files(self, profile: Profile) -> Cause | None:
        for flag in profile.flags:
            if flag.name in MODEL_FLAGS:
                path = Path(flag.values[0])
                if not is_there(path):
                    return _cause(profile, f"there is no {path}")
                error = self._roster.fault(path)
                if error and error.is_final:
                    return _cause(profile, error.message, error.hint)
        return None

    def _of_lenders(self, profile: Profile) -> Cause | None:
        names = ", ".join(lacking(profile, self._roster.lenders))
        if not names:
            return None
        hint = f"`paddock node list` at the front shows whether {names} answers, and `lend-to` in paddock.toml there lets it lend"
        text = f"{profile.id} cannot be loaded: it lies on {names} too (rpc-nodes), which lends nothing here now"
        return Cause("cannot_load", text, hint)


def _cause(profile: Profile, why: str, hint: str = "") -> Cause:
    force = f"`paddock switch --force {profile.id}` tries all the same"
    text = f"{profile.id} cannot be loaded: {why}"
    return Cause("cannot_load", text, f"{hint}; {force}" if hint else force)
