"""Whether a load goes without llama-server's warm-up: an empty run before it is ready. Pure.

Whoever waits for an answer waits for that run as well, and gains nothing: their own prompt does next what it would have done.
On an H200 it took 0.06 to 0.13 s of a switch, and the first token came no later after it was left out.
"""

from collections.abc import Mapping

from paddock.config.profile import Profile
from paddock.llama.flags import FlagSet

LEFT_OUT = "--no-warmup"


def may_be_left_out(profile: Profile, flags: FlagSet, environment: Mapping[str, str]) -> bool:
    """Whether nobody has said if it shall be run. `flags`, `environment`: its engine's.

    With a projector it is run in any case: it is what takes the memory for the first picture.
    """
    if profile.mmproj or (known := flags.find(LEFT_OUT)) is None:
        return False
    spec, _ = known
    return spec.env not in environment and not any(map(profile.flag, spec.spellings))
