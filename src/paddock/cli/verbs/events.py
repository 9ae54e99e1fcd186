"""`paddock events`: what happens, line by line, as it happens."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from paddock.api.address import DEFAULT_URL
from paddock.cli.options import Json, Key, Url, connect
from paddock.cli.output.progress import described
from paddock.cli.output.terminal import clock, complain
from paddock.figures.units import count, seconds, speed

if TYPE_CHECKING:
    from paddock.api.events import AnyEvent

EXAMPLE = "Example: paddock events --json | jq 'select(.type == \"switch-ended\")'"
After = Annotated[
    int | None,
    typer.Option("--after", metavar="SEQ", help="Begin after this event.", show_default=False),
]

Readings = Annotated[
    bool,
    typer.Option(
        "--readings", help="Also what goes on just now: requests and devices, each second."
    ),
]


def events(
    url: Url = DEFAULT_URL,
    key: Key = None,
    after: After = None,
    readings: Readings = False,
    as_json: Json = False,
) -> None:
    """Follow what happens, line by line.

    Until the daemon ends, or Ctrl-C. With --json each line is one event of the API.
    """
    import msgspec

    from paddock.api.events import Activity

    for event in connect(url, key).events(after):
        if isinstance(event, Activity) and not readings:
            continue
        line = msgspec.json.encode(event).decode() if as_json else line_of(event)
        print(line)
        sys.stdout.flush()
    complain("the daemon has ended")


def line_of(event: AnyEvent) -> str:
    """One event in one line."""
    return f"{clock(event.time)}  {_subject(event)}: {_fact(event)}"


def _subject(event: AnyEvent) -> str:
    from paddock.api import events as wire

    match event:
        case wire.Snapshot():
            return "paddock"
        case wire.ConfigChanged():
            return event.config.path
        case wire.Activity() | wire.YieldChanged():
            return "paddock"
        case wire.PullChanged():
            return event.pull.model
        case wire.TuningChanged():
            return event.tuning.profile
        case wire.BenchChanged():
            return event.bench.profile
        case _:
            return event.profile


def _fact(event: AnyEvent) -> str:
    from paddock.api import events as wire

    match event:
        case wire.Snapshot():
            loaded = ", ".join(f"{i.profile} {i.phase}" for i in event.status.instances)
            return f"{count(len(event.profiles), 'profile')}; {loaded or 'nothing loaded'}"
        case wire.InstanceChanged():
            return f"{event.state} (instance {event.instance.id} {event.instance.phase})"
        case wire.InstanceEnded():
            reason = f": {event.failure.message}" if event.failure else ""
            return f"instance {event.instance} ended{reason}"
        case wire.SwitchProgress():
            return described(event.progress)
        case wire.SwitchEnded():
            reason = f": {event.failure.message}" if event.failure else ""
            return f"switch {event.outcome} after {seconds(event.seconds)}{reason}"
        case wire.QueueChanged():
            return f"{event.waiting} waiting"
        case wire.SpeedMeasured():
            prompt, generation = speed(event.speed.prompt), speed(event.speed.generation)
            return f"prompt {prompt or 'unknown'}, generation {generation or 'unknown'}"
        case wire.Activity():
            return count(len(event.requests), "request")
        case wire.VerdictReached():
            why = "; ".join(reason.message for reason in event.verdict.reasons)
            return f"{event.verdict.state}{f': {why}' if why else ''}"
        case wire.ConfigChanged():
            return _config_fact(event)
        case wire.PullChanged():
            return f"download {event.pull.in_words()}"
        case wire.TuningChanged():
            return event.tuning.in_words()
        case wire.BenchChanged():
            return event.bench.in_words()
        case wire.YieldChanged():
            return event.yielded.in_words() if event.yielded else "the GPUs are Paddock's again"


def _config_fact(event: object) -> str:
    from paddock.api.events import ConfigChanged

    assert isinstance(event, ConfigChanged)
    if event.config.error:
        return f"not applied: {event.config.error.message}"
    lists = {"changed": event.changed, "added": event.added, "removed": event.removed}
    facts = [f"{word} {', '.join(names)}" for word, names in lists.items() if names]
    return "read again; " + ("; ".join(facts) or "nothing changed")
