"""A profile in the API's words as far as no daemon is needed: the file's keys and the files' sizes."""

from math import ceil
from pathlib import Path

from msgspec import structs

from paddock.api.types import ProfileInfo, VariantInfo
from paddock.config.profile import Profile
from paddock.config.variant import Variant
from paddock.llama.gguf import shards


def described(profile: Profile, *, mib: int | None = None) -> ProfileInfo:
    """The profile as it is without a daemon: not loaded.

    `mib`: the size of its files, if it is known already.
    """
    return ProfileInfo(
        id=profile.id,
        state="unloaded",
        line=profile.line,
        title=profile.title,
        description=profile.description,
        aliases=list(profile.aliases),
        bench=profile.is_bench,
        hidden=bool(profile.hidden),
        pin=profile.pin,
        priority=profile.priority,
        ttl=profile.ttl,
        replicas=profile.replicas,
        rpc_nodes=list(profile.rpc_nodes),
        keeps_context=profile.keeps_context,
        engine=profile.engine or "",
        ctx_size=profile.ctx_size,
        size_mib=(size_mib(profile) if mib is None else mib) or None,
        speed_text=profile.speed_text,
        expected_speed=profile.expected_speed,
        args=list(profile.argv),
    )


def described_variant(base: ProfileInfo, variant: Variant) -> ProfileInfo:
    """How its profile stands, under the variant's name."""
    return structs.replace(
        base,
        id=variant.id,
        line=variant.line,
        title=variant.title,
        description=variant.description,
        aliases=list(variant.aliases),
        hidden=bool(variant.hidden),
        bench=variant.is_bench,
        variants=[],
        variant_of=variant.base,
        settings=variant.settings,
    )


def variant_info(variant: Variant) -> VariantInfo:
    """The variant alone, without how its profile stands."""
    return VariantInfo(
        id=variant.id,
        variant_of=variant.base,
        line=variant.line,
        title=variant.title,
        description=variant.description,
        aliases=list(variant.aliases),
        bench=variant.is_bench,
        hidden=bool(variant.hidden),
        settings=variant.settings,
    )


def size_mib(profile: Profile) -> int:
    """The size of its files on the disk, shards and projector, rounded up; 0 where none exists (yet)."""
    files = [*(shards(profile.model) if profile.model else ()), profile.mmproj]
    return ceil(sum(_size(file) for file in files if file) / (1 << 20))


def weight_files(profile: Profile) -> list[Path]:
    """All files that a load reads weights from, in the order in which it does: the model's shards, the
    projector, the draft model's shards. Whether they exist or not."""
    files = shards(profile.model) if profile.model else []
    draft = profile.flag("--model-draft")
    drafts = shards(Path(draft.values[0])) if draft and draft.values else []
    return [*files, *([profile.mmproj] if profile.mmproj else ()), *drafts]


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0
