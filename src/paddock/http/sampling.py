"""Who decides over the next token: the request, or its profile, which may keep that to itself. Pure.

A body is only changed where the profile's `sampler-policy` overrules something in it; then the
fields that do not count are taken out, and everything else keeps its bytes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import msgspec

from paddock.config.profile import Profile
from paddock.http.body import Wish
from paddock.llama.samplers import FLAG_OF, samplers_of

# Fields that steer sampling besides those that have a number: the order in which samplers come.
_OTHERS = ("samplers",)


@dataclass(frozen=True, slots=True)
class Sampling:
    """What holds for one request, by the requests' words; what neither side says is llama-server's."""

    in_effect: Mapping[str, float] = field(default_factory=dict)
    overruled: tuple[str, ...] = ()  # what the request said in vain

    @property
    def headers(self) -> dict[str, str]:
        """For the client, to see what it got."""
        told = {}
        if self.in_effect:
            told["x-paddock-samplers"] = self.text
        if self.overruled:
            told["x-paddock-overruled"] = ", ".join(self.overruled)
        return told

    @property
    def text(self) -> str:
        """`temperature=0.7, top_k=20`."""
        return ", ".join(f"{name}={value:g}" for name, value in self.in_effect.items())


class Samplers:
    """Knows what each profile says, so that its flags are not read anew for every request."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Profile, dict[str, float]]] = {}

    def ruled(self, profile: Profile, wish: Wish, content: bytes) -> tuple[bytes, Sampling]:
        """The body as the instance may see it, and what holds."""
        own, asked, allowed = self._own(profile), dict(_asked(wish)), profile.client_samplers
        if allowed is None:
            return content, Sampling(own | asked)
        vain = tuple(name for name in (*asked, *_others(wish)) if name not in allowed)
        counts = {name: value for name, value in asked.items() if name in allowed}
        return (_without(content, vain) if vain else content), Sampling(own | counts, vain)

    def _own(self, profile: Profile) -> dict[str, float]:
        known = self._known.get(profile.id)
        if known is None or known[0] is not profile:
            own = samplers_of((flag.name, flag.values) for flag in profile.flags)
            known = self._known[profile.id] = (profile, own)
        return known[1]


def _asked(wish: Wish) -> Iterator[tuple[str, float]]:
    for name in FLAG_OF:
        if raw := getattr(wish, name, None):
            value = msgspec.json.decode(raw)
            if isinstance(value, int | float) and not isinstance(value, bool):
                yield name, float(value)


def _others(wish: Wish) -> list[str]:
    return [name for name in _OTHERS if getattr(wish, name, None)]


def _without(content: bytes, names: tuple[str, ...]) -> bytes:
    fields = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
    return msgspec.json.encode({name: raw for name, raw in fields.items() if name not in names})
