"""The one table of flags that llama.cpp renamed or merged, and what they are called now. Pure.

Presets, EXTRA_ARGS and every importer ask `modern`; a build that still has an old flag keeps it.
Read from common/arg.cpp of builds up to 11434.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from paddock.llama.flag_values import truth
from paddock.llama.flags import FlagSet, FlagSpec

# Three switches that became one mode (llama.cpp #20834): which of them, and whether it is on.
_MODES = {
    "mmap": ("mmap", True),
    "no-mmap": ("mmap", False),
    "mlock": ("mlock", True),
    "no-mlock": ("mlock", False),
    "dio": ("dio", True),
    "direct-io": ("dio", True),
    "ndio": ("dio", False),
    "no-dio": ("dio", False),
    "no-direct-io": ("dio", False),
}

# One flag for another, with the same value.
_NAMES = {
    "draft": "spec-draft-n-max",
    "draft-n": "spec-draft-n-max",
    "draft-max": "spec-draft-n-max",
    "draft-min": "spec-draft-n-min",
    "draft-n-min": "spec-draft-n-min",
    "slots-endpoint-disable": "no-slots",
}

# Values, by the flag's canonical name.
_VALUES = {
    "--spec-type": {
        "draft": "draft-simple",
        "eagle3": "draft-eagle3",
        "mtp": "draft-mtp",
        "dflash": "draft-dflash",
        "dspark": "draft-dspark",
    }
}

# Flags without a successor.
GONE = {
    "ctx-size-draft": "a draft model's context follows ctx-size",
    "cd": "a draft model's context follows ctx-size",
    "grp-attn-n": "llama-server extends no context by groups any more: see rope-scaling",
    "gan": "llama-server extends no context by groups any more: see rope-scaling",
    "grp-attn-w": "llama-server extends no context by groups any more: see rope-scaling",
    "gaw": "llama-server extends no context by groups any more: see rope-scaling",
}


_OLD = frozenset({*_MODES, *_NAMES, *(name[2:] for name in _VALUES)})


NONE: Mapping[str, bool] = MappingProxyType({})


class Use(NamedTuple):
    """One flag as it was given: a key of a file, or a word of a command line."""

    key: str  # in any spelling, with or without dashes
    value: str | None  # None: nothing, as a switch on a command line


@dataclass(frozen=True, slots=True)
class Modern:
    """What this build calls it: `--load-mode mlock`; no words where it needs none."""

    words: tuple[str, ...]
    why: str = ""  # it needs none

    @property
    def as_key(self) -> str:
        """`load-mode = mlock`, as a file says it."""
        return " = ".join((self.words[0].lstrip("-"), *self.words[1:]))


def modern(
    uses: Sequence[Use], flags: FlagSet, below: Mapping[str, bool] = NONE
) -> Mapping[int, Modern]:
    """By index in `uses`: each that this build spells in another way. Wrong values stay.

    `below`: the `switches` of the layers that these go over.
    """
    if not any(use.value is None or bare(use.key) in _OLD for use in uses):
        return {}
    found = {i: new for i, use in enumerate(uses) if (new := _renamed(use, flags))}
    return found | _modes(uses, flags, below)


def switches(uses: Iterable[Use], flags: FlagSet) -> dict[str, bool]:
    """The states of `mmap`, `mlock` and `dio`, set by the flags of older builds."""
    return dict(found for use in uses if (found := _switch(use, flags)))


def _switch(use: Use, flags: FlagSet) -> tuple[str, bool] | None:
    which = _MODES.get(bare(use.key))
    if not which or _known(use.key, flags) or not flags.find("load-mode"):
        return None
    on = _is_on(use.value)
    return None if on is None else (which[0], which[1] is on)


def _renamed(use: Use, flags: FlagSet) -> Modern | None:
    spec = _known(use.key, flags)
    if spec:
        return _alone(spec) if use.value is None else _other_value(spec, use.value)
    name = _NAMES.get(bare(use.key))
    if not name or not flags.find(name):
        return None
    return Modern((f"--{name}", *([use.value] if use.value is not None else [])))


def _alone(spec: FlagSpec) -> Modern | None:
    """`--flash-attn` was a switch before it got a value."""
    was_switch = spec.arity == 1 and {"on", "off"} <= set(spec.choices)
    return Modern((spec.name, "on")) if was_switch else None


def _other_value(spec: FlagSpec, value: str) -> Modern | None:
    table = _VALUES.get(spec.name, {})
    parts = [part.strip() for part in value.split(",")] if spec.several else [value]
    new = [table.get(part, part) if part not in spec.choices else part for part in parts]
    return Modern((spec.name, ",".join(new))) if new != parts and spec.choices else None


def _modes(uses: Sequence[Use], flags: FlagSet, below: Mapping[str, bool]) -> dict[int, Modern]:
    """Replace these switches by one mode, in the place of the first that matters."""
    states = {i: on for i, use in enumerate(uses) if (on := _switch(use, flags))}
    idle = {
        i for i, (name, on) in states.items() if name != "mmap" and not on and not below.get(name)
    }
    first = min(states.keys() - idle, default=-1)
    mode = load_mode({**below, **dict(states.values())})
    new = Modern(("--load-mode", mode or "auto"))  # auto: what stands below must not stay
    rest = Modern((), f"it is part of {new.as_key}")
    needless = Modern((), "this llama-server does so without it")
    return {i: needless if i in idle else new if i == first else rest for i in states}


def load_mode(on: Mapping[str, bool]) -> str:
    """The mode that `mmap`, `mlock` and `dio` come to; "" where none is needed.

    llama.cpp's own reading: direct I/O first, then what is locked, then what is mapped.
    """
    if on.get("dio"):
        return "dio"
    if on.get("mlock"):
        return "mmap+mlock" if on.get("mmap") else "mlock"
    if "mmap" in on:
        return "mmap" if on["mmap"] else "none"
    return ""


def _is_on(value: str | None) -> bool | None:
    try:
        return value is None or truth(value)
    except ValueError:
        return None


def _known(key: str, flags: FlagSet) -> FlagSpec | None:
    """The flag in the help; None where it is listed only as removed."""
    found = flags.find(key)
    return found[0] if found and not found[0].removed else None


@lru_cache(4096)
def bare(key: str) -> str:
    """`no-mmap` of `--no_mmap` and of `LLAMA_ARG_NO_MMAP`."""
    return key.lower().removeprefix("llama_arg_").lstrip("-").replace("_", "-")
