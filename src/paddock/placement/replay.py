"""From what fit chose to the flags that have llama-server place a model so without a search. Pure.

Layers are given as a number (the output layer counts), shares of several devices as whole layers, and
what lies elsewhere by the names of its tensors, as the trial printed them: so nothing here depends on
how fit breaks a layer up. A context is given only where the server by itself would take another one.
Each load that gets the flags is compared with the trial by its own log (`replayable.Replay.difference`).
"""

import re
from collections.abc import Iterable, Iterator

from paddock.config.profile import Profile
from paddock.engine.engine import Engine
from paddock.llama.fit import HOST, Fit, FitTrial, is_host
from paddock.placement.devices import fits_itself

FIT, CONTEXT, LAYERS = "--fit", "--ctx-size", "--n-gpu-layers"
SPLIT, OVERRIDE = "--tensor-split", "--override-tensor"
# Set by hand, any of these is the owner's own placement, and left alone.
_BY_HAND = (
    SPLIT, OVERRIDE, "--cpu-moe", "--n-cpu-moe", "--n-cpu-ffn", "--split-mode", "--main-gpu",
)  # fmt: skip
_POOL = "--kv-unified-per-slot"  # then llama-server makes a context of its own, and fit none
_LEFT_TO_FIT = ("auto", "-1")
# In RAM. What llama.cpp makes of it (`CUDA_Host`, `CPU_REPACK`) is its own choice, and no name that
# `--override-tensor` knows.
_RAM = "CPU"


def is_placed_by_hand(profile: Profile) -> bool:
    """Whether its owner places it, so that fit has nothing to choose or gives up."""
    layers = profile.flag(LAYERS)
    is_numbered = layers is not None and layers.values[:1] not in [(w,) for w in _LEFT_TO_FIT]
    return is_numbered or not fits_itself(profile) or any(map(profile.flag, _BY_HAND))


def replay_of(profile: Profile, engine: Engine, fit: Fit) -> list[str]:
    """The words for the end of a command line.

    Empty where its owner places it, where fit gave up, or where this engine has no such flags.
    """
    if is_placed_by_hand(profile) or fit.complaint:
        return []
    flags = [(FIT, "off"), *_context(profile, fit), *_layers(fit), *_moved(fit.trial)]
    words = []
    for name, value in flags:
        if (found := engine.flags.find(name)) is None:
            return []
        words += [found[0].name, value]
    return words


def own_weights(fit: Fit) -> dict[str, int]:
    """MiB of the model's own weights on each device that has any: not of its draft or its projector."""
    return {
        name: sizes.model
        for name, sizes in fit.trial.sizes.items()
        if name != HOST and (sizes.model or fit.trial.layers.get(name))
    }


Flags = Iterator[tuple[str, str]]


def _context(profile: Profile, fit: Fit) -> Flags:
    """Where fit cut it, or made it larger for slots with caches of their own."""
    is_open = profile.ctx_size is None and not profile.flag(_POOL)
    if is_open and fit.n_ctx and fit.n_ctx != fit.n_ctx_train:
        yield CONTEXT, str(fit.n_ctx)


def _layers(fit: Fit) -> Flags:
    """How many in all, and of several devices each one's: as fit numbers them, else as they lie."""
    if not fit.devices:
        return
    named = enumerate(device.name for device in fit.devices)
    counts = [fit.trial.shape.get(i, fit.trial.layers.get(name, 0)) for i, name in named]
    yield LAYERS, str(sum(counts))
    if len(counts) > 1 and any(counts):
        yield SPLIT, ",".join(map(str, counts))


def _moved(trial: FitTrial) -> Flags:
    """One pattern for each buffer and set of parts: `^blk\\.(8|9)\\.(ffn_down|ffn_up)\\.weight$=CPU`."""
    patterns = [
        f"^blk\\.({_either(layers)})\\.({_either(parts)})$={place}"
        for (place, parts), layers in _grouped(trial).items()
    ]
    if patterns:
        yield OVERRIDE, ",".join(patterns)


def _grouped(trial: FitTrial) -> dict[tuple[str, tuple[str, ...]], list[str]]:
    """Numbers of the layers by where how much of them went."""
    parts: dict[tuple[str, str], list[str]] = {}
    for buffer, names in trial.moved.items():
        for name in names:
            _, layer, part = name.split(".", 2)
            parts.setdefault((_RAM if is_host(buffer) else buffer, layer), []).append(part)
    groups: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (place, layer), those in parts.items():
        groups.setdefault((place, tuple(sorted(set(those)))), []).append(layer)
    return groups


def _either(words: Iterable[str]) -> str:
    return "|".join(map(re.escape, words))
