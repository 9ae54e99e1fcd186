"""Names of models that paddock.toml and keys hold, and that nothing in models.conf has. Pure.

They are warnings: the model may come later.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from paddock.config.keys import NamedKey
from paddock.config.profile import Problem, Stable

_WORDS = ("", "refuse", "loaded")  # of `unknown-model`, besides names


def strange_stand_in(stable: Stable, unknown_model: str) -> str:
    """What is wrong with this `unknown-model`; "" where nothing is."""
    if unknown_model in _WORDS or stable.meant(unknown_model):
        return ""
    return (
        f"unknown-model = {unknown_model!r}: there is no such model, so nobody answers"
        f"{_nearest(stable, unknown_model)}"
    )


def strange_to_key(stable: Stable, key: NamedKey) -> Iterator[str]:
    """What is wrong with the models of this key."""
    for name in key.models:
        if stable.named(name) is None:
            yield f"key {key.name!r} may ask {name!r}: there is no such model{_nearest(stable, name)}"
    if wrong := strange_stand_in(stable, key.unknown_model):
        yield f"key {key.name!r}: {wrong}"


def strange_names(
    stable: Stable,
    *,
    unknown_model: str,
    settings_file: Path,
    keys: Iterable[NamedKey],
    keys_file: Path,
) -> Iterator[Problem]:
    """A warning for each such name."""
    if wrong := strange_stand_in(stable, unknown_model):
        yield Problem("warning", wrong, "", str(settings_file), key="unknown-model")
    for key in keys:
        for wrong in strange_to_key(stable, key):
            yield Problem("warning", wrong, "", str(keys_file))


def _nearest(stable: Stable, name: str) -> str:
    near = ", ".join(stable.near(name))
    return f" (nearest: {near})" if near else ""
