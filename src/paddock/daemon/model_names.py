"""What the name of a model in a request stands for, by models.conf, by what is in use, by what the key may ask."""

from paddock.config.profile import May, NamedModel, Profile
from paddock.daemon.activity.usage import Usage
from paddock.daemon.profiles.roster import Roster
from paddock.errors import ModelMissing, UnknownModel


class ModelNames:
    """Looks names up, and changes nothing."""

    def __init__(self, roster: Roster, usage: Usage, unknown_model: str) -> None:
        """`unknown_model`: see `Settings`."""
        self._roster, self._usage, self._unknown_model = roster, usage, unknown_model

    def resolve(self, model: str | None) -> Profile:
        """As `named`: the profile whose instance that is."""
        return self.named(model).profile

    def asked(
        self, model: str | None, may: May = None, unknown_model: str | None = None
    ) -> NamedModel:
        """As `named`, for a request that is to be answered: `unknown-model` says who answers to strange names.

        `unknown_model`: what the key says of that; None: what paddock.toml says.
        """
        try:
            return self.named(model, may)
        except UnknownModel:
            stand_in = self._stand_in(unknown_model or self._unknown_model, may)
            if stand_in is None:
                raise
            return stand_in

    def _stand_in(self, other: str, may: May) -> NamedModel | None:
        """Who answers to strange names; nobody where that is not for whoever asks, or is strange itself."""
        roster = self._roster
        if other == "refuse":
            return None
        if other == "loaded":
            current = self._current(may)
            return roster.named(current, may) if current else None
        found = roster.stable.meant(other)
        return found if found and (may is None or may(found)) else None

    def named(self, model: str | None, may: May = None) -> NamedModel:
        """What this name stands for; without one, the current profile. Raises UnknownModel, ModelMissing.

        `may`: whatever it refuses is as if it were not there; no error names it.
        """
        roster = self._roster
        if wanted := model or self._current(may):
            # A request without a name never means a trial, but what is tuned.
            if model is None and roster.trial and wanted == roster.trial.id:
                wanted = roster.trial.tunes
            return roster.named(wanted, may)
        if only := self._only_one(may):
            return only
        raise ModelMissing(
            "the request names no model, and none is loaded", hint="GET /v1/models lists them"
        )

    def _current(self, may: May) -> str | None:
        current = self._usage.current()
        if current is None or may is None:
            return current
        found = self._roster.stable.profiles.get(current)
        return current if found and may(NamedModel(found)) else None

    def _only_one(self, may: May) -> NamedModel | None:
        """The only profile that there is; for whoever may ask none, the only variant."""
        stable = self._roster.stable
        if may is None:
            profiles = [one for one in stable.profiles.values() if not one.tunes]
            return NamedModel(profiles[0]) if len(profiles) == 1 else None
        allowed = list(filter(may, stable.all_named()))
        allowed = [named for named in allowed if named.variant is None] or allowed
        return allowed[0] if len(allowed) == 1 else None
