"""Tunings that `paddock doctor` names: written into models.conf, and measured with something else than there is now."""

import asyncio

from paddock.api.placement import Advice
from paddock.api.tunings import Tuning
from paddock.config.profile import Profile
from paddock.daemon.parts import Parts
from paddock.errors import EngineError
from paddock.llama.facts import file_mark

CODE = "stale-tuning"
_STUDIES = 20  # of a profile: how far back the last written one may lie


async def stale_tuning(parts: Parts, profile: Profile) -> list[Advice]:
    """One where the last tuning of this profile that was written is of another build, driver, device or file."""
    studies = await parts.chronicle.history.tunings(profile.id, limit=_STUDIES)
    written = next((one for one in studies if one.applied_at), None)
    if written is None:
        return []
    now = await asyncio.to_thread(file_mark, profile.model) if profile.model else ""
    changed = outdated(written, engine=_engine(parts, profile), devices=parts.ledger.device_set, files=now)  # fmt: skip
    if not changed:
        return []
    return [
        Advice(
            code=CODE,
            severity="info",
            message=f"was tuned for {written.goal} on {written.begun_at[:10]}, and since then {' and '.join(changed)}",
            hint=f"`paddock tune {profile.id} --for {written.goal}` measures it anew",
            profile=profile.id,
            line=profile.line,
        )
    ]


def outdated(written: Tuning, *, engine: str, devices: str, files: str) -> list[str]:
    """What is not as it was measured with, in words; what is not known now is no difference."""
    found = []
    before = f"{written.engine} {written.engine_version}"
    if engine and written.engine_version and engine != before:
        found.append(f"the engine is {engine} instead of {before}")
    if devices and written.devices and devices != written.devices:
        found.append(f"driver or devices are other ones: {devices} instead of {written.devices}")
    if files and written.files and files != written.files:
        found.append("its file was replaced")
    return found


def _engine(parts: Parts, profile: Profile) -> str:
    try:
        engine = parts.roster.engine(profile)
    except EngineError:
        return ""  # said elsewhere
    return f"{engine.name} {engine.version}"
