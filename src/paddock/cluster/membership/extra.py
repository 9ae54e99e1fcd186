"""Whether the extra `[cluster]` is installed, and is new enough. Imports nothing of it."""

from importlib.metadata import PackageNotFoundError, version

from paddock.cluster.refusals import ClusterMissing
from paddock.extras import install_command

_OLDEST = (2, 60)


def must_be_installed() -> str:
    """The version of Ray. ClusterMissing where there is none, or an older one than we know."""
    try:
        found = version("ray")
    except PackageNotFoundError:
        raise ClusterMissing(
            "several machines need the library ray", hint=install_command("cluster")
        ) from None
    numbers = tuple(int(word) for word in found.split(".")[:2] if word.isdecimal())
    if numbers < _OLDEST:
        oldest = ".".join(map(str, _OLDEST))
        raise ClusterMissing(
            f"Ray {found} is too old: {oldest} or newer is needed",
            hint=install_command("cluster"),
        )
    return found
