"""The saved contexts of all profiles, in RAM and on the disk."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from paddock.api.contexts import SavedContext, SavedContexts
from paddock.daemon.clock import time_in_utc
from paddock.daemon.instances.context_folders import folder_name, saved_at, size_of
from paddock.daemon.parts import Parts
from paddock.errors import EngineError

_MIB = 1 << 20
_BY_HAND = "hand-"


async def saved_contexts(parts: Parts) -> SavedContexts:
    """All of them, the newest first. Looks at the files that profiles name, in a thread."""
    running = {
        Path(instance.record.contexts).name: (str(instance.profile), str(instance.id))
        for instance in parts.registry.values()
        if instance.record.contexts
    }
    return await asyncio.to_thread(_read, parts, running)


def _read(parts: Parts, running: dict[str, tuple[str, str]]) -> SavedContexts:
    contexts = parts.contexts
    found = contexts.saved()
    owners = _owners(parts) if any(folder.name not in running for _, folder, _ in found) else {}
    rows = []
    for place, folder, files in found:
        profile, instance = running.get(folder.name, (owners.get(folder.name, ""), ""))
        rows.append(
            SavedContext(
                id=folder.name,
                place=place,
                files=len(files),
                mib=round(sum(map(size_of, files)) / _MIB, 1),
                saved_at=time_in_utc(datetime.fromtimestamp(max(map(saved_at, files)), UTC)),
                profile=profile,
                instance=instance,
                by_hand=sum(file.name.startswith(_BY_HAND) for file in files),
            )
        )
    rows.sort(key=lambda row: row.saved_at, reverse=True)
    return SavedContexts(contexts=rows, limit_mib=contexts.limit_mib)


def _owners(parts: Parts) -> dict[str, str]:
    """The profiles as they are now, by the folder that each would be given."""
    owners: dict[str, str] = {}
    for profile in parts.roster.stable.profiles.values():
        if profile.keeps_context:
            with suppress(EngineError):
                version = parts.roster.engine(profile).version
                owners[folder_name(profile, version)] = profile.id
    return owners
