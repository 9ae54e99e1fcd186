"""`paddock history`: how the loads of a profile went, as a table under two sparklines; or what switches took."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Annotated

import typer

from paddock.api.address import DEFAULT_URL
from paddock.cli.options import Json, Key, MaybeModel, Url, connect
from paddock.cli.output.placement import placed
from paddock.cli.output.switches import show_switches
from paddock.cli.output.terminal import date_and_time, paint, print_json, print_table, state
from paddock.errors import BadRequest
from paddock.figures.sparkline import levels_of, sparkline
from paddock.figures.units import percent, seconds, spared, speed

if TYPE_CHECKING:
    from paddock.api.placement import History, LoadEntry, Placement

EXAMPLE = "Example: paddock history glm-flash-q4 -n 50. Or: paddock history --switches"
Limit = Annotated[
    int, typer.Option("--limit", "-n", min=1, max=1000, help="How many of the last loads.")
]

Switches = Annotated[
    bool, typer.Option("--switches", help="What each switch spent its time on, phase by phase.")
]

_HEADERS = (
    "WHEN",
    "OUTCOME",
    "LOADED IN",
    "WEIGHTS",
    "CONTEXT",
    "PLACEMENT",
    "LAYERS",
    "SPLITS",
    "SPEED",
    "VERDICT",
    "ENGINE",
    "DIFFERS IN",
)
_VERDICT_COLOURS = {"verified": "green", "degraded": "yellow", "unknown": "dim"}


def history(
    profile: MaybeModel = None,
    url: Url = DEFAULT_URL,
    key: Key = None,
    limit: Limit = 20,
    switches: Switches = False,
    as_json: Json = False,
) -> None:
    """Show how a profile's loads went: how long they took, where they lay, how fast they ran.

    DIFFERS IN: what was not yet as at the newest load. Speeds are medians.

    With --switches: what each switch spent its time on, in seconds, from the first wish to the first token; of all profiles where none is named.
    """
    client = connect(url, key)
    if switches:
        show_switches(client.switches(profile, limit), as_json=as_json)
        return
    if profile is None:
        raise BadRequest("no profile is named", hint="name one, or use --switches")
    _show_loads(client.history(profile, limit), as_json=as_json)


def _show_loads(found: History, *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    if not found.loads:
        print(f"{found.profile} has not been loaded yet")
        return
    if trends := _trends(found.loads[::-1]):
        print(*trends, "", sep="\n")
    print_table(_HEADERS, [_row(load, found.loads[0]) for load in found.loads])
    for mode in found.load_modes:
        print(f"\n{mode.page_cache} loads get load-mode = {mode.mode}: {mode.why}")
    if (kept := found.context) and kept.times:
        print(f"\nkept contexts: {spared(kept.tokens, kept.seconds, kept.times)}")


# ---- the lines, oldest to newest ----


def _trends(loads: Sequence[LoadEntry]) -> list[str]:
    lines = (
        _trend("generation", [load.generation for load in loads], speed),
        _trend("load time", [_load_time(load) for load in loads], seconds),
    )
    return [line for line in lines if line]


def _load_time(load: LoadEntry) -> float | None:
    """Nothing for one that failed: that is no time of a load."""
    return load.seconds if load.outcome == "ready" else None


def _trend(name: str, values: Sequence[float | None], worded: Callable[[float], str]) -> str:
    from statistics import median

    known = [value for value in values if value is not None]
    if not known:
        return ""
    drawn = sparkline(values, levels_of(sys.stdout.encoding))
    low, middle, high = worded(min(known)), worded(median(known)), worded(max(known))
    return f"{name:<10}  {drawn}  min {low}, median {middle}, max {high}"


# ---- the table, newest first ----


def _row(load: LoadEntry, newest: LoadEntry) -> list[str]:
    placement = load.placement
    return [
        date_and_time(load.ended_at),
        state(load.outcome) if load.outcome else "",
        seconds(load.seconds),
        _weights(placement),
        str(placement.n_ctx or "") if placement else "",
        placed(placement),
        _layers(placement),
        _splits(placement),
        _speeds(load),
        _verdict(load),
        f"{PurePath(load.engine).name} {load.engine_version}".strip(),
        paint(", ".join(_differences(load, newest)), "cyan"),
    ]


def _weights(placement: Placement | None) -> str:
    """How they came, and how much of them the page cache held when the process was started."""
    if placement is None:
        return ""
    weights = placement.weights
    cached = f"{percent(weights.cached)} cached" if weights and weights.cached is not None else ""
    chosen = " (chosen)" if placement.load_mode_why else ""
    return ", ".join(filter(None, [f"{placement.load_mode}{chosen}", cached]))


def _layers(placement: Placement | None) -> str:
    """Those offloaded, of all; those of which parts lie elsewhere; and whether fit's result was replayed."""
    if placement is None or placement.layers_offloaded is None:
        return ""
    overflowing = placement.layers_overflowing
    beside = f", {overflowing} overflowing" if overflowing else ""
    replayed = ", replayed" if placement.replayed else ""
    return f"{placement.layers_offloaded}/{placement.layers or '?'}{beside}{replayed}"


def _splits(placement: Placement | None) -> str:
    """Of the prompt's graph, and of the generation's where that is another."""
    if placement is None or placement.graph_splits is None:
        return ""
    generation = placement.graph_splits_tg
    other = generation is not None and generation != placement.graph_splits
    return f"{placement.graph_splits}{f' (generation {generation})' if other else ''}"


def _speeds(load: LoadEntry) -> str:
    prompt = f"prompt {speed(load.prompt)}" if load.prompt is not None else ""
    return ", ".join(filter(None, [speed(load.generation), prompt]))


def _verdict(load: LoadEntry) -> str:
    """With the first reason; of a load that failed, its cause."""
    if load.verdict is None:
        return load.cause
    why = f": {load.verdict.reasons[0].message}" if load.verdict.reasons else ""
    return paint(f"{load.verdict.state}{why}", _VERDICT_COLOURS[load.verdict.state])


def _differences(load: LoadEntry, newest: LoadEntry) -> list[str]:
    """In what it is known to differ from the newest load; a change of speed may come from there."""
    pairs = (
        ("profile", load.fingerprint, newest.fingerprint),
        ("engine", load.engine_version, newest.engine_version),
        ("devices", load.devices, newest.devices),
    )
    return [word for word, then, now in pairs if then and now and then != now]
