"""A model file's facts as people read them, and beside them what the owner typed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from paddock.cli.output.terminal import paint

if TYPE_CHECKING:
    from paddock.config.profile import Profile
    from paddock.llama.gguf import Facts


def print_facts(profile: Profile, facts: Facts | None, problem: str) -> None:
    """What the file holds, or what is wrong with it, and an empty line."""
    from paddock.placement.fact_lines import fact_lines

    print(paint("the model file", "bold"))
    if facts:
        lines = fact_lines(profile, facts).items()
        _print_rows(
            (name, paint(text, "yellow") if name == "kind" else text) for name, text in lines
        )
    else:
        print(f"  {paint(problem, 'yellow')}")
    print()


def print_typed(profile: Profile, facts: Facts | None) -> None:
    """What the owner wrote, with a line for what the file says otherwise, and an empty line."""
    from paddock.config.claims import contradicted

    rows = [row for row in _typed(profile) if row[1]]
    if not rows and not profile.comments:
        return
    print(paint("typed by hand in models.conf", "bold"))
    _print_rows(rows)
    for comment in profile.comments:
        print(f"  {paint(comment, 'dim')}")
    for line in contradicted(facts, profile) if facts else ():
        print(f"  {paint(f'! {line}', 'yellow')}")
    print()


def _typed(profile: Profile) -> Iterator[tuple[str, str]]:
    yield "NAME", profile.title
    yield "DESCRIPTION", " ".join(profile.description.split())
    yield "SPEED", profile.speed_text


def _print_rows(rows: Iterable[tuple[str, str]]) -> None:
    kept = [(name, text) for name, text in rows if text]
    width = max((len(name) for name, _ in kept), default=0)
    for name, text in kept:
        print(f"  {name:<{width}}  {text}")
