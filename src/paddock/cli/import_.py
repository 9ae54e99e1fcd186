"""`paddock import …`: a models.conf from what other programs keep on the disk."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from paddock.cli.init import Draft, Force, Output, Written, draft_for, may_write, write
from paddock.cli.options import Json
from paddock.cli.terminal import complain
from paddock.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from paddock.cli.files import Files
    from paddock.cli.import_engines import NewEngines
    from paddock.cli.inquiry import Progress
    from paddock.config.model_places import Places
    from paddock.config.profile import Problem
    from paddock.importing.ollama import Manifest, OllamaStore
    from paddock.importing.page import Note, Page, PageLine
    from paddock.llama.flags import FlagSet

app = typer.Typer(
    name="import",
    help="A models.conf from other programs' files: nothing is copied, moved or overwritten.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the file and write nothing.")]
Folder = Annotated[Path, typer.Argument(help="The folder.")]
FolderOrFile = Annotated[
    Path | None,
    typer.Argument(help="The store, or a Modelfile; default: the usual store.", show_default=False),
]
MaybeFolder = Annotated[
    Path | None, typer.Argument(help="The folder; default: the usual one.", show_default=False)
]


@app.command("wrapper", epilog="Example: paddock import wrapper ~/llama-docker --dry-run")
def wrapper(
    folder: Annotated[
        Path, typer.Argument(help="The folder, or a compose file, a unit or a script of it.")
    ],
    output: Output = None,
    force: Force = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """A wrapper's models.conf with the defaults of its docker-compose.yml as [*]; without one, what starts a llama-server.

    Comments stay. Paths of the container become this machine's, and settings that keep llama.cpp's fit from working are healed; each change is told. A folder without models.conf is searched for compose files, systemd units, quadlets and shell scripts: each llama-server in them becomes a profile.
    """
    files, path = _opened(output, force or dry_run), _at_home(folder)
    if (path / "models.conf").is_file():
        _wrapper(files, path, force=force, dry_run=dry_run, as_json=as_json)
    else:
        _starts(files, path, force=force, dry_run=dry_run, as_json=as_json)


def _wrapper(files: Files, folder: Path, *, force: bool, dry_run: bool, as_json: bool) -> None:
    from paddock.cli.import_engines import KnownHere, NewEngines
    from paddock.cli.inquiry import cards
    from paddock.config.model_places import Places
    from paddock.importing.programs import Programs
    from paddock.importing.wrapper import read_wrapper

    places = Places.of(folder / "models", files.paths)
    programs = Programs(KnownHere(files.engines), folder.name)
    count, target = cards()
    page = read_wrapper(folder, _placed(places), programs, count, target)
    _finish(
        page,
        files,
        folder,
        force=force,
        dry_run=dry_run,
        as_json=as_json,
        places=places,
        engines=NewEngines(programs.found),
    )


def _starts(files: Files, path: Path, *, force: bool, dry_run: bool, as_json: bool) -> None:
    from paddock.cli.import_engines import KnownHere, NewEngines
    from paddock.importing.starts import read_starts

    if not path.exists():
        raise ConfigError(f"there is no {path}")
    page, programs = read_starts(path, KnownHere(files.engines), os.environ, Path.home())
    engines = NewEngines(programs.found)
    _finish(page, files, path, force=force, dry_run=dry_run, as_json=as_json, engines=engines)


@app.command("ollama", epilog="Example: paddock import ollama; paddock import ollama ./Modelfile")
def ollama(
    path: FolderOrFile = None,
    output: Output = None,
    force: Force = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Ollama's models, used where they lie: one profile for each, with its parameters as flags.

    A Modelfile becomes one profile; its FROM may name a file or a model of the store.
    """
    from paddock.cli.inquiry import kinds_of
    from paddock.importing.ollama_page import doubtful, page_of, sorted_out

    files = _opened(output, force or dry_run)
    store, where = _ollamas(_at_home(path) if path else None)
    kinds = kinds_of(doubtful(store.manifests), files, _progress())
    store = sorted_out(store, kinds)
    page = page_of(store, _proposals(store.manifests, files))
    _finish(page, files, where, force=force, dry_run=dry_run, as_json=as_json)


def _ollamas(path: Path | None) -> tuple[OllamaStore, Path]:
    """What Ollama has there, and where that is."""
    from paddock.importing.modelfile import read_modelfile
    from paddock.importing.ollama import OllamaStore, look_into, stores

    if path and not (path / "manifests").exists() and (path / "Modelfile").is_file():
        path = path / "Modelfile"
    if path and path.is_file():
        return read_modelfile(path, os.environ), path
    folders = [_there(path)] if path else stores(os.environ)
    store = OllamaStore()
    for found in map(look_into, folders):
        store.take(found)
    return store, folders[0] if folders else Path("~/.ollama/models")


@app.command("llama-swap", epilog="Example: paddock import llama-swap ~/llama-swap/config.yaml")
def llama_swap(
    file: Annotated[Path, typer.Argument(help="llama-swap's configuration.")],
    output: Output = None,
    force: Force = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """llama-swap's models whose command starts a llama-server: flags as keys, comments in place.

    What the models share becomes [*]. Several programs, containers and environments become engines of paddock.toml.
    """
    from paddock.cli.import_engines import KnownHere, NewEngines
    from paddock.importing.llama_swap import read_llama_swap

    files = _opened(output, force or dry_run)
    path = _at_home(file)
    page, programs = read_llama_swap(path, KnownHere(files.engines), os.environ)
    engines = NewEngines(programs.found)
    _finish(page, files, path, force=force, dry_run=dry_run, as_json=as_json, engines=engines)


@app.command("dir", epilog="Example: paddock import dir ~/models")
def folder_of_files(
    folder: Folder,
    output: Output = None,
    force: Force = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """A folder of GGUF files: what `paddock init` does."""
    _init(folder, output, force=force, dry_run=dry_run, as_json=as_json)


@app.command("hf-cache", epilog="Example: paddock import hf-cache")
def hf_cache(
    folder: MaybeFolder = None,
    output: Output = None,
    force: Force = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Hugging Face's cache, where `hf download` and `llama-server -hf` put their files."""
    from paddock.importing.places import hugging_face

    chosen = folder or hugging_face(os.environ)
    _init(chosen, output, force=force, dry_run=dry_run, as_json=as_json)


@app.command("lmstudio", epilog="Example: paddock import lmstudio")
def lmstudio(
    folder: MaybeFolder = None,
    output: Output = None,
    force: Force = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """LM Studio's models."""
    from paddock.importing.places import lm_studio

    chosen = folder or lm_studio(os.environ)
    _init(chosen, output, force=force, dry_run=dry_run, as_json=as_json)


# ---- what they share ----


def _init(folder: Path, output: Path | None, *, force: bool, dry_run: bool, as_json: bool) -> None:
    from paddock.cli.init_shown import print_all, print_as_json, progress_shown

    draft = draft_for(folder, output=output, force=force or dry_run, progress=progress_shown())
    if dry_run and not as_json:
        sys.stdout.write(draft.text)
        return
    written = Written(draft.output) if dry_run else write(draft, force=force)
    (print_as_json if as_json else print_all)(draft, written)


def _opened(output: Path | None, may_replace: bool) -> Files:
    from paddock.cli.files import open_files

    files = open_files(output)
    may_write(files.paths.config, force=may_replace)
    return files


def _at_home(path: Path) -> Path:
    from paddock.config.model_files import at_home

    return Path(at_home(str(path))).absolute()


def _there(folder: Path) -> Path:
    path = _at_home(folder)
    if not path.is_dir():
        raise ConfigError(f"there is no folder {path}")
    return path


def _flags(files: Files) -> FlagSet | None:
    return files.engines.flags(None)


def _placed(places: Places) -> Callable[[Path], str]:
    def place(path: Path) -> str:
        return places.written(path) if path.is_relative_to(places.folder) else str(path)

    return place


def _proposals(
    manifests: list[Manifest], files: Files
) -> Callable[[Manifest], list[tuple[str, str, str]]]:
    from paddock.cli.inquiry import proposals

    return proposals(manifests, files, _progress())


def _progress() -> Progress:
    from paddock.cli.init_shown import progress_shown

    return progress_shown()


def _finish(
    page: Page,
    files: Files,
    source: Path,
    *,
    force: bool,
    dry_run: bool,
    as_json: bool,
    places: Places | None = None,
    engines: NewEngines | None = None,
) -> None:
    """Make it pass, write it, and tell."""
    from paddock.cli.import_engines import NONE
    from paddock.cli.import_shown import dry_lines, print_page, print_page_as_json

    engines = engines or NONE
    page = _passing(page, files, source, places, engines)
    draft = _drafted(page, files, source, places, engines)
    if dry_run and not as_json:
        sys.stdout.write(draft.text)
        for line in dry_lines(page, files.paths.settings, draft.settings_text):
            complain(line)
        return
    written = Written(draft.output) if dry_run else _written(draft, files, engines, force=force)
    if as_json:
        print_page_as_json(page, draft, written)
    else:
        print_page(page, draft, written, engines.told(files))


def _passing(
    page: Page, files: Files, source: Path, places: Places | None, engines: NewEngines
) -> Page:
    """Read as the daemon would, with the engines that there will be."""
    from paddock.cli.import_headers import header_problems
    from paddock.config.models_conf import read_as
    from paddock.importing.page import healed

    if not page.profiles:
        raise _nothing(source, page.notes)
    folder = places.folders.models if places else files.paths.models_dir
    known = engines.beside(files.engines)

    def problems_of(text: str) -> tuple[Problem, ...]:
        stable, problems = read_as(
            text,
            files.paths.config,
            models_dir=folder,
            flags_for=known.flags,
            defaults_for=known.defaults,
        )
        if stable is None or any(problem.fails_check for problem in problems):
            return problems
        return (*problems, *header_problems(files, engines.found, stable, text))

    page = healed(page, problems_of, _flags(files))
    page.lines[:0] = _head(source)
    return page


def _drafted(
    page: Page, files: Files, source: Path, places: Places | None, engines: NewEngines
) -> Draft:
    settings = "\n".join(filter(None, (places.settings if places else "", engines.text)))
    is_new = bool(settings) and not files.paths.settings.exists()
    return Draft(
        folder=places.folder if places else source,
        output=files.paths.config,
        text=page.text,
        found=(),
        drafts=(),
        left_out=(),
        settings=files.paths.settings if is_new else None,
        settings_text=settings,
    )


def _written(draft: Draft, files: Files, engines: NewEngines, *, force: bool) -> Written:
    """A paddock.toml that is there gets the engines, a new one everything."""
    may_write(draft.output, force=force)
    if not draft.settings:
        engines.add(files)
    return write(draft, force=force)


def _head(source: Path) -> list[PageLine]:
    from datetime import UTC, datetime

    from paddock.importing.page import PageLine, plain

    today = datetime.now(UTC).astimezone().date()
    told = f"# From {plain(str(source))}, by `paddock import` on {today}. All keys: docs/configuration.md."
    return [PageLine(told), PageLine("")]


def _nothing(source: Path, notes: list[Note]) -> ConfigError:
    from paddock.cli.import_shown import groups

    told = tuple(f"{group.places()}: {group.why}" for group in groups(notes))
    return ConfigError(f"{source} holds no model that can be served", detail=told)
