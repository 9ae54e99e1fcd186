"""Which hosts a download may be sent to: the hub's own and those that paddock.toml names. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

# Those of huggingface.co: its store, its CDN and Xet are below them.
OWN = ("huggingface.co", "hf.co")


@dataclass(frozen=True, slots=True)
class HostRule:
    """The hosts of one hub. `configured`: names of hosts, each with those below it."""

    endpoint: str  # `https://huggingface.co`
    configured: Sequence[str] = ()

    def allows(self, url: str) -> bool:
        """Whether a request may go there. Without TLS only where the hub itself is asked without."""
        to, hub = urlsplit(url), urlsplit(self.endpoint)
        if to.scheme != "https" and not (to.scheme == hub.scheme == "http"):
            return False
        host = (to.hostname or "").lower()
        known = (hub.hostname or "", *OWN, *self.configured)
        return any(is_at_or_below(host, one.lower()) for one in known if one)


def is_at_or_below(host: str, above: str) -> bool:
    """`cdn.hf.co` lies below `hf.co`; `nothf.co` does not."""
    return host == above or host.endswith(f".{above}")
