"""Sections with `variant-of`: what each changes in a request, and everything that is wrong with it.

A variant has no command line. What would need one is an error, which names the flag and its line; a
variant with an error is left out, and costs no other profile anything.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from paddock.config.command_line import groups, is_flag, split
from paddock.config.findings import Findings
from paddock.config.ini import Entry, Section
from paddock.config.profile import Problem, Profile
from paddock.config.trailing import without_comment
from paddock.config.variant import Variant
from paddock.config.vocabulary import (
    EXTRA_ARGS,
    PADDOCK_KEYS,
    PRESET_KEYS,
    VARIANT_FLAGS,
    VARIANT_KEYS,
    WELL_KNOWN,
    WRAPPER_FIELDS,
    WRAPPER_FLAGS,
    FieldKey,
)
from paddock.llama.flags import FlagSet
from paddock.llama.samplers import FLAG_OF
from paddock.near import nearest

OF = "variant-of"
_TEXTS = frozenset({"name", "description", "system-prompt", "stop"})  # a `;` or `#` is part of them
_SHARED = {
    **{name: key for name, key in WRAPPER_FIELDS.items() if name != "speed"},
    **{name: PADDOCK_KEYS[name] for name in ("aliases", "hidden", "sampler-policy")},
}
_SAMPLERS = {flag: name for name, flag in FLAG_OF.items()}


def is_variant(section: Section) -> bool:
    """Whether the section is another name for a profile, not one of its own."""
    return any(_dashed(entry.key) == OF for entry in section.entries)


class Variants:
    """Reads the variants of one file, once all its profiles are known."""

    def __init__(
        self,
        sections: Mapping[str, Section],
        profiles: Mapping[str, Profile],
        findings: Findings,
    ) -> None:
        """`sections`: all that the file has, by name."""
        self._sections, self._profiles, self._findings = sections, profiles, findings
        self._aliases = {alias: p.id for p in profiles.values() for alias in p.aliases}

    def read(self, flags: FlagSet | None) -> dict[str, Variant]:
        """Those without an error, in the file's order; `flags`: of the engine, to recognise its flags."""
        found = (self._variant(s, flags) for s in self._sections.values() if is_variant(s))
        return {variant.id: variant for variant in found if variant}

    def _variant(self, section: Section, flags: FlagSet | None) -> Variant | None:
        reader = _VariantReader(section, flags, Complaints(self._findings, section))
        said, base = reader.read(), self._base(section)
        if base is None or reader.complaints.count or not self._names_are_free(section, said):
            return None
        said.setdefault("client_samplers", base.client_samplers)
        samplers = {name: said.pop(name) for name in FLAG_OF if name in said}
        return Variant(section.name, base.id, section.line, samplers=samplers, **said)

    def _base(self, section: Section) -> Profile | None:
        entry = next(e for e in section.entries if _dashed(e.key) == OF)
        name = without_comment(entry.value)
        if found := self._profiles.get(name):
            return found
        complaints = Complaints(self._findings, section)
        known = self._sections.get(name)
        if name == section.name:
            complaints.add(entry, "is a variant of itself", "name a profile with a model")
        elif known and is_variant(known):
            hint = f"write the profile that [{name}] is a variant of"
            complaints.add(entry, f"is a variant of the variant [{name}]", hint)
        elif known is None or name == "*":
            near = nearest(name, self._profiles)
            hint = f"did you mean {near!r}?" if near else ""
            complaints.add(entry, f"is a variant of {name!r}, and there is no such profile", hint)
        return None  # else the profile has an error of its own, which is reported there

    def _names_are_free(self, section: Section, said: dict[str, Any]) -> bool:
        """Whether its name and aliases mean nothing else; from now on they mean it."""
        aliases = [a for a in said.get("aliases", ()) if a != section.name]
        taken = [a for a in aliases if a in self._sections or a in self._aliases]
        if section.name in self._aliases:
            taken.insert(0, section.name)
        for name in taken:
            owner = self._aliases.get(name, name)
            message = f"the name {name!r} is taken by [{owner}]"
            Complaints(self._findings, section).add(Entry("", "", section.line), message)
        if not taken:
            self._aliases |= dict.fromkeys(aliases, section.name)
        return not taken


@dataclass(slots=True)
class Complaints:
    """The errors of one variant, which keep nothing but it from being used."""

    findings: Findings
    section: Section
    count: int = 0

    def add(self, entry: Entry, message: str, hint: str = "") -> None:
        self.count += 1
        self.findings.add(
            [
                Problem(
                    "error",
                    message,
                    hint,
                    self.findings.file,
                    entry.line,
                    self.section.name,
                    entry.key,
                    kind="variant",
                )
            ]
        )


@dataclass(slots=True)
class _VariantReader:
    section: Section
    flags: FlagSet | None
    complaints: Complaints
    _said: dict[str, Any] = field(default_factory=dict)
    _lines: dict[str, Entry] = field(default_factory=dict)  # where each field was set

    def read(self) -> dict[str, Any]:
        """The fields of a `Variant`, and samplers by their own names."""
        for entry in self.section.entries:
            for key, value in self._pairs(entry):
                self._take(entry, key, value)
        return {name: value for name, value in self._said.items() if value is not None}

    def _pairs(self, entry: Entry) -> Iterator[tuple[str, str]]:
        key = _dashed(entry.key)
        if key == EXTRA_ARGS.replace("_", "-"):
            yield from self._tail(entry)
        elif key in _TEXTS:
            yield key, entry.value
        else:
            yield entry.key, without_comment(entry.value)

    def _tail(self, entry: Entry) -> Iterator[tuple[str, str]]:
        try:
            words = split(entry.value)
        except ValueError as error:
            self.complaints.add(entry, f"{entry.key}: cannot be split into words: {error}")
            return
        for word, *values in groups(words, self._all_flags()):
            if is_flag(word):
                yield word, " ".join(values) or "true"
            else:
                self.complaints.add(entry, f"{entry.key}: stray word {word!r}")

    def _all_flags(self) -> FlagSet:
        known = self.flags or WELL_KNOWN
        return FlagSet.of((*VARIANT_FLAGS.specs, *known.specs))

    def _take(self, entry: Entry, key: str, value: str) -> None:
        own = _own_key(key)
        if own is None:
            self._refuse(entry, key)
        elif own.field in self._lines:
            first = self._lines[own.field]
            self.complaints.add(entry, f"{key} was already set in line {first.line}")
        elif own.field:
            self._lines[own.field] = entry
            self._read(entry, key, value, own)

    def _read(self, entry: Entry, key: str, value: str, own: FieldKey) -> None:
        try:
            self._said[own.field] = own.read(value) if value else None
        except ValueError as error:
            self.complaints.add(entry, f"{key} takes {error}, not {value!r}")

    def _refuse(self, entry: Entry, key: str) -> None:
        low = _dashed(key)
        found = (self.flags or WELL_KNOWN).find(WRAPPER_FLAGS.get(low.replace("-", "_"), key))
        belongs = "a variant is the same instance: write it in its profile, or make this one"
        if found:
            self.complaints.add(entry, f"{key} is a launch flag ({found[0].name})", belongs)
        elif PRESET_KEYS.get(low, low) in PADDOCK_KEYS or low == "speed":
            self.complaints.add(entry, f"{key} belongs to an instance", belongs)
        else:
            near = nearest(low, (*_SHARED, *VARIANT_KEYS, *_spellings()))
            hint = f"did you mean {near!r}?" if near else "see Variants in docs/configuration.md"
            self.complaints.add(entry, f"unknown key {key!r} of a variant", hint)


def _dashed(key: str) -> str:
    return key.lower().replace("_", "-")


def _spellings() -> Iterator[str]:
    return (s[2:] for spec in VARIANT_FLAGS.specs for s in spec.spellings if s.startswith("--"))


def _own_key(key: str) -> FieldKey | None:
    """How this key, or flag, of a variant is read; None where it is none of one's."""
    low = _dashed(key)
    if known := _SHARED.get(PRESET_KEYS.get(low, low)) or VARIANT_KEYS.get(low):
        return known
    found = VARIANT_FLAGS.find(key)
    if found is None or found[1]:
        return None
    name = found[0].name
    if sampler := _SAMPLERS.get(name):
        return FieldKey(sampler, _number)
    return VARIANT_KEYS[name.removeprefix("--")]


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError("a number") from None
