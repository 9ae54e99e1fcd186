"""Numbers in paths and queries: what is none, or one that nobody can mean, is refused."""

from paddock.errors import BadRequest

_DIGITS = 18  # enough for every number that is meant, and few enough for every place it goes to


def number(text: str, what: str, *, least: int = 0, most: int = 10**_DIGITS) -> int:
    """The number that this text says. BadRequest: it is not `what` it should be."""
    if not text.isascii() or not text.isdecimal() or len(text) > _DIGITS:
        raise _refused(text, what)
    found = int(text)
    if not least <= found <= most:
        raise _refused(text, what)
    return found


def _refused(text: str, what: str) -> BadRequest:
    shown = text if len(text) <= 2 * _DIGITS else text[:_DIGITS] + "…"
    return BadRequest(f"{shown!r} is not {what}")
