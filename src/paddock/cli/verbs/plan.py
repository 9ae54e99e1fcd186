"""`paddock plan`: where a profile would lie, before anything is loaded."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from paddock.api.address import DEFAULT_URL
from paddock.cli.options import (
    Config,
    EngineName,
    Json,
    Key,
    MaybeModel,
    ModelsDir,
    SettingsFile,
    Url,
    connect,
)
from paddock.cli.output.pair_matrix import lines_of
from paddock.cli.output.plan_sheet import print_plan
from paddock.cli.output.terminal import NO_PROFILES, complain, paint, print_json, print_table
from paddock.errors import BadRequest, DaemonUnreachable
from paddock.figures.device_names import in_order
from paddock.figures.units import mib

if TYPE_CHECKING:
    from paddock.api.client import Client
    from paddock.api.placement import Pair, Plan
    from paddock.cli.offline.planning import Local

EXAMPLE = "Example: paddock plan glm-flash-q4; paddock plan --all"
_ESTIMATE = "an estimate: "  # a note about why no engine made the plan begins so
_FEW = 60  # profiles of which all pairs can be shown: 1,770
All = Annotated[
    bool, typer.Option("--all", "-a", help="Every profile, and which pairs of a few fit together.")
]
Beside = Annotated[bool, typer.Option("--pairs", help="Which other profiles fit beside it.")]


def plan(
    model: MaybeModel = None,
    show_all: All = False,
    beside: Beside = False,
    url: Url = DEFAULT_URL,
    key: Key = None,
    config: Config = None,
    settings: SettingsFile = None,
    models_dir: ModelsDir = None,
    engine: EngineName = None,
    as_json: Json = False,
) -> None:
    """Show where a profile's weights, context and buffers would lie, as llama.cpp would place them now.

    Asks the engine itself, which loads nothing. A daemon that answers is asked; it knows what its own instances hold, and plans as if they had left. Without one, or with --config, this machine is read here. Exit status 1 if the plan, or one of all, cannot be loaded.
    """
    if wrong := _contradiction(model, show_all=show_all, beside=beside):
        raise BadRequest(wrong, hint=EXAMPLE)
    ask = _source(url, key, config, settings, models_dir, engine)
    if model is None:
        found = ask.every()
        pairs = _pairs_of_few(found)
        print_json({"plans": found, "pairs": pairs}) if as_json else _print_all(found, pairs)
        sys.exit(0 if all(plan.fits for plan in found) else 1)
    elif beside:
        pairs = list(ask.beside(model))
        print_json({"pairs": pairs}) if as_json else _print_beside(model, pairs)
    else:
        one = ask.one(model)
        print_json(one) if as_json else print_plan(one)
        sys.exit(0 if one.fits else 1)


def _contradiction(model: str | None, *, show_all: bool, beside: bool) -> str:
    """What is wrong with these words together; "" where nothing is."""
    if model is not None and show_all:
        return f"{model!r} is one profile and --all is every one: leave out one of the two"
    if beside and show_all:
        return (
            "--pairs is for one profile, and --all shows the pairs of all: leave out one of the two"
        )
    return "" if model is not None or show_all else "name a profile, or say --all"


def _pairs_of_few(found: Sequence[Plan]) -> list[Pair]:
    """None of many: they are as many as the square of the profiles."""
    from paddock.placement.pairs import pairs

    return pairs(found) if len(found) <= _FEW else []


# ---- who is asked ----


class _Source(ABC):
    """Gives plans."""

    @abstractmethod
    def one(self, name: str) -> Plan:
        """The plan of this profile."""

    @abstractmethod
    def names(self) -> Iterable[str]:
        """All profiles."""

    @abstractmethod
    def beside(self, model: str) -> Iterable[Pair]:
        """Every other profile with this one."""

    def every(self) -> list[Plan]:
        """All plans, one after another, each announced on stderr."""
        return [self.announced(name) for name in self.names()]

    def announced(self, name: str) -> Plan:
        if sys.stderr.isatty():
            complain(f"planning {name} …")
        return self.one(name)


class _FromDaemon(_Source):
    """A daemon's plans; it knows which profiles fit together without asking engines."""

    def __init__(self, client: Client) -> None:
        """Raises DaemonUnreachable."""
        self._client = client
        self._names = [p.id for p in client.models() if not p.variant_of]

    def one(self, name: str) -> Plan:
        return self._client.plan(name)

    def names(self) -> Iterable[str]:
        return self._names

    def beside(self, model: str) -> Iterable[Pair]:
        return self._client.pairs(model)


class _FromFiles(_Source):
    """Plans made here, without a daemon."""

    def __init__(self, local: Local) -> None:
        self._local = local

    def one(self, name: str) -> Plan:
        return self._local.plan(self._local.files.profile(name))

    def names(self) -> Iterable[str]:
        return self._local.names()

    def beside(self, model: str) -> Iterable[Pair]:
        from paddock.placement.pairs import pair

        own = self.announced(model)
        others = (name for name in self.names() if name != own.profile)
        return (pair(own, self.announced(name)) for name in others)


def _source(
    url: str,
    key: str | None,
    config: Path | None,
    settings: Path | None,
    models_dir: Path | None,
    engine: str | None,
) -> _Source:
    if config is None:
        try:
            return _FromDaemon(connect(url, key))
        except DaemonUnreachable as error:
            complain(f"{error.message}; planning here")
    return _local(config, settings, models_dir, engine)


def _local(
    config: Path | None, settings: Path | None, models_dir: Path | None, engine: str | None
) -> _Source:
    from paddock.cli.offline.files import open_files
    from paddock.cli.offline.planning import Local

    return _FromFiles(Local(open_files(config, settings, models_dir, engine)))


# ---- all of them ----


def _print_all(found: Sequence[Plan], pairs: Sequence[Pair]) -> None:
    if not found:
        complain(NO_PROFILES)
        return
    names = in_order(dict.fromkeys(d.device for plan in found for d in plan.devices))
    headers = ["MODEL", "CONTEXT", *names, "LAYERS", "FIT", "BY"]
    print_table(headers, [_row(plan, names) for plan in found])
    for note in dict.fromkeys(n for p in found for n in p.notes if n.startswith(_ESTIMATE)):
        print(paint(note, "yellow"))
    available = [_available(found, name) for name in names]
    print(f"\navailable: {', '.join(text for text in available if text)}")
    for line in lines_of(pairs, _too_large(found)):
        print(line)
    if len(found) > _FEW:
        print(
            f"\n{len(found):,} profiles: `paddock plan PROFILE --pairs` shows which of them fit beside one"
        )


def _row(found: Plan, names: Sequence[str]) -> list[str]:
    held = [device.total if (device := found.device(name)) else 0 for name in names]
    layers = f"{found.layers_on_devices}/{found.layers}" if found.layers else ""
    steps = "; ".join(found.steps) or "as asked for"
    if _too_large([found]):
        steps = paint(f"{steps}, too large by itself", "yellow")
    return [
        found.profile,
        str(found.n_ctx or ""),
        *(mib(total) if total else "" for total in held),
        layers,
        steps if found.fits else paint(found.refusal or "; ".join(found.warnings), "red"),
        _asked(found),
    ]


def _asked(found: Plan) -> str:
    """Whose plan it is, or whose it is not."""
    if found.source == "engine":
        return found.engine
    return f"estimate ({found.engine})" if found.engine else "estimate"


def _available(plans: Sequence[Plan], name: str) -> str:
    known = [d.available for plan in plans if (d := plan.device(name)) and d.available is not None]
    return f"{name} {mib(known[0])}" if known else ""


def _too_large(found: Sequence[Plan]) -> dict[str, str]:
    """Why some do not fit even alone: their pairs say nothing."""
    from paddock.placement.pairs import too_large

    return {plan.profile: why for plan in found if (why := too_large(plan))}


def _print_beside(model: str, pairs: Sequence[Pair]) -> None:
    if not pairs:
        print(f"there is no other profile beside {model}")
    if together := [pair.other for pair in pairs if pair.fits]:
        print(f"fit beside {model}: {', '.join(together)}")
    if apart := [[pair.other, pair.why] for pair in pairs if not pair.fits]:
        print(f"\nexclude {model}:" if together else f"exclude {model}:")
        print_table(["MODEL", "BECAUSE"], apart)
