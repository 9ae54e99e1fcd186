"""Which of several settings of one flag counts, and what it overrides. Pure.

Low to high: what the engine gives every profile, keys of `[*]`, its EXTRA_ARGS, keys of the section,
its EXTRA_ARGS. A section's EXTRA_ARGS replaces that of `[*]` as a whole: such a layer is void, but
its settings are shown as overridden.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from paddock.config.profile import Flag, Origin
from paddock.llama.flags import FlagSpec


@dataclass(frozen=True, slots=True)
class Setting:
    """One flag as one place sets it. Without words it is left off the command line."""

    spec: FlagSpec
    words: tuple[str, ...]
    origin: Origin

    @property
    def shown(self) -> tuple[str, ...]:
        """Its values, or for a switch the words that say which way it stood."""
        return self.words[1:] or self.words or ("off",)


@dataclass(frozen=True, slots=True)
class Layer:
    settings: tuple[Setting, ...] = ()
    void: bool = False


def merge(layers: Sequence[Layer]) -> tuple[Flag, ...]:
    """The effective flags, low layers first, in the order of the file within a layer."""
    effective = [s for index in range(len(layers)) for s in _winners(layers, index)]
    return tuple(flag for flag in _flags(effective, layers) if flag)


def _winners(layers: Sequence[Layer], index: int) -> Iterable[Setting]:
    """The settings of this layer that no higher one overrides; the last of a flag, or all of a list."""
    if layers[index].void:
        return []
    higher = {
        s.spec.name for layer in layers[index + 1 :] if not layer.void for s in layer.settings
    }
    kept = [s for s in layers[index].settings if s.spec.name not in higher]
    last = {s.spec.name: s for s in kept}
    return [s for s in kept if s.spec.accumulates or s is last[s.spec.name]]


def _flags(effective: Sequence[Setting], layers: Sequence[Layer]) -> Iterable[Flag | None]:
    beaten = _beaten(effective, layers)
    for setting in effective:
        overrides = beaten.pop(setting.spec.name, ())  # the first of a list explains them all
        yield _flag(setting, overrides) if setting.words else None


def _beaten(
    effective: Sequence[Setting], layers: Sequence[Layer]
) -> dict[str, tuple[Setting, ...]]:
    """The overridden settings by the flag's name, nearest first. One pass: a section may have thousands."""
    kept = {id(setting) for setting in effective}
    found: dict[str, list[Setting]] = {}
    for layer in layers:
        for setting in layer.settings:
            if id(setting) not in kept:
                found.setdefault(setting.spec.name, []).append(setting)
    return {name: tuple(reversed(settings)) for name, settings in found.items()}


def _flag(setting: Setting, beaten: tuple[Setting, ...]) -> Flag:
    overrides = tuple((s.shown, s.origin) for s in beaten)
    return Flag(setting.words[0], setting.words[1:], setting.origin, overrides)
