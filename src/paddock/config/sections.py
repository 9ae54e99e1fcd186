"""What the keys of one section mean: three vocabularies, mixed, against one engine's flags."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from paddock.config.command_line import (
    Complaint,
    argv_words,
    forbidden,
    guessed,
    read_tail,
    renamed,
    tail_switches,
)
from paddock.config.findings import Findings
from paddock.config.guesses import unknown_key
from paddock.config.ini import Entry, Section
from paddock.config.layers import Setting
from paddock.config.model_files import Folders
from paddock.config.profile import Origin, ProblemCode
from paddock.config.spellings import NONE, Use, modern, switches
from paddock.config.trailing import as_llama_cpp_cuts, without_comment
from paddock.config.vocabulary import (
    EXTRA_ARGS,
    IGNORED,
    PADDOCK_KEYS,
    PRESET_KEYS,
    REMOTE,
    RESERVED,
    VARIANT_FLAGS,
    VARIANT_KEYS,
    WELL_KNOWN,
    WRAPPER_FIELDS,
    WRAPPER_FLAGS,
    FieldKey,
)
from paddock.llama.flags import FlagSet, FlagSpec


@dataclass(slots=True)
class Understood:
    """One section, key by key."""

    fields: dict[str, object] = field(default_factory=dict)  # by the profile's field; None: unset
    origins: dict[str, Origin] = field(default_factory=dict)  # where each field was set
    keys: list[Setting] = field(default_factory=list)
    extra: list[Setting] | None = None  # None: the section has no EXTRA_ARGS
    lacks_model: bool = False  # it names one that its engine cannot use: an error


@dataclass(frozen=True, slots=True)
class _Meaning:
    """What a key stands for: a field, a flag, EXTRA_ARGS, or nothing (all empty)."""

    identity: str  # two keys with the same one say the same thing twice
    field: FieldKey | None = None
    spec: FlagSpec | None = None
    negated: bool = False


def understand(
    section: Section,
    flags: FlagSet | None,
    folders: Folders,
    findings: Findings,
    below: Mapping[str, bool] = NONE,
) -> Understood:
    """Read every entry of the section; an error in one does not hide the next.

    `below`: the old switches of what it goes over (`spellings.modern`).
    """
    return _SectionReader(section, flags, folders, findings, below).read()


def old_switches(section: Section, flags: FlagSet | None, *, tail: bool = True) -> dict[str, bool]:
    """How a section's keys and, with `tail`, its EXTRA_ARGS set the switches of older builds."""
    if flags is None:
        return {}
    keys = switches((Use(e.key, without_comment(e.value)) for e in section.entries), flags)
    tails = [e.value for e in section.entries if tail and e.key.lower() == EXTRA_ARGS]
    return keys | {k: on for text in tails for k, on in tail_switches(text, flags).items()}


class _SectionReader:
    def __init__(
        self,
        section: Section,
        flags: FlagSet | None,
        folders: Folders,
        findings: Findings,
        below: Mapping[str, bool],
    ) -> None:
        self._below = below
        self._section = section
        self._flags = flags
        self._folders = folders
        self._findings = findings
        self._seen: dict[str, tuple[Entry, _Meaning]] = {}
        self._out = Understood()

    def read(self) -> Understood:
        for entry in self._renewed([self._alone(entry) for entry in self._section.entries]):
            meaning = self._meaning(entry)
            if meaning and self._is_first(entry, meaning):
                self._take(entry, meaning)
        return self._out

    def _alone(self, entry: Entry) -> Entry:
        """Without a comment behind its value, which titles, command lines and file names cannot have."""
        value = without_comment(entry.value)
        if value == entry.value or entry.key.lower() in (*WRAPPER_FIELDS, EXTRA_ARGS):
            return entry
        return entry if self._folders.model(entry.value).exists() else replace(entry, value=value)

    def _renewed(self, entries: list[Entry]) -> Iterator[Entry]:
        """Old spellings as this build has them, each with a warning."""
        uses = [Use(e.key, e.value) for e in entries]
        new = modern(uses, self._flags, self._below) if self._flags else {}
        for i, entry in enumerate(entries):
            if i not in new:
                yield entry
                continue
            now = new[i].as_key if new[i].words else ""
            complaint = renamed(f"{entry.key} = {entry.value}", now, new[i].why)
            self._warn(entry, complaint.message, complaint.hint, code=complaint.code)
            if now:
                key, _, value = now.partition(" = ")
                yield replace(entry, key=key, value=value)

    def _meaning(self, entry: Entry) -> _Meaning | None:
        low = entry.key.lower()
        if low in IGNORED:
            return None
        if low == EXTRA_ARGS:
            return _Meaning(EXTRA_ARGS)
        if own := WRAPPER_FIELDS.get(low) or _paddock_key(low):
            return _Meaning(own.field, field=own)
        if low.replace("_", "-") in VARIANT_KEYS and not (self._flags or VARIANT_FLAGS).find(low):
            of = "write it in a section with variant-of = PROFILE"
            self._err(entry, f"{entry.key} is a setting of requests, which variants have", of)
            return None
        return self._flag(entry, WRAPPER_FLAGS.get(low, entry.key))

    def _flag(self, entry: Entry, name: str) -> _Meaning | None:
        found = (self._flags or WELL_KNOWN).find(name)
        known = found or WELL_KNOWN.find(name)
        canonical = known[0].name if known else f"--{name.lower().lstrip('-')}"
        if canonical == "--alias":
            return _Meaning("aliases", field=PADDOCK_KEYS["aliases"])
        if canonical == "--tags":  # by its other spellings
            return None
        if RESERVED.fullmatch(canonical):
            self._warn(entry, f"{entry.key} is ignored: Paddock sets {canonical} itself")
            return None
        if found:
            return _Meaning(canonical, spec=found[0], negated=found[1])
        return self._unknown(entry, canonical)

    def _unknown(self, entry: Entry, canonical: str) -> _Meaning | None:
        if self._flags is None:
            arity = 0 if entry.value.lower() in {"true", "false"} else 1
            return _Meaning(canonical, spec=guessed(canonical, arity))
        complaint = unknown_key(entry, canonical, self._flags)
        self._err(entry, complaint.message, complaint.hint, code=complaint.code)
        self._out.lacks_model |= canonical in REMOTE
        return None

    def _is_first(self, entry: Entry, meaning: _Meaning) -> bool:
        """Whether it is the first to set this; the same value twice is only a warning."""
        identity = meaning.identity
        first, before = self._seen.setdefault(identity, (entry, meaning))
        if first is entry:
            return True
        is_same = first.value == entry.value and before.negated == meaning.negated
        if meaning.spec and first.key != entry.key and is_same:
            same = f"repeats {first.key!r} in line {first.line}"
            self._warn(entry, f"{entry.key!r} {same}", "keep one of them", code="duplicate-flag")
            return False
        both = f"{first.key!r} in line {first.line} and {entry.key!r} in line {entry.line}"
        what = f" both set {identity}" if first.key != entry.key else " are the same key"
        self._err(entry, both + what, "keep one of them")
        return False

    def _take(self, entry: Entry, meaning: _Meaning) -> None:
        if meaning.field:
            self._take_field(entry, meaning.field)
        elif meaning.spec:
            self._take_flag(entry, meaning.spec, negated=meaning.negated)
        else:
            self._out.extra = list(self._tail(entry))

    def _take_field(self, entry: Entry, key: FieldKey) -> None:
        if self._section.name == "*" and not key.shared:
            self._err(entry, f"{entry.key} in [*] would give every profile the same")
            return
        try:
            self._out.fields[key.field] = key.read(entry.value) if entry.value else None
        except ValueError as error:
            self._err(entry, f"{entry.key} takes {error}, not {entry.value!r}")
        self._out.origins[key.field] = Origin(self._section.name, entry.key, entry.line)

    def _take_flag(self, entry: Entry, spec: FlagSpec, *, negated: bool) -> None:
        if complaint := forbidden(spec):
            self._err(entry, complaint.message, complaint.hint, code=complaint.code)
            return
        try:
            words = argv_words(spec, entry.value, negated=negated) if entry.value else ()
        except ValueError as error:
            self._err(entry, f"{entry.key} {error}")
            return
        self._out.keys.append(self._setting(entry, spec, words))
        self._warn_of_cut(entry)

    def _tail(self, entry: Entry) -> Iterator[Setting]:
        below = {**self._below, **old_switches(self._section, self._flags, tail=False)}
        for item in read_tail(entry.value, self._flags, below):
            if isinstance(item, Complaint):
                report = self._err if item.is_error else self._warn
                report(entry, f"{entry.key}: {item.message}", item.hint, code=item.code)
            else:
                yield self._setting(entry, item.spec, item.words)

    def _setting(self, entry: Entry, spec: FlagSpec, words: tuple[str, ...]) -> Setting:
        if spec.deprecated:
            self._warn(entry, f"{spec.name} is deprecated", spec.help, code="deprecated-flag")
        origin = Origin(self._section.name, entry.key, entry.line)
        placed = tuple(self._folders.place(spec, value) for value in words[1:])
        return Setting(spec, (*words[:1], *placed), origin)

    def _warn_of_cut(self, entry: Entry) -> None:
        """Warn where llama.cpp would cut a preset key's value; it does not read wrapper keys."""
        is_wrapper = entry.key.lower() in WRAPPER_FLAGS and entry.key != entry.key.lower()
        kept = as_llama_cpp_cuts(entry.value)
        if kept != entry.value and not is_wrapper:
            self._warn(
                entry,
                f"llama.cpp's own preset reader would cut {entry.key} to {kept!r}",
                "Paddock does not; keep it out of files that llama-server --models-preset reads",
            )

    def _err(self, entry: Entry, message: str, hint: str = "", *, code: ProblemCode = "") -> None:
        section = self._section.name
        self._findings.error(
            message, line=entry.line, section=section, key=entry.key, hint=hint, code=code
        )

    def _warn(self, entry: Entry, message: str, hint: str = "", *, code: ProblemCode = "") -> None:
        section = self._section.name
        self._findings.warning(
            message, line=entry.line, section=section, key=entry.key, hint=hint, code=code
        )


def _paddock_key(low: str) -> FieldKey | None:
    dashed = low.replace("_", "-")
    return PADDOCK_KEYS.get(PRESET_KEYS.get(dashed, dashed))
