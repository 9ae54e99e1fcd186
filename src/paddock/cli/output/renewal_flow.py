"""`paddock pull --check` and `--update`: which profiles have newer files on their hub, and the change to these."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paddock.cli.offline.renewing import Update, renewals
from paddock.cli.output.pull_progress import pull_shown
from paddock.cli.output.terminal import complain, print_json, print_table
from paddock.errors import PaddockError
from paddock.figures.units import mib

if TYPE_CHECKING:
    from collections.abc import Sequence

    from paddock.api.client import Client
    from paddock.cli.offline.files import Files
    from paddock.hub.renewal import Renewal

_MIB = 1 << 20


def check_renewals(files: Files, name: str | None, *, as_json: bool) -> None:
    """A row for each profile that is of a hub."""
    found = renewals(files, name)
    print_json({"profiles": [_as_json(one) for one in found]}) if as_json else _print(found)


def update_all(files: Files, name: str | None, client: Client, *, rate: int, as_json: bool) -> None:
    """Fetch what is newer beside what is there, and have a running daemon switch over when nobody is served."""
    found = renewals(files, name)
    if not as_json:
        _print(found)
    for renewal in found:
        if renewal.state == "newer":
            _update(files, renewal, client, rate=rate)
    if as_json:
        print_json({"profiles": [_as_json(one) for one in found]})


def _update(files: Files, renewal: Renewal, client: Client, *, rate: int) -> None:
    update = Update.of(files, renewal, rate)
    old = update.profile.model
    with pull_shown() as display:
        update.fetch(display)
    complain(f"[{renewal.profile}] is of the newer file now; the old one stays: {old}")
    complain(_switched_over(client, renewal.profile))


def _switched_over(client: Client, profile: str) -> str:
    """A loaded one is loaded anew after its last request; one that is not, at its next."""
    try:
        client.reload()
        is_loaded = any(one.profile == profile for one in client.status().instances)
        if is_loaded:
            client.switch(profile, wait=False)
    except PaddockError as error:
        return f"a daemon takes it up at its next load ({error.message})"
    return "it is loaded anew after its last request" if is_loaded else "its next load has it"


def _print(found: Sequence[Renewal]) -> None:
    print_table(
        ["PROFILE", "FROM", "STATE", "NEWER", ""],
        [
            [
                one.profile,
                _from(one),
                one.state,
                mib(one.offer.size / _MIB) if one.offer and one.state == "newer" else "",
                one.why,
            ]
            for one in found
        ],
    )
    if any(one.state == "newer" for one in found):
        print("`paddock pull --update` fetches them beside the old ones")


def _from(one: Renewal) -> str:
    return f"{one.source.name.repository}/{one.source.file.path}".removesuffix("/")


def _as_json(one: Renewal) -> dict[str, Any]:
    return {
        "profile": one.profile,
        "source": str(one.source) if one.source.file.etag else f"hf:{_from(one)}",
        "state": one.state,
        "why": one.why,
        "commit": one.repository.commit if one.repository else None,
        "bytes": one.offer.size if one.offer else None,
    }
