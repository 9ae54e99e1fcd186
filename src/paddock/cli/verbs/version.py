"""`paddock version`: which Paddock this is, and which one answers."""

from paddock import DISTRIBUTION, __version__
from paddock.api.address import DEFAULT_URL
from paddock.cli.options import Json, Key, Url, connect
from paddock.cli.output.terminal import print_json

EXAMPLE = "Example: paddock version"


def version(url: Url = DEFAULT_URL, key: Key = None, as_json: Json = False) -> None:
    """Print the versions of program, daemon and engine; without a daemon, of the engine that one would use."""
    from paddock.errors import PaddockError

    versions, problem = {"paddock": __version__}, ""
    try:
        found = connect(url, key).status()
        versions |= {"daemon": found.version, "engine": f"{found.engine} {found.engine_version}"}
    except PaddockError:  # this question has an answer without a daemon
        versions["engine"], problem = _engine_here()
    versions["engine"] = versions["engine"].strip()
    if as_json:
        print_json(versions)
        return
    versions["paddock"] += f" ({DISTRIBUTION})"
    versions["engine"] = versions["engine"] or problem or "none"
    print("\n".join(f"{name} {text}" for name, text in versions.items()))


def _engine_here() -> tuple[str, str]:
    """The default engine with its version; "" where it cannot be had, and why."""
    from paddock.cli.offline.files import open_files
    from paddock.errors import PaddockError

    try:
        engine = open_files(None).engines.find()
    except PaddockError as error:
        hint = f" ({error.hint})" if error.hint else ""
        return "", f"none: {error.message}{hint}"
    return f"{engine.name} {engine.version}", ""
