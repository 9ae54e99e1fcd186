"""The flags of one llama-server build, as its `--help` prints them.

`parse_help` turns the text into a `FlagSet`; `FlagSet.find` accepts every spelling that llama.cpp's
own preset reader accepts (long without dashes, short, `LLAMA_ARG_…`). Pure: nothing runs here.

The text's format (common/arg.cpp, `common_arg::to_string`): an option begins in the first column
with all its spellings, positive ones first, then its value hints; the help follows on the same line
after at least three spaces, or on the next lines, which are indented. `----- x -----` heads a group.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from paddock.near import nearest

# Flags whose handler appends to a list, read from common/arg.cpp of build 11434. Of all others only
# the last one counts. (llama-server warns for both alike, but the lists do grow.)
ACCUMULATING = frozenset(
    {
        "--override-tensor",
        "--override-tensor-draft",
        "--override-kv",
        "--lora",
        "--lora-scaled",
        "--control-vector",
        "--control-vector-scaled",
        "--logit-bias",
        "--reverse-prompt",
        "--dry-sequence-breaker",
        "--spec-type",
    }
)


_SPELLING = r"--?[A-Za-z][^\s,]*"
_OPTION = re.compile(
    rf"(?P<spellings>{_SPELLING}(?:,\s+{_SPELLING})*)(?: (?P<hint>\S+(?: \S+)*))?(?:\s{{2,}}(?P<help>.*))?"
)
_ENV = re.compile(r"\(env: ([A-Za-z_0-9]+)\)")
_ALLOWED = re.compile(r"allowed values: ([\w.+-]+(?:, [\w.+-]+)*)")
_NAMED = re.compile(r"[a-z][\w.+-]*(?:,[a-z][\w.+-]*)+")  # `none,draft-simple,ngram-mod`
_BULLET = re.compile(r"- ([\w.+-]+)(?: \(default\))?: ")
_DEFAULT = re.compile(r"\(default: ([\w.+-]+)\)")
_GROUP = re.compile(r"<[^>]*>|\[[^\]]*\]|\{[^}]*\}")


@dataclass(frozen=True, slots=True)
class FlagSpec:
    """One option of llama-server."""

    name: str  # the canonical long spelling, with dashes: `--ctx-size`
    spellings: tuple[str, ...]  # every spelling, dashes included: `-c`, `--ctx-size`
    negation: str | None  # `--no-jinja`, where one exists
    arity: int  # how many values it takes: 0, 1 or 2
    env: str | None  # `LLAMA_ARG_CTX_SIZE`
    choices: tuple[str, ...]  # the values that the help names, if it names them all
    deprecated: bool
    help: str
    negatives: tuple[str, ...] = ()  # those of `spellings` that switch it off
    hint: str = ""  # how the help calls its value: `N`, `FNAME`
    several: bool = False  # several of `choices` may be given, with commas

    @property
    def removed(self) -> bool:
        """Whether it is still listed although llama-server ends at once when it is given."""
        return "argument has been removed" in self.help

    @property
    def accumulates(self) -> bool:
        return not ACCUMULATING.isdisjoint(self.spellings)


@dataclass(frozen=True, slots=True)
class FlagSet:
    """All options of one build."""

    specs: tuple[FlagSpec, ...]
    index: Mapping[str, FlagSpec] = field(repr=False)  # by every key that `find` accepts
    # What llama-server has and this engine cannot do, and why, by spelling with dashes.
    lacking: Mapping[str, str] = field(default_factory=dict, repr=False)
    in_image: bool = False  # it runs in a container: a file that is not here may be in there
    # What `find` found; files say the same keys over and over.
    _found: dict[str, tuple[FlagSpec, bool]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @classmethod
    def of(cls, specs: Iterable[FlagSpec]) -> "FlagSet":
        """Index the options; one that is listed twice counts once, as it was listed first."""
        kept: dict[str, FlagSpec] = {}
        index: dict[str, FlagSpec] = {}
        for spec in specs:
            kept.setdefault(spec.name, spec)
            for key in _keys(spec):
                index.setdefault(key, kept[spec.name])
        return cls(tuple(kept.values()), index)

    def find(self, key: str) -> tuple[FlagSpec, bool] | None:
        """The option that this key means, and whether the key is one that switches it off."""
        if known := self._found.get(key):
            return known
        for form in _forms(key):
            if spec := self.index.get(form):
                found = spec, form in spec.negatives or form == _negative_env(spec)
                return self._found.setdefault(key, found)
        return None

    def nearest(self, key: str) -> str | None:
        """The long spelling that was meant, with dashes where `key` has them, if one is near."""
        bare = key.lstrip("-").lower().replace("_", "-")
        found = nearest(bare, (form[2:] for form in self.index if form.startswith("--")))
        dashes = "--" if key.startswith("-") else ""
        return dashes + found if found else None

    def lack(self, key: str) -> str | None:
        """Why this engine has no such option although llama-server has."""
        return next((self.lacking[form] for form in _forms(key) if form in self.lacking), None)


def _keys(spec: FlagSpec) -> Iterator[str]:
    yield from spec.spellings
    if spec.env:
        yield spec.env.upper()
    if negative := _negative_env(spec):
        yield negative


def _negative_env(spec: FlagSpec) -> str | None:
    """`LLAMA_ARG_NO_JINJA`: llama.cpp still reads it wherever a flag has a negation."""
    if not spec.env or not spec.negation or not spec.env.startswith("LLAMA_ARG_"):
        return None
    return spec.env.replace("LLAMA_ARG_", "LLAMA_ARG_NO_", 1).upper()


def _forms(key: str) -> tuple[str, ...]:
    """How a key may stand in the index, most literal first."""
    if key.startswith("--"):  # llama.cpp reads `--ctx_size` as `--ctx-size`
        return (key.lower().replace("_", "-"),)
    if key.startswith("-"):
        return (key,)
    return (f"-{key}", f"--{key.lower()}", key.upper())


@dataclass(slots=True)
class _Entry:
    spellings: tuple[str, ...]
    hint: str
    help: list[str]


def parse_help(text: str) -> FlagSet:
    """Every option of the help text; other lines, such as a driver's messages, are skipped."""
    return FlagSet.of(_spec(entry) for entry in _entries(text))


def _entries(text: str) -> Iterator[_Entry]:
    entry: _Entry | None = None
    for line in text.splitlines():
        if entry and line[:1].isspace():
            entry.help.append(line.strip())
            continue
        if entry and line:
            yield entry
            entry = None
        entry = _option(line) or entry
    if entry:
        yield entry


def _option(line: str) -> _Entry | None:
    found = _OPTION.fullmatch(line.rstrip())
    if not found:
        return None
    spellings = tuple(word.strip() for word in found["spellings"].split(","))
    return _Entry(spellings, found["hint"] or "", [(found["help"] or "").strip()])


def _spec(entry: _Entry) -> FlagSpec:
    text = " ".join(line for line in entry.help if line)
    positives, negatives = _signs(entry.spellings)
    env = _ENV.search(text)
    choices = _choices(entry, text)
    return FlagSpec(
        name=_canonical(positives),
        spellings=entry.spellings,
        negation=_canonical(negatives) if negatives else None,
        arity=_arity(entry.hint),
        env=env[1] if env else None,
        choices=choices,
        deprecated="(deprecated" in text.lower(),
        help=_ENV.sub("", text).strip(),
        negatives=negatives,
        hint=entry.hint,
        several=bool(choices) and _NAMED.fullmatch(entry.hint) is not None,
    )


def _signs(spellings: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Those that switch on, those that switch off.

    The latter follow the last positive long one, short forms (`-nkvo`) included. An option that
    only exists as `--no-host` is not the negation of anything.
    """
    is_on = [s.startswith("--") and not s.startswith("--no-") for s in spellings]
    if True not in is_on or not any(s.startswith("--no-") for s in spellings):
        return spellings, ()
    end = len(is_on) - is_on[::-1].index(True)
    return spellings[:end], spellings[end:]


def _canonical(spellings: tuple[str, ...]) -> str:
    """The last long one, which is also the one that llama.cpp writes (`common_preset::to_args`)."""
    longs = [s for s in spellings if s.startswith("--")]
    return (longs or list(spellings))[-1]


def _arity(hint: str) -> int:
    """`START END` are two; blanks inside `<tensor name pattern>` do not count."""
    return min(len(_GROUP.sub("X", hint).split()), 2)


def _choices(entry: _Entry, text: str) -> tuple[str, ...]:
    hint = entry.hint
    if hint[:1] + hint[-1:] == "{}" or _NAMED.fullmatch(hint):
        return tuple(hint.strip("{}").split(","))
    if hint[:1] + hint[-1:] in {"[]", "<>"} and "|" in hint:
        return tuple(hint[1:-1].split("|"))
    allowed = _ALLOWED.search(text)
    return tuple(allowed[1].split(", ")) if allowed else _bullets(entry, text)


def _bullets(entry: _Entry, text: str) -> tuple[str, ...]:
    """Values that have a line each (`- none: …`), and the default, which may have none."""
    found = [value[1] for line in entry.help if (value := _BULLET.match(line))]
    if not found or entry.hint == "N":  # the levels of --verbosity: any number will do
        return ()
    default = _DEFAULT.search(text)
    return tuple(dict.fromkeys([*found, *([default[1]] if default else [])]))
