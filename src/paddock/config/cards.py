"""A profile as its users see it, from its flags and its model file's facts. Pure but for a file's date."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from msgspec import structs

from paddock.api.models import ModelCard
from paddock.config.model_kinds import EMBEDDERS
from paddock.config.profile import Profile
from paddock.config.variant import Variant
from paddock.llama.gguf import Facts
from paddock.llama.samplers import samplers_of

_OFF = frozenset({"off", "0", "none"})


def card(
    profile: Profile,
    facts: Facts | None,
    *,
    n_ctx: int | None = None,
    loaded: bool = False,
    written: str | None = None,
) -> ModelCard:
    """`n_ctx`: what one request may take where that was measured or planned, in tokens.

    `written`: the time of the file, if it is known already.
    """
    trained = facts.n_ctx_train if facts else None
    return ModelCard(
        id=profile.id,
        title=profile.title,
        description=profile.description,
        aliases=list(profile.aliases),
        hidden=profile.is_unlisted,
        loaded=loaded,
        context=n_ctx or context_asked(profile) or trained,
        context_trained=trained,
        max_output=_positive(_value(profile, "--n-predict")),
        abilities=list(_abilities(profile, facts)),
        samplers=samplers_of((flag.name, flag.values) for flag in profile.flags),
        client_samplers=_client_samplers(profile),
        architecture=facts.architecture if facts else "",
        parameters=facts.n_params if facts else 0,
        quantisation=(facts.file_type or "").removeprefix("MOSTLY_") if facts else "",
        size_bytes=facts.size_bytes if facts else 0,
        modified=modified(profile.model) if written is None else written,
    )


def variant_card(base: ModelCard, variant: Variant) -> ModelCard:
    """The card of the profile that it is a variant of, with what the variant changes."""
    lengths = [n for n in (variant.max_tokens_limit, base.max_output) if n]
    thinks = variant.arguments.get("enable_thinking") is not False
    allowed = variant.client_samplers
    return structs.replace(
        base,
        id=variant.id,
        title=variant.title or variant.id,
        description=variant.description,
        aliases=list(variant.aliases),
        hidden=variant.is_unlisted,
        variant_of=variant.base,
        max_output=min(lengths, default=None),
        abilities=[one for one in base.abilities if thinks or one != "thinking"],
        samplers={**base.samplers, **variant.samplers},
        client_samplers=None if allowed is None else list(allowed),
    )


def _client_samplers(profile: Profile) -> list[str] | None:
    return None if profile.client_samplers is None else list(profile.client_samplers)


def context_asked(profile: Profile) -> int | None:
    """Tokens of one request as the profile asks for them; None where the model or fit decides.

    Slots share the context, each a part of its own unless the cache is unified; without `parallel`
    llama-server unifies it (server.cpp, build 11434).
    """
    whole = profile.ctx_size
    slots = _positive(_value(profile, "--parallel"))
    if whole is None or slots is None or profile.flag("--kv-unified"):
        return whole
    return whole // slots


def _abilities(profile: Profile, facts: Facts | None) -> Iterator[str]:
    if profile.flag("--reranking"):
        yield "rerank"
        return
    if profile.flag("--embeddings") or (facts and facts.architecture in EMBEDDERS):
        yield "embedding"
        return
    yield "completion"
    chats = set(facts.template) if facts else set()
    if profile.flag("--chat-template") or profile.flag("--chat-template-file"):
        chats = {"system"}  # what a built-in template can do, only llama-server knows
    if chats or (facts and facts.has_template):
        yield "chat"
    if "tools" in chats and not profile.flag("--no-jinja"):
        yield "tools"
    if "thinking" in chats and not _is_off(profile, "--reasoning", "--reasoning-budget"):
        yield "thinking"
    if profile.mmproj:
        yield "vision"


def _is_off(profile: Profile, *flags: str) -> bool:
    return any(_value(profile, flag) in _OFF for flag in flags)


def _value(profile: Profile, name: str) -> str:
    flag = profile.flag(name)
    return flag.values[0] if flag and flag.values else ""


def _positive(text: str) -> int | None:
    return int(text) or None if text.isdecimal() else None


def modified(model: Path | None) -> str:
    """When this file was last written, ISO 8601; "" where it is not there."""
    try:
        at = model.stat().st_mtime if model else 0.0
    except OSError:
        at = 0.0
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds") if at else ""
