"""What a person named: `OWNER/REPO[:QUANT]`, `hf.co/…`, a hub's address, or a file within a repository. Pure."""

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from paddock.hub.refusals import BadName

HUB = "https://huggingface.co"
_ALSO = ("hf.co", "www.huggingface.co", "huggingface.co")  # other names of the same hub
_PART = re.compile(r"[A-Za-z0-9][\w.-]{0,95}", re.ASCII)  # of OWNER and of REPO, as the hub allows
_REVISION = re.compile(r"[\w][\w./-]{0,199}", re.ASCII)
_QUANTISATION = re.compile(r"[A-Za-z0-9][\w.-]{0,63}", re.ASCII)
_VERBS = ("blob", "resolve", "raw", "tree")  # between a repository and a revision in an address
_FORMS = (
    "write OWNER/REPO, OWNER/REPO:QUANT (as unsloth/Qwen3-8B-GGUF:Q4_K_M), OWNER/REPO/FILE.gguf, or the "
    "address of a page or file on the hub"
)


@dataclass(frozen=True, slots=True)
class HubName:
    """One repository, and what of it is wanted. Empty: whatever is best here."""

    owner: str
    name: str
    quantisation: str = ""
    file: str = ""  # its path within the repository
    revision: str = "main"
    endpoint: str = ""  # `https://HOST[:PORT]`, where an address named one; "" is the usual hub

    @property
    def repository(self) -> str:
        return f"{self.owner}/{self.name}"

    def __str__(self) -> str:
        at = "" if self.revision == "main" else f"@{self.revision}"
        tail = (
            f"/{self.file}" if self.file else f":{self.quantisation}" if self.quantisation else ""
        )
        return f"{self.repository}{at}{tail}"


def parsed(text: str) -> HubName:
    """The name that `text` is. BadName says which forms there are."""
    plain = text.strip()
    if "://" in plain:
        return _of_address(plain)
    if host := next((h for h in _ALSO if plain.lower().startswith(f"{h}/")), ""):
        return _of_path(plain[len(host) + 1 :], text)
    return _of_path(plain.removeprefix("hf:"), text)


def is_hub_name(text: str) -> bool:
    """Whether it names a repository: a profile's name has no `/`, or the hub's name before it."""
    try:
        parsed(text)
    except BadName:
        return False
    return True


def _of_address(text: str) -> HubName:
    url = urlsplit(text)
    if url.scheme not in ("http", "https") or not url.hostname or url.username:
        raise _bad(text)
    host = url.hostname.lower()
    endpoint = "" if host in _ALSO else f"{url.scheme}://{url.netloc}"
    return _of_path(unquote(url.path).strip("/"), text, endpoint)


def _of_path(path: str, text: str, endpoint: str = "") -> HubName:
    """`OWNER/REPO[@REVISION][:QUANT]`, or with a file behind it, in the hub's way or plainly."""
    parts = path.split("/")
    if len(parts) < 2:
        raise _bad(text)
    owner, tail = parts[0], parts[2:]
    name, colon, quantisation = parts[1].partition(":")
    name, at, revision = name.partition("@")
    if at and not revision:
        raise _bad(text)
    revision = revision or "main"
    if tail and tail[0] in _VERBS and len(tail) > 1:
        revision, tail = tail[1], tail[2:]
    found = HubName(owner, name, quantisation, "/".join(tail), revision, endpoint)
    _check(found, text, has_colon=bool(colon))
    return found


def _check(found: HubName, text: str, *, has_colon: bool) -> None:
    for part in (found.owner, found.name):
        if not _PART.fullmatch(part) or ".." in part or "--" in part:
            raise _bad(text)
    if not _REVISION.fullmatch(found.revision) or ".." in found.revision:
        raise _bad(text)
    if has_colon and (found.file or not _QUANTISATION.fullmatch(found.quantisation)):
        raise _bad(text)
    if found.file and not is_plain_path(found.file):
        raise _bad(text)


def is_plain_path(path: str) -> bool:
    """Whether a path within a repository stays within its folder, and can be written down."""
    parts = path.split("/")
    is_inside = all(part not in ("", ".", "..") and not part.startswith("~") for part in parts)
    is_short = len(path.encode(errors="replace")) <= 1024 and all(
        len(part.encode(errors="replace")) <= 200 for part in parts
    )
    return (
        is_inside and is_short and path.isprintable() and "\\" not in path and path == path.strip()
    )


def _bad(text: str) -> BadName:
    return BadName(f"{text!r} names no repository of a hub", hint=_FORMS)
