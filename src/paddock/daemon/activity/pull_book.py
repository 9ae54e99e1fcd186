"""The downloads that the daemon knows of, for whoever shows them. `Pulls` writes them here, `Fetches` who waits for which."""

from collections import OrderedDict

from paddock.api.pulls import PullInfo
from paddock.core.model import ProfileId
from paddock.errors import NoSuchThing

_KEPT = 50  # ended ones


class PullBook:
    """By their number, the newest last."""

    def __init__(self) -> None:
        self._pulls: OrderedDict[str, PullInfo] = OrderedDict()
        self._wanted: dict[
            ProfileId, str
        ] = {}  # a download, by the profile whose load waits for it

    def __getitem__(self, pull: str) -> PullInfo:
        """Raises NoSuchThing."""
        try:
            return self._pulls[pull]
        except KeyError:
            raise NoSuchThing(f"there is no download {pull!r}") from None

    def write(self, info: PullInfo) -> None:
        """Add it, or put it in the place of what was known of it."""
        self._pulls[info.id] = info
        for old in [p.id for p in self._pulls.values() if p.is_over][:-_KEPT]:
            del self._pulls[old]

    def all(self) -> list[PullInfo]:
        return list(self._pulls.values())

    # ---- for loads ----

    def want(self, profile: ProfileId, pull: str) -> None:
        """The load of this profile waits for it."""
        self._wanted[profile] = pull

    def want_no_more(self, profile: ProfileId) -> None:
        self._wanted.pop(profile, None)

    def wanted_by(self, profile: ProfileId) -> PullInfo | None:
        """What the load of this profile waits for."""
        return self._pulls.get(self._wanted.get(profile, ""))

    def wanting(self, pull: str) -> list[ProfileId]:
        """The profiles whose loads wait for it."""
        return [profile for profile, one in self._wanted.items() if one == pull]

    def under_way(self, model: str) -> PullInfo | None:
        """The one of this model that is not over."""
        return next((p for p in self._pulls.values() if p.model == model and not p.is_over), None)
