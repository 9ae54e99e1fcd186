"""Reads EXTRA_ARGS: a command line tail, split by shell rules and never given to a shell."""

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from paddock.config.backslashes import kept_backslashes
from paddock.config.profile import ProblemCode
from paddock.config.spellings import GONE, NONE, Use, bare, modern, switches
from paddock.config.vocabulary import EXITING, RESERVED, VALUE_RULES, WELL_KNOWN
from paddock.llama.flag_values import check_value, to_argv
from paddock.llama.flags import FlagSet, FlagSpec

_ADDRESS = "leave it out: Paddock's own address is `listen` in paddock.toml"
_INSTEAD = {
    "--alias": "write `aliases = NAME, …` instead",
    "--host": _ADDRESS,
    "--port": _ADDRESS,
}
# What the help calls values that are text, and may begin with a dash.
_TEXT = re.compile(r"STRING|PROMPT|MESSAGE|GRAMMAR|TEMPLATE|SCHEMA|JSON|TOKEN|KEY")
_NUMERIC = re.compile(r"[NMLP]|INDEX|SECONDS|SEED|N0,N1.*|MiB0.*")  # hints
_ENDLESS = re.compile(
    r"\d{19}"
)  # Python reads no number of more than 4,300 digits, llama-server none of 20
# What a shell's rules see: blanks, with a comment after them; blanks; an escaped sign; a quotation; the rest of a word.
_COMMENT = r"(?:^|\s+)#[^\n]*"
_KEPT = r"""(\s+|\\.|'[^']*'|"(?:\\.|[^"\\])*"|[^\s\\'"]+|.)"""
_PIECE = re.compile(f"{_COMMENT}|{_KEPT}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Option:
    """One option of the tail with its values."""

    spec: FlagSpec
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Complaint:
    """An error, or a correction that the user should know of."""

    message: str
    hint: str = ""
    code: ProblemCode = ""
    is_error: bool = True


def read_tail(
    text: str, flags: FlagSet | None, below: Mapping[str, bool] = NONE
) -> Iterator[Option | Complaint]:
    """Every option of the tail, and everything that is wrong with it. Without flags, it is guessed.

    `below`: as for `spellings.modern`.
    """
    try:
        words = split(text)
    except ValueError as error:
        yield Complaint(f"cannot be split into words: {error}", "check quotes and backslashes")
        return
    yield from _lost_backslashes(text, words)
    for given, group, why in renewed(groups(words, flags), flags, below):
        if group != given:
            yield renamed(shlex.join(given), shlex.join(group), why)
        if group:
            yield _option(group, flags)


def split(text: str) -> list[str]:
    """Its words, by a shell's rules: a word that begins with # begins a comment. Raises ValueError."""
    text = text.replace("\\\n", " ")
    if "#" in text:
        text = "".join(piece[1] or " " for piece in _PIECE.finditer(text))
    return shlex.split(text)


def _lost_backslashes(text: str, words: Sequence[str]) -> Iterator[Complaint]:
    """A pattern such as `blk\\.1` without quotes, which becomes `blk.1`."""
    meant = split(kept_backslashes(text))
    for word, whole in zip(words, meant, strict=True):
        if word != whole:
            message = f"by a shell's rules {whole} loses its backslashes: {word} remains"
            yield Complaint(message, f"put it into quotes: {shlex.quote(whole)}", is_error=False)


def groups(words: Sequence[str], flags: FlagSet | None) -> Iterator[tuple[str, ...]]:
    """Each flag with its values; a word that belongs to no flag is a group of its own."""
    at = 0
    while at < len(words):
        end = at + 1 + (_values(words, at, flags) if is_flag(words[at]) else 0)
        yield tuple(words[at:end])
        at = end


def renewed(
    given: Iterable[tuple[str, ...]], flags: FlagSet | None, below: Mapping[str, bool] = NONE
) -> list[tuple[tuple[str, ...], tuple[str, ...], str]]:
    """Each group as given, as this build spells it (empty where it is not needed), and why."""
    found = list(given)
    if flags is None:
        return [(group, group, "") for group in found]
    new = modern(_uses(found), flags, below)
    return [
        (group, new[i].words if i in new else group, new[i].why if i in new else "")
        for i, group in enumerate(found)
    ]


def tail_switches(text: str, flags: FlagSet) -> dict[str, bool]:
    """The `switches` of a tail; none where it cannot be split."""
    try:
        return switches(_uses(groups(split(text), flags)), flags)
    except ValueError:
        return {}


def _uses(found: Iterable[tuple[str, ...]]) -> list[Use]:
    """The flags that a tail sets, without stray words."""
    uses = (Use(group[0], group[1] if len(group) > 1 else None) for group in found)
    return [use if is_flag(use.key) else Use("", None) for use in uses]


def argv_words(spec: FlagSpec, text: str, *, negated: bool = False) -> tuple[str, ...]:
    """As `to_argv`, with the rules that are not in the help; raises ValueError."""
    _check_rule(spec, (text,))
    return to_argv(spec, text, negated=negated)


def guessed(name: str, arity: int) -> FlagSpec:
    """An option that cannot be looked up, as no engine is installed."""
    negation = f"--no-{name[2:]}" if arity == 0 and not name.startswith("--no-") else None
    return FlagSpec(name, (name,), negation, arity, None, (), deprecated=False, help="")


def forbidden(spec: FlagSpec) -> Complaint | None:
    """Why no profile may give this option."""
    if any(RESERVED.fullmatch(s) for s in spec.spellings):
        hint = _INSTEAD.get(spec.name, "leave it out")
        return Complaint(f"{spec.name} is not for profiles: Paddock sets it", hint)
    if not EXITING.isdisjoint(spec.spellings):
        return Complaint(f"{spec.name} makes llama-server print something and end")
    if spec.removed:
        message = f"{spec.name} was removed from this llama-server"
        return Complaint(message, spec.help, "unknown-flag")
    return None


def renamed(old: str, new: str, why: str) -> Complaint:
    """The complaint about an old spelling that was replaced."""
    if new:
        message, hint = f"{old} is an old spelling: this llama-server has {new}", f"write {new}"
    else:
        message, hint = f"{old} is an old spelling: {why}", "leave it out"
    return Complaint(message, hint, "old-spelling", is_error=False)


def unknown(word: str, flags: FlagSet) -> Complaint:
    """The complaint about an unknown flag: why this engine lacks it, or which one was meant."""
    flag, equals, _ = word.partition("=")
    if equals and flags.find(flag):
        return Complaint(
            f"unknown flag {word!r}",
            f"write the value as a word of its own: {flag} …",
            "unknown-flag",
        )
    if lack := flags.lack(flag):
        return Complaint(f"this engine cannot do {flag}: {lack}", "", "unknown-flag")
    nearest = flags.nearest(word)
    hint = GONE.get(bare(word)) or (f"did you mean {nearest}?" if nearest else "")
    return Complaint(f"unknown flag {word!r}", hint, "unknown-flag")


def is_flag(word: str) -> bool:
    """Whether it begins with a dash and is no number: `-1` is a value."""
    return len(word) > 1 and word[0] == "-" and not word[1].isdigit() and word[1] != "."


def _values(words: Sequence[str], at: int, flags: FlagSet | None) -> int:
    """How many of the words after this flag are its values.

    Words after an unknown flag count as its values, not as further mistakes.
    """
    known = flags or WELL_KNOWN
    found = known.find(words[at])
    end = at + 1 + found[0].arity if found else len(words)
    count = 0
    for place in range(at + 1, min(end, len(words))):
        word = words[place]
        if is_flag(word) and not (found and _is_text(found[0]) and not known.find(word)):
            break
        count += 1
    return count


def _is_text(spec: FlagSpec) -> bool:
    return _TEXT.search(spec.hint) is not None and not spec.choices


def _option(group: tuple[str, ...], flags: FlagSet | None) -> Option | Complaint:
    word, *values = group
    if not is_flag(word):
        return _stray(word, flags)
    found = (flags or WELL_KNOWN).find(word)
    if not found:
        return unknown(word, flags) if flags else Option(guessed(word, len(values)), group)
    spec, negated = found
    if complaint := forbidden(spec):
        return complaint
    if spec.arity == 0:
        return Option(spec, to_argv(spec, "true", negated=negated))
    if len(values) < spec.arity:
        return Complaint(f"{word} lacks its value ({spec.hint})")
    try:
        return Option(spec, (spec.name, *_checked(spec, values)))
    except ValueError as error:
        return Complaint(f"{word} {error}")


def _checked(spec: FlagSpec, values: list[str]) -> list[str]:
    _check_rule(spec, tuple(values))
    return [check_value(spec, value) for value in values] if spec.arity == 1 else values


def _check_rule(spec: FlagSpec, values: tuple[str, ...]) -> None:
    if _NUMERIC.fullmatch(spec.hint) and any(_ENDLESS.search(value) for value in values):
        raise ValueError("takes no number of more than 18 digits")
    rule = VALUE_RULES.get(spec.name)
    if rule and values and not rule[0].fullmatch(values[0]):
        raise ValueError(f"takes {rule[1]}, not {values[0]!r}")


def _stray(word: str, flags: FlagSet | None) -> Complaint:
    known = (flags or WELL_KNOWN).find(word)
    hint = f"did you mean {known[0].name}?" if known else "no flag before it takes a value here"
    return Complaint(f"stray word {word!r}", hint)
