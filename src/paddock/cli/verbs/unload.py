"""`paddock unload`: put models back."""

from typing import Annotated

import typer

from paddock.api.address import DEFAULT_URL
from paddock.cli.options import Json, Key, MaybeModel, Url, connect
from paddock.cli.output.terminal import print_json

EXAMPLE = "Example: paddock unload glm-flash-q4"
Now = Annotated[bool, typer.Option("--now", help="Do not wait for running requests.")]


def unload(
    url: Url = DEFAULT_URL,
    model: MaybeModel = None,
    key: Key = None,
    now: Now = False,
    as_json: Json = False,
) -> None:
    """Unload a model, or all of them.

    Running requests are waited for, unless --now is given.
    """
    result = connect(url, key).unload(model, now=now)
    gone = [name for name in result.models if name not in result.pending]
    if as_json:
        print_json(result)
        return
    if gone:
        print(f"unloaded: {', '.join(gone)}")
    if result.pending:
        print(f"unloading after their last request: {', '.join(result.pending)}")
    if not result.models:
        print("nothing was loaded")
