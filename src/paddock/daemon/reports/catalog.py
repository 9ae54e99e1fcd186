"""What can be asked for, as it is just now: each profile with the context that a request really gets."""

from collections.abc import Iterator

from paddock.api.models import ModelCard
from paddock.config.cards import card
from paddock.config.profile import Profile
from paddock.core.live import Serving
from paddock.core.model import ProfileId
from paddock.daemon.parts import Parts


def catalog(parts: Parts) -> Iterator[ModelCard]:
    """Every profile, hidden ones too, in the order of models.conf; each made when it is taken."""
    profiles = parts.roster.stable.profiles.values()
    return (model_card(parts, profile) for profile in profiles)


def model_card(parts: Parts, profile: Profile) -> ModelCard:
    """One of them."""
    name = ProfileId(profile.id)
    live = parts.scheduler.live_of(name)
    instance = parts.registry.of(name)
    plan = parts.plans.engine_plan(profile.fingerprint)
    planned = plan.n_ctx if plan and profile.ctx_size is None else None
    return card(
        profile,
        parts.roster.facts(profile),
        n_ctx=(instance.n_ctx if instance else None) or planned,
        loaded=live is not None and isinstance(live.state, Serving),
        written=parts.files.modified(profile),
    )
