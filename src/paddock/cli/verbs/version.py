"""`paddock version`: which Paddock this is, and which one answers."""

from paddock import DISTRIBUTION, __version__
from paddock.api.address import DEFAULT_URL
from paddock.cli.options import Json, Key, Url, connect
from paddock.cli.output.terminal import print_json

EXAMPLE = "Example: paddock version"


def version(url: Url = DEFAULT_URL, key: Key = None, as_json: Json = False) -> None:
    """Print the versions of program, daemon and engine."""
    from paddock.errors import PaddockError

    versions = {"paddock": __version__}
    try:
        found = connect(url, key).status()
        versions |= {"daemon": found.version, "engine": f"{found.engine} {found.engine_version}"}
    except PaddockError:
        pass  # this question has an answer without a daemon
    if as_json:
        print_json(versions)
    else:
        versions["paddock"] += f" ({DISTRIBUTION})"
        print("\n".join(f"{name} {text}".strip() for name, text in versions.items()))
