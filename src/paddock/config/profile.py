"""What models.conf becomes: frozen profiles, each flag with its origin, and the problems found."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from paddock.config.names import Called, Names
from paddock.config.variant import Variant
from paddock.near import nearest_few

# Before the name of a model that Claude Code shall show: the first is written, both are understood. Of a name
# that begins with `claude-` it believes to know the context, and lets no variable correct it (2.1.197).
BORROWED = ("anthropic-", "claude-")
LATEST = ":latest"  # after the name of a model in Ollama's lists
_NEAR = 5  # names in a refusal


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value was written. `section` is a section's name, `*`, or `paddock` for our own."""

    section: str
    key: str
    line: int = 0  # 0 where no file line is behind it

    def __str__(self) -> str:
        if not self.line:
            return self.section
        return f"[{self.section}] {self.key}, line {self.line}"


@dataclass(frozen=True, slots=True)
class Flag:
    """One effective option of a profile's command line."""

    name: str  # as given to llama-server: `--ctx-size`, `--no-jinja`
    values: tuple[str, ...]
    origin: Origin
    overrides: tuple[tuple[tuple[str, ...], Origin], ...] = ()  # what it replaced, nearest first

    @property
    def argv(self) -> tuple[str, ...]:
        return (self.name, *self.values)


@dataclass(frozen=True, slots=True)
class Profile:
    """One section of models.conf, resolved against `[*]`, the defaults and an engine's flags."""

    id: str
    line: int  # of its section header
    model: Path | None  # absolute; None where it is fetched first (`hf-repo`, `model-url`)
    flags: tuple[Flag, ...]  # the whole command line but for what Paddock itself adds
    title: str = ""
    description: str = ""
    speed_text: str = ""  # `SPEED` as typed
    expected_speed: float | None = None  # the number in it, tokens/s
    mmproj: Path | None = None
    aliases: tuple[str, ...] = ()
    ttl: float = 0.0  # idle seconds before unload, 0 = never
    pin: bool = False
    priority: int = 0
    preload: bool = False
    engine: str | None = None  # as written; None: the default engine
    runner: str = ""  # the name of the engine that this resolves to; "" where it has none
    build: str = ""  # changes with that engine's binary; "" where it was not probed
    hidden: bool | None = None  # None: as its name says, see `is_unlisted`
    concurrency: int = 0  # requests at once, 0 = no limit of ours
    replicas: int = 1  # nodes of a cluster that may have it loaded at once for the sake of its load
    rpc_nodes: tuple[str, ...] = ()  # nodes of a cluster whose devices it uses besides: lenders.py
    keep_context: Literal["auto", "on", "off"] = "auto"  # whether its slots are saved, and where
    client_samplers: tuple[str, ...] | None = None  # those that clients may set, None: all
    on_swap: Literal["warn", "refuse"] = "warn"  # what to do when its part in RAM would swap
    probe: bool = True  # whether its speed may be measured with a short request when it is idle
    load_mode_choice: Literal["auto", "off"] = "auto"  # whether it may come from measured loads
    replay_fit: Literal["auto", "off"] = "auto"  # whether a planned placement is given as flags
    overlap: Literal["auto", "off"] = "auto"  # whether it is begun while others leave for it
    stop_timeout: float | None = None  # seconds between SIGTERM and SIGKILL, None: the setting
    hub: str = ""  # what `hf-repo` and `hf-file` name, its files here or not: hub_files.py
    source: str = ""  # the hub, revision and hash that `paddock pull` fetched it by: hub/source.py
    tunes: str = ""  # the profile that this is a trial of; one of a file is none
    comments: tuple[str, ...] = ()  # lines of the file, for people: see comments.py
    _print: str = field(default="", init=False, repr=False, compare=False)  # once it was asked for

    @property
    def is_bench(self) -> bool:
        return self.id.startswith("bench-")

    @property
    def is_unlisted(self) -> bool:
        """Whether clients' lists leave it out: benchmarks too, unless they are not to be hidden."""
        return self.is_bench if self.hidden is None else self.hidden

    @property
    def argv(self) -> tuple[str, ...]:
        return tuple(word for flag in self.flags for word in flag.argv)

    def flag(self, name: str) -> Flag | None:
        """The effective flag of this canonical name (`--ctx-size`), if the profile sets it."""
        return next((f for f in self.flags if f.name == name), None)

    @property
    def is_generative(self) -> bool:
        """Whether it writes text: `--embeddings` and `--reranking` restrict a server to their own."""
        return not (self.flag("--embeddings") or self.flag("--reranking"))

    @property
    def keeps_context(self) -> bool:
        """Whether Paddock saves its slots; not where a flag gives that to somebody else."""
        is_theirs = self.flag("--slot-save-path") or self.flag("--no-slots")
        return self.keep_context != "off" and self.is_generative and not is_theirs

    @property
    def ctx_size(self) -> int | None:
        """The context that was asked for, in tokens; None where the model decides."""
        flag = self.flag("--ctx-size")
        return int(flag.values[0]) or None if flag and flag.values[0].isdecimal() else None

    @property
    def recipe(self) -> str:
        """Changes with the command line: loads of one recipe differ only by what they ran on."""
        return _digest(self.engine or "", *self.argv)

    @property
    def fingerprint(self) -> str:
        """Changes when, and only when, a running instance would be started differently."""
        if not self._print:
            made = _digest(self.recipe, self.runner, self.build) if self.build else self.recipe
            object.__setattr__(self, "_print", made)
        return self._print


def _digest(*words: str) -> str:
    from hashlib import sha256

    return sha256("\0".join(words).encode()).hexdigest()[:16]


# Those that have their heading in docs/troubleshooting.md; empty: a slip that its message explains.
ProblemCode = Literal[
    "",
    "deprecated-flag",
    "duplicate-flag",
    "fit-blocked",
    "missing-file",
    "missing-shards",
    "no-draft-model",
    "no-engine",
    "numeric-gpu-layers",
    "old-spelling",
    "unknown-flag",
]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong or doubtful in a configuration file."""

    severity: Literal["error", "warning"]
    message: str
    hint: str = ""
    file: str = ""
    line: int = 0
    section: str = ""
    key: str = ""
    # `file`: a model file is not as the profile needs it; `variant`: it costs one variant alone
    kind: Literal["", "file", "variant"] = ""
    code: ProblemCode = ""
    flag: str = ""  # the flag that it is about, where one of several in the line is meant

    @property
    def is_fatal(self) -> bool:
        """Whether the file cannot be used at all."""
        return self.severity == "error" and self.kind != "variant"

    @property
    def fails_check(self) -> bool:
        """Errors do, and so do missing files, though a daemon goes on with its other profiles."""
        return self.severity == "error" or self.kind == "file"

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}: " if self.line else f"{self.file}: " if self.file else ""
        section = f"[{self.section}] " if self.section else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{where}{section}{self.message}{hint}"


@dataclass(frozen=True, slots=True)
class NamedModel:
    """What a public name stands for: a profile, with other request settings where it is a variant."""

    profile: Profile
    variant: Variant | None = None

    @property
    def id(self) -> str:
        """The name under which it is listed."""
        return self.variant.id if self.variant else self.profile.id

    @property
    def names(self) -> tuple[str, ...]:
        """Its id and its aliases."""
        return (self.id, *(self.variant or self.profile).aliases)

    @property
    def is_unlisted(self) -> bool:
        """Whether clients' lists leave it out."""
        return self.variant.is_unlisted if self.variant else self.profile.is_unlisted


May = Callable[[NamedModel], bool] | None  # what somebody may ask, None: all


@dataclass(frozen=True, slots=True)
class Stable:
    """A whole models.conf that can be used."""

    path: Path
    models_dir: Path
    profiles: Mapping[str, Profile]  # in the file's order
    warnings: tuple[Problem, ...] = ()
    variants: Mapping[str, Variant] = field(default_factory=dict)  # in the file's order
    _variants_of: dict[str, list[Variant]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    _names: list["Names[NamedModel]"] = field(
        default_factory=list, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        for variant in self.variants.values():
            self._variants_of.setdefault(variant.base, []).append(variant)
        self._names.append(Names((named, _called(named)) for named in self.all_named()))

    def all_named(self) -> Iterator[NamedModel]:
        """Every profile and every variant, each once."""
        yield from map(NamedModel, self.profiles.values())
        for variant in self.variants.values():
            yield NamedModel(self.profiles[variant.base], variant)

    def left_out(self, name: str) -> Problem | None:
        """The first error of the variant of this name, which is why it is not there."""
        return next((p for p in self.warnings if p.kind == "variant" and p.section == name), None)

    def variants_of(self, profile: str) -> list[Variant]:
        """In the file's order."""
        return self._variants_of.get(profile, [])

    def named(self, name: str) -> NamedModel | None:
        """What has this id or alias, else what clients make of one: see `spellings`."""
        [names] = self._names
        return next(filter(None, map(names.exact, spellings(name))), None)

    def find(self, name: str) -> Profile | None:
        """The profile that this id or alias stands for; of a variant the one that runs."""
        found = self.named(name)
        return found.profile if found else None

    def meant(self, name: str, may: May = None) -> NamedModel | None:
        """As `named`; else what is called so in other capitals, by title or by file, if only one is.

        `may`: whatever it refuses is as if it were not there.
        """
        [names] = self._names
        if (found := names.exact(name)) and (may is None or may(found)):  # nearly always
            return found
        exact = filter(None, map(names.exact, spellings(name)))
        if found := next((one for one in exact if may is None or may(one)), None):
            return found
        loose = self._loosely(name, may)
        return loose[0] if len(loose) == 1 else None

    def near(self, name: str, may: May = None) -> list[str]:
        """The names that were probably meant by one that nothing has, the nearest first."""
        if several := self._loosely(name, may):
            return [named.id for named in several[:_NEAR]]
        listed = (n for n in self.all_named() if not n.is_unlisted and (may is None or may(n)))
        return nearest_few(name, (word for named in listed for word in named.names), _NEAR)

    def _loosely(self, name: str, may: May) -> list[NamedModel]:
        [names] = self._names
        return next(filter(None, (names.loose(one, may) for one in spellings(name))), [])


def _called(named: NamedModel) -> Called:
    if variant := named.variant:
        return named.names, variant.title, ""
    if named.profile.tunes:
        return named.names, "", ""  # else its profile's file would name two
    model = named.profile.model
    return named.names, named.profile.title, model.as_posix() if model else ""


def borrowed_name(name: str) -> str:
    """By which Claude Code's picker shows it, with the context that it is given."""
    return name if name.lower().startswith(BORROWED[0]) else BORROWED[0] + name


def spellings(name: str) -> Iterator[str]:
    """The names that this one may stand for, itself first.

    Claude Code shows only models that are called `anthropic…` or `claude…`; Ollama's clients add its default tag.
    """
    yield name
    for prefix in BORROWED:
        if name.startswith(prefix):
            yield name.removeprefix(prefix)
    if name.endswith(LATEST):
        yield name.removesuffix(LATEST)
