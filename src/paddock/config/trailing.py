"""Comments behind values, as llama.cpp's parser sees them and as ours does. Pure.

llama.cpp ends a value at the first `;` or `#`, wherever it stands (`eol-start` in common/preset.cpp).
Here a comment begins only behind a blank, or behind a number or a switch. It never begins in text:
behind a quotation mark or a brace such a sign is likely to be part of the value (JSON, templates).
"""

import re

_CUT = re.compile(r"[ \t]*[;#]")
_COMMENT = re.compile(r"\s+[;#]|^[;#](?=\s)")
_GLUED = re.compile(r"(-?\d+(?:\.\d+)?|on|off|true|false|auto)[;#].*", re.IGNORECASE)
_TEXT = re.compile(r"[\"'{}]")


def without_comment(value: str) -> str:
    """The value alone."""
    if ";" not in value and "#" not in value:
        return value
    if glued := _GLUED.fullmatch(value):
        return glued[1]
    found = _COMMENT.search(value)
    if found is None or _TEXT.search(value[: found.start()]):
        return value
    return value[: found.start()]


def as_llama_cpp_cuts(value: str) -> str:
    """What `llama-server --models-preset` would take it for."""
    found = _CUT.search(value)
    return value[: found.start()] if found else value
