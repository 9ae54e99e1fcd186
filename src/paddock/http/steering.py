"""What of an instance's own paths is for managers: to change it for everybody, or to have it write files.

The path is judged as llama-server will read it. Its HTTP library (cpp-httplib) knows more ways to write
a character than others do (`%u0073` is an `s`), so what is passed on is the path that we have read, written
the one usual way.
"""

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl, quote, unquote_to_bytes

from paddock.errors import BadRequest

_AS_IT_IS = "/:@!$&'()*+,;=~-._"  # of a path, besides letters and digits (RFC 3986, section 3.3)
_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_SLOT = re.compile(r"(?P<before>|.*/)slots/(?P<slot>[^/]*)/?", re.DOTALL)
# Settings, adapters, and what a profile may have switched on that does things on this machine.
_STEERING = re.compile(r"(|.*/)(props|lora-adapters|tools|cors-proxy|models/.*)/?", re.DOTALL)
_DOING = re.compile(r"(|.*/)(tools|cors-proxy)/?", re.DOTALL)  # by any method


@dataclass(frozen=True, slots=True)
class SlotFile:
    """An order to write what a slot holds to a file, or to read it from there."""

    path: str  # as it goes to the instance
    action: Literal["save", "restore"]


def canonical(path: str) -> str:
    """The path of a URL, each character written the one usual way."""
    return quote(unquote_to_bytes(path), safe=_AS_IT_IS)


def is_steering(method: str, path: str, query: str) -> bool:
    """Whether only a manager may ask this of an instance; `path` is canonical."""
    if method in _READS:
        return _DOING.fullmatch(path) is not None
    is_order = _STEERING.fullmatch(path) is not None
    return is_order or (_SLOT.fullmatch(path) is not None and _actions(query) != {"erase"})


def slot_file(method: str, path: str, query: str) -> SlotFile | None:
    """The order that this is; None where it is another. Raises BadRequest for one that is unclear."""
    found = _SLOT.fullmatch(path)
    if method in _READS or found is None or (actions := _actions(query)) == {"erase"}:
        return None
    if not re.fullmatch("[0-9]{1,6}", found["slot"]):
        raise BadRequest(f"there is no slot {found['slot']!r}: slots have numbers")
    for action in ("save", "restore"):
        if actions == {action}:
            return SlotFile(f"{found['before']}slots/{found['slot']}?action={action}", action)
    raise BadRequest("action must be save, restore or erase, and only one of them")


def _actions(query: str) -> set[str]:
    pairs = parse_qsl(query, keep_blank_values=True, encoding="latin-1")
    return {value for name, value in pairs if name == "action"}
