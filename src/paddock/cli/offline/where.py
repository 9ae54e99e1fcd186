"""Where the daemon is that a verb speaks to, when nobody says so: where paddock.toml has it listen."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence

from paddock.api.address import DEFAULT_URL

VARIABLE = "PADDOCK_URL"
_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def look_there(environ: MutableMapping[str, str]) -> None:
    """From here on, every verb and completion speaks to the usual daemon, unless another is named."""
    if VARIABLE not in environ and (url := usual_url(environ)) != DEFAULT_URL:
        environ[VARIABLE] = url


def usual_url(environ: Mapping[str, str]) -> str:
    """The address in the user's own paddock.toml; the default where that does not say, or is broken."""
    from paddock.config.paths import paths
    from paddock.config.settings import load_settings
    from paddock.errors import PaddockError

    try:
        return url_of(
            load_settings(paths(None, None, None, environ).settings, {}, is_keyed=True).listen
        )
    except PaddockError:  # whoever starts the daemon sees it
        return DEFAULT_URL


def url_of(listen: str) -> str:
    """How a daemon that listens there is reached from this machine."""
    from paddock.config.settings import listen_address

    host, port = listen_address(listen)
    host = _WILDCARDS.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def with_url(hint: str, argv: Sequence[str]) -> str:
    """The hint for a user who named another daemon: its commands need that name too."""
    url = _url_in(argv)
    names_command = "`paddock " in hint
    return f"{hint} (with --url {url})" if url and names_command and "--url" not in hint else hint


def _url_in(argv: Sequence[str]) -> str:
    """What stands behind `--url`; "" where it does not."""
    words = argv[: argv.index("--")] if "--" in argv else argv
    for place, word in enumerate(words):
        if word.startswith("--url="):
            return word.removeprefix("--url=")
        if word == "--url":
            return next(iter(words[place + 1 : place + 2]), "")
    return ""
