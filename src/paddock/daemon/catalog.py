"""What can be asked for, as it is just now: each profile with the context that a request really gets."""

from typing import TYPE_CHECKING

from paddock.api.models import ModelCard
from paddock.config.cards import card
from paddock.config.profile import Profile
from paddock.core.books import Ready
from paddock.core.model import ProfileId

if TYPE_CHECKING:
    from paddock.daemon.daemon import Daemon


def catalog(daemon: "Daemon") -> list[ModelCard]:
    """Every profile, hidden ones too, in the order of models.conf. Reads no file but its date."""
    return [_card(daemon, profile) for profile in daemon.roster.stable.profiles.values()]


def _card(daemon: "Daemon", profile: Profile) -> ModelCard:
    name = ProfileId(profile.id)
    live = daemon.scheduler.live_of(name)
    instance = daemon.instance_of(name)
    plan = daemon.plans.engine_plan(profile.fingerprint)
    planned = plan.n_ctx if plan and profile.ctx_size is None else None
    return card(
        profile,
        daemon.roster.facts(profile),
        n_ctx=(instance.n_ctx if instance else None) or planned,
        loaded=live is not None and isinstance(live.phase, Ready),
    )
