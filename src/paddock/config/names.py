"""What public names stand for: exactly, else loosely where only one thing is called so. Pure."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import PurePath
from typing import Generic, TypeVar

T = TypeVar("T")
_TAILS = 4  # folders of a path that a name may repeat
_GGUF = ".gguf"

# Of one thing: its id and aliases, its title, its file ("" where it has none).
Called = tuple[tuple[str, ...], str, str]


class Names(Generic[T]):
    """Built once of all things; the loose names only when one is looked for."""

    def __init__(self, things: Iterable[tuple[T, Called]]) -> None:
        """Each with what it is called."""
        self._things = tuple(things)
        self._exact: dict[str, T] = {}
        for thing, (names, _, _) in self._things:
            for name in names:
                self._exact.setdefault(name, thing)
        self._loose: tuple[dict[str, list[T]], ...] | None = None

    def exact(self, name: str) -> T | None:
        return self._exact.get(name)

    def loose(self, name: str, may: Callable[[T], bool] | None = None) -> list[T]:
        """What is called so in other capitals, else by its title, else by its file's name or path.

        `may`: whatever it refuses is as if it were not there.
        """
        if self._loose is None:
            self._loose = self._built()
        key = name.casefold()
        levels = (level.get(key, []) for level in self._loose)
        return next(filter(None, (_those(level, may) for level in levels)), [])

    def _built(self) -> tuple[dict[str, list[T]], ...]:
        levels: tuple[dict[str, list[T]], ...] = ({}, {}, {})
        for thing, (names, title, file) in self._things:
            for level, keys in zip(levels, (names, (title,), _tails(file)), strict=True):
                for key in {key.casefold() for key in keys if key}:
                    level.setdefault(key, []).append(thing)
        return levels


def _those(things: list[T], may: Callable[[T], bool] | None) -> list[T]:
    return things if may is None else [thing for thing in things if may(thing)]


def _tails(file: str) -> Iterator[str]:
    """`x.gguf`, `folder/x.gguf`, … and the same without the ending."""
    parts = PurePath(file).parts
    for count in {*range(1, min(len(parts), _TAILS) + 1), len(parts)} if parts else ():
        tail = str(PurePath(*parts[-count:]))
        yield tail
        if tail.lower().endswith(_GGUF):
            yield tail[: -len(_GGUF)]
