"""What an import reports: one note for each reason, however many places it has."""

from paddock.cli.output.import_report import groups
from paddock.importing.page import Note


def lost(line: int, why: str, what: str = "") -> Note:
    return Note(f"config.yaml:{line} models.m{line}.cmd", why, "lost", what)


def test_notes_of_one_reason_are_one_group_in_the_order_of_the_first() -> None:
    notes = [lost(1, "b"), lost(2, "a"), lost(3, "b"), Note("x", "b", "look")]
    assert [(group.kind, group.why, len(group.notes)) for group in groups(notes)] == [
        ("lost", "b", 2),
        ("lost", "a", 1),
        ("look", "b", 1),
    ]


def test_few_places_are_named_in_full_and_the_rest_by_their_lines() -> None:
    (group,) = groups([lost(line, "unknown flag", f"--x {line}") for line in range(1, 8)])
    places = group.places()
    assert places.startswith("config.yaml:1 models.m1.cmd: --x 1, config.yaml:2 ")
    assert places.endswith(" and 3 more in lines 5, 6, 7")


def test_what_is_the_same_at_all_places_is_said_once() -> None:
    (group,) = groups([lost(1, "unknown flag", "--x"), lost(2, "unknown flag", "--x")])
    assert group.places() == "--x: config.yaml:1 models.m1.cmd, config.yaml:2 models.m2.cmd"


def test_three_hundred_rows_become_one_line() -> None:
    (group,) = groups([lost(line, "has no place") for line in range(300)])
    assert " and 296 more in lines " in group.places()
