"""Reads EXTRA_ARGS: a command line tail, split by shell rules and never given to a shell."""

import shlex
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from paddock.config.profile import ProblemCode
from paddock.config.vocabulary import EXITING, RESERVED, SUCCESSORS, VALUE_RULES, WELL_KNOWN
from paddock.llama.flag_values import check_value, to_argv
from paddock.llama.flags import FlagSet, FlagSpec

_ADDRESS = "leave it out: Paddock's own address is `listen` in paddock.toml"
_INSTEAD = {
    "--alias": "write `aliases = NAME, …` instead",
    "--host": _ADDRESS,
    "--port": _ADDRESS,
}


@dataclass(frozen=True, slots=True)
class Option:
    """One option of the tail with its values."""

    spec: FlagSpec
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Complaint:
    message: str
    hint: str = ""
    code: ProblemCode = ""


def read_tail(text: str, flags: FlagSet | None) -> Iterator[Option | Complaint]:
    """Every option of the tail, and everything that is wrong with it. Without flags, it is guessed."""
    try:
        words = deque(shlex.split(text.replace("\\\n", " ")))
    except ValueError as error:
        yield Complaint(f"cannot be split into words: {error}", "check quotes and backslashes")
        return
    while words:
        word = words.popleft()
        if _is_flag(word):
            yield _option(word, words, flags)
        else:
            yield _stray(word, flags)


def argv_words(spec: FlagSpec, text: str, *, negated: bool = False) -> tuple[str, ...]:
    """As `to_argv`, and by the rules that the help does not tell; raises ValueError."""
    _check_rule(spec, (text,))
    return to_argv(spec, text, negated=negated)


def guessed(name: str, arity: int) -> FlagSpec:
    """An option that nobody could look up, as no engine is installed."""
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


def unknown(word: str, flags: FlagSet) -> Complaint:
    """Names the flag and the nearest that this engine has."""
    flag, equals, _ = word.partition("=")
    if equals and flags.find(flag):
        return Complaint(
            f"unknown flag {word!r}",
            f"write the value as a word of its own: {flag} …",
            "unknown-flag",
        )
    if successor := SUCCESSORS.get(word.lstrip("-").lower()):
        hint = f"newer llama-servers have --{' '.join(successor)} instead"
        return Complaint(f"unknown flag {word!r}", hint, "unknown-flag")
    nearest = flags.nearest(word)
    hint = f"did you mean {nearest}?" if nearest else ""
    return Complaint(f"unknown flag {word!r}", hint, "unknown-flag")


def _is_flag(word: str) -> bool:
    """A dash and no number: `-1` is a value."""
    return len(word) > 1 and word[0] == "-" and not word[1].isdigit() and word[1] != "."


def _option(word: str, words: deque[str], flags: FlagSet | None) -> Option | Complaint:
    found = (flags or WELL_KNOWN).find(word)
    if not found:
        rest = _values_of_unknown(words)
        return unknown(word, flags) if flags else Option(guessed(word, len(rest)), (word, *rest))
    spec, negated = found
    if complaint := forbidden(spec):
        _values_of_unknown(words)
        return complaint
    if spec.arity == 0:
        return Option(spec, to_argv(spec, "true", negated=negated))
    return _with_values(word, spec, words, flags or WELL_KNOWN)


def _with_values(
    word: str, spec: FlagSpec, words: deque[str], flags: FlagSet
) -> Option | Complaint:
    taken: list[str] = []
    while len(taken) < spec.arity:
        if not words or (_is_flag(words[0]) and flags.find(words[0])):
            return Complaint(f"{word} lacks its value ({spec.hint})")
        taken.append(words.popleft())
    try:
        return Option(spec, (spec.name, *_checked(spec, taken)))
    except ValueError as error:
        return Complaint(f"{word} {error}")


def _checked(spec: FlagSpec, values: list[str]) -> list[str]:
    _check_rule(spec, tuple(values))
    return [check_value(spec, value) for value in values] if spec.arity == 1 else values


def _check_rule(spec: FlagSpec, values: tuple[str, ...]) -> None:
    rule = VALUE_RULES.get(spec.name)
    if rule and values and not rule[0].fullmatch(values[0]):
        raise ValueError(f"takes {rule[1]}, not {values[0]!r}")


def _values_of_unknown(words: deque[str]) -> list[str]:
    """What follows an unknown flag is taken for its values, not for further mistakes."""
    taken = []
    while words and not _is_flag(words[0]):
        taken.append(words.popleft())
    return taken


def _stray(word: str, flags: FlagSet | None) -> Complaint:
    known = (flags or WELL_KNOWN).find(word)
    hint = f"did you mean {known[0].name}?" if known else "no flag before it takes a value here"
    return Complaint(f"stray word {word!r}", hint)
