"""What can be asked for, as it is just now: each profile with the context that a request really gets."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from paddock.api.models import ModelCard
from paddock.config.cards import card
from paddock.config.profile import Profile
from paddock.core.books import Serving
from paddock.core.model import ProfileId

if TYPE_CHECKING:
    from paddock.daemon.daemon import Daemon


def catalog(daemon: "Daemon") -> Iterator[ModelCard]:
    """Every profile, hidden ones too, in the order of models.conf; each made when it is taken."""
    profiles = daemon.roster.stable.profiles.values()
    return (model_card(daemon, profile) for profile in profiles)


def model_card(daemon: "Daemon", profile: Profile) -> ModelCard:
    """One of them."""
    name = ProfileId(profile.id)
    live = daemon.scheduler.live_of(name)
    instance = daemon.instance_of(name)
    plan = daemon.plans.engine_plan(profile.fingerprint)
    planned = plan.n_ctx if plan and profile.ctx_size is None else None
    return card(
        profile,
        daemon.roster.facts(profile),
        n_ctx=(instance.n_ctx if instance else None) or planned,
        loaded=live is not None and isinstance(live.state, Serving),
        written=daemon.files.modified(profile),
    )
