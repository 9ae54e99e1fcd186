"""How large the profiles' files are and when they were written: looked at in a thread, remembered between.

Lists show it for every profile, and none of them reads the disk while the event loop waits.
"""

import asyncio
from dataclasses import dataclass

from paddock.config.cards import modified
from paddock.config.describe import size_mib
from paddock.config.profile import Profile, Stable
from paddock.daemon.clock import Clock

_FRESH = 2.0  # seconds: a download that goes on need not be seen sooner


@dataclass(frozen=True, slots=True)
class _Seen:
    size_mib: int
    modified: str


class ModelFiles:
    """Of each profile, as last looked at; of one that nobody looked at, as of now."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: dict[str, _Seen] = {}  # by the profile's recipe, which names its files
        self._looked_at = float("-inf")

    async def look(self, stable: Stable) -> None:
        """See to it that what is remembered is a moment old at most."""
        if self._clock.now() - self._looked_at > _FRESH:
            self._seen = await asyncio.to_thread(_look, stable)
            self._looked_at = self._clock.now()

    def size_mib(self, profile: Profile) -> int:
        """Of all its files, rounded up; 0 where none is there (yet)."""
        return self._of(profile).size_mib

    def modified(self, profile: Profile) -> str:
        """When its model's file was last written, ISO 8601; "" where it is not there."""
        return self._of(profile).modified

    def _of(self, profile: Profile) -> _Seen:
        found = self._seen.get(profile.fingerprint)
        if found is None:
            found = self._seen[profile.fingerprint] = _see(profile)
        return found


def _look(stable: Stable) -> dict[str, _Seen]:
    return {profile.fingerprint: _see(profile) for profile in stable.profiles.values()}


def _see(profile: Profile) -> _Seen:
    return _Seen(size_mib(profile), modified(profile.model))
