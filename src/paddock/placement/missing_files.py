"""A plan for a profile whose model file is missing says that it cannot be loaded."""

from pathlib import Path

import msgspec

from paddock.api.placement import Plan
from paddock.config.model_files import MODEL_FLAGS, missing
from paddock.config.profile import Profile
from paddock.config.vocabulary import FETCHED


def with_missing_files(plan: Plan, profile: Profile) -> Plan:
    """The plan; refused where a model file is not there, unless llama-server would download it."""
    for flag in profile.flags:
        if flag.name not in MODEL_FLAGS or any(map(profile.flag, FETCHED.get(flag.name, ()))):
            continue
        gone = next((one for one in missing(Path(flag.values[0])) if one.ends_it), None)
        if gone:
            return msgspec.structs.replace(plan, fits=False, refusal=plan.refusal or gone.message)
    return plan
