"""What a GGUF file's name says: the model, its quantisation, and an id for its profile. Pure."""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from itertools import count
from typing import NamedTuple

# What quantisers write last: `Q4_K_M`, `UD-Q4_K_XL`, `IQ2_XXS`, `BF16`, `MXFP4_MOE`.
_QUANTISATION = re.compile(
    r"(?:^|[-_. ])(?P<found>(?:ud[-_.])?"
    r"(?:i?q\d+(?:_[a-z0-9]+)*|tq\d_\d|b?f16|f32|fp\d+|mxfp\d+(?:_moe)?|nvfp4|\d+bit))$",
    re.IGNORECASE,
)
_SHARD = re.compile(r"-\d{5}-of-\d{5}$")
_REPOSITORY = re.compile(r"[-_.]gguf$", re.IGNORECASE)
# Names that say nothing of the model: `ggml-model-Q4_K_M.gguf`, `mmproj-F16.gguf`.
_NOTHING = re.compile(
    r"(?:(?:ggml|gguf|model|weights|mmproj|projector|vision|clip)(?:[-_. ]|$))*", re.IGNORECASE
)


class Name(NamedTuple):
    """A file's name without its end: `Qwen3-4B` and `Q4_K_M`."""

    model: str
    quantisation: str

    @property
    def says_nothing(self) -> bool:
        return _NOTHING.fullmatch(self.model) is not None

    @property
    def bare(self) -> str:
        """Letters and digits of the model, to be compared: `gemma312bit` of `mmproj-gemma-3-12b-it`."""
        words = re.sub(r"[-_. ]?mmproj[-_. ]?", "-", self.model.lower())
        return "" if self.says_nothing else re.sub(r"\W|_", "", words)


def name_of(file: str) -> Name:
    """The two parts of a file's name; of a shard, those of the whole model."""
    stem = _SHARD.sub("", file[:-5] if file.lower().endswith(".gguf") else file)
    found = _QUANTISATION.search(stem)
    return Name(stem[: found.start()], found["found"]) if found else Name(stem, "")


def profile_id(file: str, repository: str) -> str:
    """`qwen3-4b-q4_k_m`; where the file's name says nothing, that of its repository or folder comes first."""
    name = name_of(file)
    model = _REPOSITORY.sub("", repository) if name.says_nothing and repository else name.model
    return _tidy("-".join(filter(None, (model, name.quantisation))))


def unique(wanted: Sequence[tuple[str, str]], taken: Collection[str] = ()) -> list[str]:
    """One id for each pair of id and owner, none of those `taken`.

    Where several want the same, the owner is put before it; then numbers are put behind.
    """
    counts = Counter([*(name for name, _ in wanted), *taken])
    ids = [_tidy(f"{who}-{name}") if who and counts[name] > 1 else name for name, who in wanted]
    taken = set(taken)
    for place, name in enumerate(ids):
        ids[place] = next(free for free in _numbered(name) if free not in taken)
        taken.add(ids[place])
    return ids


def _numbered(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name}-{number}" for number in count(2))


def _tidy(name: str) -> str:
    """The name as a valid id; never `bench-*`, which are benchmark profiles."""
    plain = re.sub(r"[^\w.]+", "-", name.lower()).strip("-._")
    return plain.removeprefix("bench-") or "model"
