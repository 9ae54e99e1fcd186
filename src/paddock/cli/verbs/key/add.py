"""`paddock key add`: a new key, whose secret is shown this once."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import typer

from paddock.cli.options import Config, Json, KeyName, SettingsFile, StateDir, profile_names
from paddock.cli.output.terminal import complain, print_json

EXAMPLE = (
    "Example: paddock key add anna --model qwen-coder --concurrency 2 --tokens-per-day 500000. "
    "Or: paddock key add admin --scope manage"
)


class ScopeChoice(StrEnum):
    """What a key is good for."""

    ASK = "ask"
    MANAGE = "manage"
    NODE = "node"


Good = Annotated[
    ScopeChoice,
    typer.Option(
        "--scope",
        help="`ask` models, and so load them; `manage`: that, and everything else; `node`: of the front of a stable of many machines.",
    ),
]
Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        "-m",
        metavar="MODEL",
        help="A model that it may ask, by id or alias, with its variants; or one variant. May be repeated. Default: all. No other is listed for it.",
        show_default=False,
        autocompletion=profile_names,
    ),
]
Concurrency = Annotated[
    int,
    typer.Option(
        "--concurrency",
        metavar="N",
        min=0,
        help="Requests at a time; 0: no limit.",
        show_default=False,
    ),
]
Tokens = Annotated[
    int,
    typer.Option(
        "--tokens-per-day",
        metavar="N",
        min=0,
        help="Of prompts and answers together, until midnight local time; 0: no limit.",
        show_default=False,
    ),
]
Unknown = Annotated[
    str,
    typer.Option(
        "--unknown-model",
        metavar="refuse|loaded|MODEL",
        help="Who answers when it asks for a model that is not there: nobody, the model used last that is loaded, or this one. Default: what paddock.toml says.",
        show_default=False,
        autocompletion=profile_names,
    ),
]


def add(
    name: KeyName,
    scope: Good = ScopeChoice.ASK,
    models: Models = None,
    concurrency: Concurrency = 0,
    tokens_per_day: Tokens = 0,
    unknown_model: Unknown = "",
    config: Config = None,
    settings: SettingsFile = None,
    state_dir: StateDir = None,
    as_json: Json = False,
) -> None:
    """Add a key, and show its secret: this once, as only its digest is kept.

    Only the secret goes to stdout. Clients send it as `Authorization: Bearer …` or `x-api-key`; for paddock itself it goes into PADDOCK_API_KEY. With the first key a key is needed for everything.
    """
    from paddock.cli.offline.keys import open_keys
    from paddock.config.keys import NamedKey, add_key, digest_of, new_secret

    keys = open_keys(config, settings, state_dir)
    secret = new_secret()
    key = NamedKey(
        name=name,
        digest=digest_of(secret),
        scope=scope.value,
        models=tuple(models or ()),
        concurrency=concurrency,
        tokens_per_day=tokens_per_day,
        unknown_model=unknown_model,
        added=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    add_key(keys.file, key)
    if as_json:
        print_json({"name": name, "secret": secret})
    else:
        complain(f"added {name!r} to {keys.file}; this is its secret, which is not shown again:")
        print(secret)
        sys.stdout.flush()
    for word in (*keys.words_about_models(key), *keys.words_after_adding()):
        complain(word)
