"""Whatever the documents tell people to type exists."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command

from paddock.cli.main import app
from tests.docs.pages import NAMES, ROOT, commands, text

VERB = re.compile(r"(?:^|[;&|]\s*)paddock (engine [a-z]+|import [a-z-]+|[a-z]+)([^#;&|]*)")
TARGET = re.compile(r"(?:^|[;&|]\s*)(?:[A-Z]+=\S+ )*make ([a-z][a-z-]*)")


def verbs(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """Every verb by its words: `engine list` is one, too."""
    for name, found in group.commands.items():
        yield before + name, found
        if hasattr(found, "commands"):
            yield from verbs(found, f"{name} ")


VERBS = dict(verbs(get_command(app)))
TARGETS = re.findall(r"^([a-z][a-z-]*):", text("Makefile"), re.MULTILINE)


@pytest.mark.parametrize("name", NAMES)
def test_every_verb_and_option_exists(name: str) -> None:
    for verb, rest in (found for line in commands(text(name)) for found in VERB.findall(line)):
        assert verb in VERBS, f"paddock {verb}"
        options = {option for parameter in VERBS[verb].params for option in parameter.opts}
        wrong = (
            set(re.findall(r"(?<=\s)--?[a-z][a-z-]*", rest.partition(" -- ")[0]))
            - options
            - {"--help"}
        )
        assert not wrong, f"paddock {verb} has no {wrong}"


@pytest.mark.parametrize("name", NAMES)
def test_every_target_exists(name: str) -> None:
    wanted = [target for line in commands(text(name)) for target in TARGET.findall(line)]
    assert set(wanted) <= set(TARGETS)


def test_the_readme_shows_the_two_commands_and_the_picture_at_once() -> None:
    first_screen = "\n".join(text("README.md").splitlines()[:25])
    assert all(
        word in first_screen for word in ("make demo", "make test", "docs/pictures/demo.svg")
    )


def test_the_picture_is_of_the_demo_as_it_is_and_asks_nobody_for_anything() -> None:
    picture = (ROOT / "docs" / "pictures" / "demo.svg").read_text(encoding="utf-8")
    shown = picture.replace("&#160;", " ")
    assert all(
        f"{model} (" in shown or f">{model}<" in shown for model in ("tiny", "thinker", "big")
    )
    assert "@font-face" not in picture
    assert not re.search(r"(?:href|src)=|url\((?!#)", picture)
