"""The one way to `huggingface_hub`: imported when it is used, its client guarded, its errors in our words.

What it needs of a user it finds in its own places: the token (`HF_TOKEN`, `hf auth login`), `HF_ENDPOINT`, the cache
(`HF_HUB_CACHE`, `HF_HOME`), offline mode (`HF_HUB_OFFLINE`), proxies (`HTTPS_PROXY`, …).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from paddock import __version__
from paddock.errors import PaddockError
from paddock.extras import install_command
from paddock.hub.extra import is_installed
from paddock.hub.hosts import OWN, HostRule, is_at_or_below
from paddock.hub.names import HUB, HubName
from paddock.hub.refusals import HubContradicts, HubMissing, HubUnreachable, NotOnHub

if TYPE_CHECKING:
    import httpx2

_TRUE = frozenset({"1", "ON", "YES", "TRUE"})
_OWN_PIECE = 10 << 20  # bytes that the library gathers: lost with each cut, copied thrice
_NO_TOKEN = "log in with `hf auth login`, or set HF_TOKEN; a gated repository also wants its terms accepted on its page"


@dataclass(frozen=True, slots=True)
class Hub:
    """One hub that can be asked."""

    endpoint: str
    rule: HostRule
    is_usual: bool = True  # where the user's token belongs
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)

    @property
    def is_offline(self) -> bool:
        words = (self.environ.get(name, "") for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"))
        return any(word.upper() in _TRUE for word in words)

    def headers(self) -> dict[str, str]:
        """With the user's token, but for a hub that is not his usual one."""
        from huggingface_hub.utils import build_hf_headers

        made: dict[str, str] = build_hf_headers(
            token=None if self.is_usual else False,
            library_name="paddock",
            library_version=__version__,
        )
        return {**made, "Accept-Encoding": "identity"}  # hashes and ranges are of the file as it is

    def file_url(self, name: HubName, commit: str, path: str) -> str:
        from huggingface_hub import hf_hub_url

        return str(hf_hub_url(name.repository, path, revision=commit, endpoint=self.endpoint))


def hub_of(
    name: HubName, *, hosts: Sequence[str] = (), environ: Mapping[str, str] = os.environ
) -> Hub:
    """The hub that this name is on, ready to be asked. HubMissing where the library is not installed.

    NotOnHub where its address is neither the usual hub nor one that `hosts` name.
    """
    if not is_installed():
        raise HubMissing(
            "`paddock pull` needs the library huggingface_hub", hint=install_command("hub")
        )
    usual = (environ.get("HF_ENDPOINT") or HUB).rstrip("/")
    endpoint = name.endpoint.rstrip("/") or usual
    host = HostRule(endpoint).endpoint.split("://", 1)[-1].split(":")[0].lower()
    is_usual = endpoint in (usual, HUB)
    if not is_usual and not any(is_at_or_below(host, one) for one in (*OWN, *hosts)):
        hint = f'write hub-hosts = ["{host}"] into paddock.toml if you trust it, or set HF_ENDPOINT'
        raise NotOnHub(f"{endpoint} is no hub that Paddock asks", hint=hint)
    hub = Hub(endpoint, HostRule(endpoint, tuple(hosts)), is_usual, environ)
    _prepare(hub)
    return hub


def _prepare(hub: Hub) -> None:
    """Have the library use a client of its own that asks no other hosts, and print nothing."""
    # It would ask the hub for a list of coding agents, and report which of them runs it.
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    from huggingface_hub import constants, set_client_factory
    from huggingface_hub.utils import disable_progress_bars, logging

    disable_progress_bars()
    logging.set_verbosity_error()
    if constants.DOWNLOAD_CHUNK_SIZE == _OWN_PIECE:
        constants.DOWNLOAD_CHUNK_SIZE = cast("int", None)  # for its client: as they come
    set_client_factory(lambda: _guarded(hub))


def _guarded(hub: Hub) -> httpx2.Client:
    """The library's own client. Its hooks see each request, those of redirects too, and each answer."""
    from huggingface_hub.utils._http import default_client_factory

    from paddock.hub.large_body import read_large

    client: httpx2.Client = default_client_factory()

    def check(request: httpx2.Request) -> None:
        if hub.is_offline:
            raise HubUnreachable("offline mode is on (HF_HUB_OFFLINE)", hint="unset it to download")
        if not hub.rule.allows(str(request.url)):
            where = f"{request.url.scheme}://{request.url.host}"
            hint = f'write hub-hosts = ["{request.url.host}"] into paddock.toml if you trust it'
            raise HubContradicts(f"the hub sends to {where}, which is none of its hosts", hint=hint)

    hooks = client.event_hooks
    client.event_hooks = {
        "request": [check, *hooks["request"]],
        "response": [_check_range, read_large, *hooks["response"]],
    }
    return client


def _check_range(response: httpx2.Response) -> None:
    """A part that begins elsewhere than where it was asked from must not be appended."""
    wanted = response.request.headers.get("Range", "").removeprefix("bytes=").partition("-")[0]
    given = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
    if response.status_code == 206 and wanted != given:
        raise HubContradicts(
            f"the hub was asked for bytes from {wanted} on and sends them from {given} on"
        )


def let_go() -> None:
    """End the connections: whoever reads from one gets an error at once."""
    with suppress(Exception):
        from huggingface_hub.utils import close_session

        close_session()


@contextmanager
def translated(what: str) -> Iterator[None]:
    """What the library and its HTTP client raise, as a PaddockError about `what`."""
    import httpx2
    from huggingface_hub import errors

    try:
        yield
    except PaddockError:
        raise
    except errors.GatedRepoError as error:
        raise NotOnHub(f"{what} is gated: its owner wants to know you", hint=_NO_TOKEN) from error
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError) as error:
        hint = f"look whether it is spelled rightly; for a private one {_NO_TOKEN}"
        raise NotOnHub(f"the hub has no {what}, or not for you", hint=hint) from error
    except errors.EntryNotFoundError as error:
        raise NotOnHub(f"the hub has no {what}") from error
    except errors.HfHubHTTPError as error:
        raise _by_status(what, error) from error
    except errors.OfflineModeIsEnabled as error:
        raise HubUnreachable("offline mode is on (HF_HUB_OFFLINE)", hint="unset it") from error
    except httpx2.ProxyError as error:
        hint = "look at HTTPS_PROXY, HTTP_PROXY and NO_PROXY"
        raise HubUnreachable(f"the proxy does not let us through: {error}", hint=hint) from error
    except httpx2.HTTPError as error:
        hint = "look at the connection, and at HF_ENDPOINT and HTTPS_PROXY if they are set"
        raise HubUnreachable(f"{what}: {_words(error)}", hint=hint) from error


def _by_status(what: str, error: Any) -> PaddockError:
    status = error.response.status_code
    if status in (401, 403):
        return NotOnHub(f"the hub does not show {what} to you ({status})", hint=_NO_TOKEN)
    if status == 404:
        return NotOnHub(f"the hub has no {what}")
    if status == 416:
        return HubContradicts(f"{what}: the hub has less of it than it says")
    hint = (
        "wait some minutes; a token (`hf auth login`) gets more"
        if status == 429
        else "try again later"
    )
    return HubUnreachable(f"{what}: the hub answered with status {status}", hint=hint)


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
