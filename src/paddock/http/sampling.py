"""Who decides over the next token: the request, or its profile, which may keep that to itself. Pure.

A body is only changed where the profile's `sampler-policy` overrules something in it; then the
fields that do not count are taken out, and everything else keeps its bytes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import msgspec

from paddock.config.profile import Profile
from paddock.config.variant import Variant
from paddock.http import mending, variants
from paddock.http.body import Wish, decoded, samplers_in
from paddock.http.content import Buffer
from paddock.http.outline import Piece
from paddock.llama.samplers import samplers_of

# Fields that steer sampling besides those that have a number: the order in which samplers come.
_OTHERS = ("samplers",)
FIELDS: msgspec.json.Decoder[dict[str, msgspec.Raw]] = msgspec.json.Decoder(dict[str, msgspec.Raw])
_number: msgspec.json.Decoder[float] = msgspec.json.Decoder(float)


@dataclass(frozen=True, slots=True)
class Sampling:
    """What holds for one request, by the requests' words; what neither side says is llama-server's."""

    in_effect: Mapping[str, float] = field(default_factory=dict)
    overruled: tuple[str, ...] = ()  # what the request said in vain
    added: Mapping[str, float] = field(default_factory=dict)  # what its variant says for it
    unheard: tuple[str, ...] = ()  # what llama-server drops at this API, samplers and schemas
    # What of `in_effect` its profile says; None: nothing is sampled.
    own: Mapping[str, float] | None = field(default=None, compare=False)
    said: Mapping[str, float] = field(default_factory=dict, compare=False)  # the rest of it
    _shown: dict[str, str] = field(default_factory=dict, init=False, repr=False, compare=False)

    def served_by(self, running: Mapping[str, float]) -> "Sampling":
        """What holds where the instance has these flags for sampling: an older profile's, where it is stale."""
        if self.own is None or self.own == running:
            return self
        return replace(self, in_effect={**running, **self.said}, own=running)

    @property
    def headers(self) -> dict[str, str]:
        """For the client, to see what it got. Made once: most requests of a profile share theirs."""
        shown = self._shown
        if shown:
            return shown
        if self.in_effect:
            shown["x-paddock-samplers"] = self.text
        if self.overruled:
            shown["x-paddock-overruled"] = ", ".join(self.overruled)
        if self.unheard:
            shown["x-paddock-ignored"] = ", ".join(self.unheard)
        return shown

    @property
    def text(self) -> str:
        """`temperature=0.7, top_k=20`."""
        return ", ".join(f"{name}={value:g}" for name, value in self.in_effect.items())


NOTHING_SAID = Sampling()  # nor anything sampled, as far as is known
_LEFT_ALONE = Sampling(own={})


class Samplers:
    """Knows what each profile says, so that its flags are not read anew for every request."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Profile, Sampling]] = {}

    def ruled(
        self, profile: Profile, wish: Wish, variant: Variant | None = None, path: str = ""
    ) -> Sampling:
        """What holds for this request, and what it said in vain; `path`: as llama-server is asked."""
        alone, said, allowed = self._alone(profile), samplers_in(wish), profile.client_samplers
        unheard = mending.unheard(wish, path)
        if not (said or variant or unheard):  # nearly always
            return alone
        own = alone.own or {}
        if said and (heard := variants.heard(path)) is not None:
            unheard = (*(name for name, _ in said if name not in heard), *unheard)
            said = [(name, raw) for name, raw in said if name in heard]
        mine: Mapping[str, float] = {}
        if variant:
            mine, allowed = variants.samplers(variant, path), variant.client_samplers
        if not own and not said and not mine and not unheard:
            return _LEFT_ALONE
        asked = dict(_numbers(said)) if said else {}
        if allowed is None:
            given = {**mine, **asked}
            added = _unsaid(mine, said)
            return Sampling({**own, **given}, added=added, unheard=unheard, own=own, said=given)
        others = [name for name, _ in said if name in _OTHERS]
        vain = tuple(name for name in (*asked, *others) if name not in allowed)
        counts = {name: value for name, value in asked.items() if name in allowed}
        added = _unsaid(mine, [(name, raw) for name, raw in said if name in allowed])
        given = {**mine, **counts}
        return Sampling({**own, **given}, vain, added, unheard, own, given)

    def _alone(self, profile: Profile) -> Sampling:
        """What holds where the profile alone says something."""
        known = self._known.get(profile.id)
        if known is None or known[0] is not profile:
            own = samplers_of((flag.name, flag.values) for flag in profile.flags)
            known = self._known[profile.id] = (profile, Sampling(own, own=own))
        return known[1]


def shaped(
    content: Buffer, ruled: Sampling, variant: Variant | None = None, path: str = ""
) -> Iterator[Piece]:
    """The body without what it says in vain, and with what its variant says, piece by piece.

    Every value that is not changed keeps its bytes.
    """
    said = decoded(content, FIELDS)
    return written(said, ruled, variant, path)


def written(
    said: Mapping[str, msgspec.Raw], ruled: Sampling, variant: Variant | None, path: str
) -> Iterator[Piece]:
    """The same of a body's fields."""
    kept = {name: raw for name, raw in said.items() if name not in ruled.overruled}
    if variant:
        return variants.joined(variants.applied(variant, kept, path, ruled.added))
    return variants.joined({name: (raw,) for name, raw in kept.items()})


def _unsaid(mine: Mapping[str, float], said: list[tuple[str, msgspec.Raw]]) -> Mapping[str, float]:
    """What a variant says and its request does not; `null` says nothing."""
    names = {name for name, raw in said if bytes(raw) != b"null"}
    return {name: value for name, value in mine.items() if name not in names}


def _numbers(said: list[tuple[str, msgspec.Raw]]) -> Iterator[tuple[str, float]]:
    for name, raw in said:
        if name not in _OTHERS and (value := _value(raw)) is not None:
            yield name, value


def _value(raw: msgspec.Raw) -> float | None:
    """None for what is no number, or one of no use: it is llama-server's to refuse."""
    try:
        return _number.decode(raw)
    except msgspec.DecodeError:
        return None
