"""`paddock cancel`: end a load that is under way."""

from paddock.api.address import DEFAULT_URL
from paddock.cli.options import Json, Key, MaybeModel, Url, connect
from paddock.cli.output.terminal import print_json

EXAMPLE = "Example: paddock cancel"


def cancel(
    url: Url = DEFAULT_URL, model: MaybeModel = None, key: Key = None, as_json: Json = False
) -> None:
    """Cancel the load of a model, or all loads.

    Whoever waits for it gets an error that says so.
    """
    names = connect(url, key).cancel(model)
    if as_json:
        print_json({"success": True, "models": names})
    else:
        print(f"cancelled: {', '.join(names)}" if names else "nothing was loading")
