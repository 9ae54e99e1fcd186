"""`paddock demo`: three models of its own making, brought out one after the other."""

from __future__ import annotations

import shlex
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from paddock.cli.options import EngineName
from paddock.cli.output.terminal import complain, paint, print_table
from paddock.figures.units import mib, seconds, speed

if TYPE_CHECKING:
    from paddock.api.chat import Api
    from paddock.cli.background.demo_stage import Stage

EXAMPLE = "Example: paddock demo --keep"
Folder = Annotated[
    Path | None,
    typer.Option("--dir", metavar="DIR", show_default=False, help="Scratch folder, new or empty."),
]
Keep = Annotated[
    bool, typer.Option("--keep", help="Leave the daemon running and the files in place.")
]
_PROMPT = "Who are you?"
_APIS: tuple[Api, Api] = ("openai", "anthropic")
_API_NAMES = {"openai": "OpenAI API", "anthropic": "Anthropic API"}


@dataclass(frozen=True, slots=True)
class Turn:
    """What one model did when it was its turn."""

    model: str
    size_mib: float
    load_seconds: float | None
    placement: str
    speed: float | None


def demo(folder: Folder = None, keep: Keep = False, engine: EngineName = None) -> None:
    """See it work, with three small models of its own making.

    Starts a daemon of its own and asks each model by name, through the OpenAI API and the Anthropic API. Needs up to 700 MB of disk for half a minute. Ctrl-C ends it and cleans up.
    """
    from paddock.cli.background.demo_stage import (
        empty_folder,
        must_have_engine,
        running,
        write_models,
    )

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that its end, too, cleans up
    with empty_folder(folder, keep=keep) as place:
        must_have_engine(place, engine)  # before half a gigabyte is written
        models = write_models(place)
        for model in models:
            complain(f"wrote {model.path} ({mib(model.size_mib)})")
        with running(place, models, keep=keep, engine=engine) as scene:
            _play(scene)
    if keep:
        _farewell(scene)
    else:
        complain("the daemon is stopped, the files are gone; `--keep` leaves both")


def _play(scene: Stage) -> None:
    _introduce(scene)
    _sum_up([_turn(scene, model, first) for first, model in enumerate(scene.models)])
    _name_unseen_gpus(scene)


def _name_unseen_gpus(scene: Stage) -> None:
    """Say so where the engine uses none of the GPUs that there are."""
    if not any(device.kind == "gpu" for device in scene.client.status().devices):
        return
    for one in scene.client.doctor().advice:
        if one.code == "gpus-unseen":
            complain(f"{one.message}: {one.hint}")


def _introduce(scene: Stage) -> None:
    found = scene.client.status()
    print(f"\npaddock {found.version} answers at {scene.client.url}")
    print(f"engine: {found.engine} {found.engine_version}".rstrip())


def _turn(scene: Stage, model: str, first: int) -> Turn:
    """Ask one model through both APIs; the first question switches to it."""
    print(f"\n{paint(model, 'bold')} ({mib(scene.sizes_mib[model])})")
    for api in (_APIS[first % 2], _APIS[(first + 1) % 2]):
        _ask(scene, model, api)
    return _summed_up(scene, model)


def _ask(scene: Stage, model: str, api: Api) -> None:
    from paddock.cli.online.asking import answered
    from paddock.cli.output.answer import print_answer

    print(paint(f"{_API_NAMES[api]}, model={model}: {_PROMPT}", "dim"), flush=True)
    print_answer(answered(scene.client, model, _PROMPT, api=api, max_tokens=200))


def _summed_up(scene: Stage, model: str) -> Turn:
    from paddock.cli.output.placement import placed

    size = scene.sizes_mib[model]
    found = next((i for i in scene.client.status().instances if i.profile == model), None)
    if found is None:
        return Turn(model, size, None, "", None)
    measured = found.speed.generation if found.speed else None
    return Turn(model, size, found.load_seconds, placed(found.placement), measured)


def _sum_up(turns: list[Turn]) -> None:
    print()
    headers = ["MODEL", "SIZE", "LOAD", "PLACEMENT", "SPEED"]
    print_table(headers, [_row(turn) for turn in turns])
    print()


def _row(turn: Turn) -> list[str]:
    took = seconds(turn.load_seconds)
    return [turn.model, mib(turn.size_mib), took, turn.placement, speed(turn.speed)]


def _farewell(scene: Stage) -> None:
    paddock, url = _program(), scene.client.url
    print(f"""\
the daemon goes on running (pid {scene.pid}); try

  export PADDOCK_URL={url}
  {paddock} status
  {paddock} switch tiny
  {paddock} ask big "Who are you?"
  curl {url}/v1/chat/completions -d '{{"model": "thinker", "messages": [{{"role": "user", "content": "hi"}}]}}'

a browser:             {url}
any OpenAI client:     OPENAI_BASE_URL={url}/v1
any Anthropic client:  ANTHROPIC_BASE_URL={url}

to end it:

  {paddock} stop --url {url} && rm -r {shlex.quote(str(scene.folder))}""")


def _program() -> str:
    """How this very program was called, for commands that can be pasted."""
    called = Path(sys.argv[0])
    return "paddock" if called.name != "paddock" else shlex.quote(str(called))
