"""Parses the values of Paddock's own keys; each parser's ValueError says what would be accepted."""

import json
import re
from collections.abc import Callable
from typing import Any

from paddock.llama.samplers import FLAG_OF

_TRUE = frozenset({"true", "on", "yes", "1"})
_FALSE = frozenset({"false", "off", "no", "0"})
_SECONDS = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd]?)")
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")
_DIGITS = 18  # of a number that anybody means


def boolean(text: str) -> bool:
    if text.lower() in _TRUE | _FALSE:
        return text.lower() in _TRUE
    raise ValueError("true or false (on/off, yes/no, 1/0)")


def switch_or(*words: str) -> Callable[[str], str]:
    """`on` or `off`, in each spelling of a boolean, or one of these words."""

    def read(text: str) -> str:
        if text.lower() in words:
            return text.lower()
        if text.lower() in _TRUE | _FALSE:
            return "on" if text.lower() in _TRUE else "off"
        raise ValueError(" or ".join(("on", "off", *words)))

    return read


def seconds(text: str) -> float:
    """`90`, `90s`, `15m`, `2h`, `1d`."""
    if found := _SECONDS.fullmatch(text):
        return float(found[1]) * _UNITS[found[2]]
    raise ValueError("seconds, such as 600, or 10m or 2h")


def integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError("a whole number") from None


def count(text: str) -> int:
    if text.isascii() and text.isdecimal() and len(text) <= _DIGITS:
        return int(text)
    raise ValueError("a whole number, 0 or more")


def positive(text: str) -> int:
    if text.isascii() and text.isdecimal() and len(text) <= _DIGITS and int(text):
        return int(text)
    raise ValueError("a whole number, 1 or more")


def json_object(text: str) -> dict[str, Any]:
    """`{"enable_thinking": false}`."""
    found = _json(text)
    if isinstance(found, dict):
        return found
    raise ValueError('a JSON object, such as {"enable_thinking": false}')


def before_or_instead(text: str) -> bool:
    """Whether it is `instead`."""
    return one_of("before", "instead")(text) == "instead"


def stop_words(text: str) -> tuple[str, ...]:
    """One, as it stands; several as a list of JSON: `["###", "\n\n"]`."""
    if not text.startswith("["):
        return (text,)
    found = _json(text)
    if isinstance(found, list) and all(isinstance(word, str) and word for word in found):
        return tuple(found)
    raise ValueError('one word, or a list of JSON such as ["###", "END"]')


def _json(text: str) -> Any:
    """None where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def names(text: str) -> tuple[str, ...]:
    """A list with commas; blanks around names and repeated names are dropped."""
    return tuple(dict.fromkeys(name for part in text.split(",") if (name := part.strip())))


def one_line(text: str) -> str:
    return " ".join(text.split())


def one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text.lower() in words:
            return text.lower()
        raise ValueError(" or ".join(words))

    return read


def sampler_policy(text: str) -> tuple[str, ...] | None:
    """`default`: None, clients may set all. `force`: none of them. Else those that they may set."""
    if text.lower() in {"default", "force"}:
        return None if text.lower() == "default" else ()
    allowed = tuple(name.replace("-", "_") for name in names(text.lower()))
    if allowed and set(allowed) <= FLAG_OF.keys():
        return allowed
    some = ", ".join(list(FLAG_OF)[:4])
    raise ValueError(f"default, force or the samplers that clients may set ({some}, …)")


def engine(text: str) -> str:
    """A name (`native`, `embedded` or one of paddock.toml), a path, or `container:` and an image.

    A path is made absolute where the file's folder is known; whether there is such an engine is
    asked there too.
    """
    if text.lower() in {"native", "embedded"}:
        return text.lower()
    if text == "container:" or " " in text:
        raise ValueError(
            "a name of paddock.toml's [engines], native, embedded, a path or container:IMAGE"
        )
    return text


def first_number(text: str) -> float | None:
    """The number in `~147 t/s`."""
    found = _NUMBER.search(text)
    return float(found[0].replace(",", ".")) if found else None
