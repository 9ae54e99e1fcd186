"""Other programs' words for our verbs, hints that name the daemon that was asked, and pairs of many profiles."""

import re
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import pytest
from typer.main import get_command

from paddock.api.placement import DevicePlan, Pair, Plan
from paddock.cli.main import app
from paddock.cli.offline.where import with_url
from paddock.cli.output.pair_matrix import lines_of
from paddock.figures.device_names import in_order
from paddock.placement.pairs import too_large
from tests.cli.conftest import Paddock


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["load", "qwen"], "paddock switch qwen"),
        (["ps"], "paddock status"),
        (["ls"], "paddock list"),
        (["rm", "qwen"], "paddock unload qwen"),
    ],
)
def test_a_word_of_another_program_is_answered_with_ours(
    paddock: Paddock, words: list[str], meant: str
) -> None:
    refused = paddock(*words)
    assert (refused.status, refused.out) == (2, "")
    assert f"Did you mean: {meant}" in refused.err


def test_a_word_that_is_like_a_verb_is_still_found(paddock: Paddock) -> None:
    assert "Did you mean 'switch'" in paddock("swich").err


def test_the_version_is_an_option_too(paddock: Paddock) -> None:
    shown = paddock("--version")
    assert (shown.status, shown.err) == (0, "")
    assert shown.out.strip() == paddock("version").out.splitlines()[0]


def _helps(command: Any, name: str = "paddock") -> Iterator[tuple[str, str]]:
    """The text of each verb's help, and of those of two words."""
    yield name, command.help or ""
    for word, inner in getattr(command, "commands", {}).items():
        yield from _helps(inner, f"{name} {word}")


@pytest.mark.parametrize(("name", "text"), list(_helps(get_command(app))))
def test_no_line_of_help_ends_within_a_sentence(name: str, text: str) -> None:
    """Typer prints the lines of a docstring as they are, and breaks those that the terminal cannot hold."""
    assert text, f"{name} has no help"
    assert not re.findall(r"[^.:\n]\n(?!\n|$)", text.strip()), f"{name} --help"


def test_each_verb_has_its_help_tested() -> None:
    names = [name for name, _ in _helps(get_command(app))]
    assert {"paddock run", "paddock key add", "paddock engine build"} <= set(names)


@pytest.mark.parametrize(
    ("argv", "hint", "shown"),
    [
        (["paddock", "logs", "--url", "h:1"], "see `paddock list`", "see `paddock list` (with --url h:1)"),
        (["paddock", "logs", "--url=h:1"], "`paddock list`", "`paddock list` (with --url h:1)"),
        (["paddock", "logs"], "see `paddock list`", "see `paddock list`"),
        (["paddock", "logs", "--url", "h:1"], "correct the file", "correct the file"),
        (["paddock", "x", "--url", "h"], "`paddock start`, or --url", "`paddock start`, or --url"),
        (["paddock", "run", "aider", "--", "--url", "x"], "`paddock list`", "`paddock list`"),
        (["paddock", "logs", "--url"], "`paddock list`", "`paddock list`"),
    ],
)  # fmt: skip
def test_a_hint_names_the_daemon_that_was_asked(argv: list[str], hint: str, shown: str) -> None:
    assert with_url(hint, argv) == shown


@pytest.mark.parametrize(
    ("names", "order"),
    [
        (["CUDA10", "CUDA1", "Host", "CUDA0"], ["CUDA0", "CUDA1", "CUDA10", "Host"]),
        (["CPU", "RPC1", "ROCm0", "RPC0"], ["RPC0", "RPC1", "ROCm0", "CPU"]),
        ([], []),
    ],
)
def test_devices_come_in_the_order_of_the_engine(names: list[str], order: list[str]) -> None:
    assert in_order(names) == order


def pairs_of(names: list[str], apart: set[str]) -> list[Pair]:
    return [
        Pair(one=a, other=b, fits=not {a, b} & apart, why="CUDA0: 9.0 GiB and 9.0 GiB, of 16.0 GiB")
        for a, b in combinations(names, 2)
    ]


def test_pairs_of_a_few_are_sentences() -> None:
    lines = list(lines_of(pairs_of(["a", "b", "c"], {"c"})))
    assert lines[1] == "fit together: a + b"
    assert lines[3:5] == ["exclude each other:", "PAIR   BECAUSE"]
    assert lines[5] == "a + c  CUDA0: 9.0 GiB and 9.0 GiB, of 16.0 GiB"


@pytest.mark.parametrize(("count", "most"), [(5, 10), (12, 17), (17, 14), (24, 17), (60, 66)])
def test_pairs_of_many_are_a_matrix_that_fits_a_screen(count: int, most: int) -> None:
    names = [f"model-{n}" for n in range(count)]
    lines = list(lines_of(pairs_of(names, {"model-3"})))
    assert max(map(len, lines[:-1])) <= 100
    assert len(lines) <= most
    rows = re.findall(r"\d+ (model-\d+)([●· ]+)", "\n".join(lines[:-1]))
    marks = {name: "".join(row.split()) for name, row in rows}
    assert set(marks) == set(names)
    assert marks["model-0"] == "●●·" + "●" * (count - 4)
    assert marks["model-3"] == "·" * (count - 1)
    assert lines[-1] == (
        "for example model-0 + model-3: CUDA0: 9.0 GiB and 9.0 GiB, of 16.0 GiB"
        " (`paddock plan model-3 --pairs` shows all of model-3)"
    )


def test_profiles_that_do_not_fit_alone_exclude_nobody() -> None:
    names = [f"m{n}" for n in range(9)]
    why = "CUDA0: 20.0 GiB, of 16.0 GiB"
    one = list(lines_of(pairs_of(names, {"m3"}), {"m3": why}))
    assert one == ["", f"too large by itself: m3 ({why})", "", "any two of these 8 fit together"]
    several = list(lines_of(pairs_of(names, {"m3", "m4", "m5"}), dict.fromkeys(names[3:6], why)))
    assert several[1:3] == ["too large by themselves: m3, m4, m5", f"for example m3: {why}"]
    assert several[-1] == "any two of these 6 fit together"
    assert list(lines_of(pairs_of(names[:2], {"m0"}), dict.fromkeys(names[:2], why)))[3:] == []


@pytest.mark.parametrize(
    ("takes", "margin", "available", "why"),
    [
        (9, 0, 16, ""),
        (9, 7, 16, ""),
        (9, 8, 16, "CUDA0: 9.0 GiB, 8.0 GiB to spare, of 16.0 GiB"),
        (17, 0, 16, "CUDA0: 17.0 GiB, of 16.0 GiB"),
        (0, 20, 16, ""),
        (17, 0, None, ""),
    ],
)
def test_what_is_too_large_by_itself(takes, margin, available, why) -> None:
    there = None if available is None else available << 10
    device = DevicePlan(device="CUDA0", model=takes << 10, margin=margin << 10, available=there)
    plan = Plan(profile="m", source="engine", fits=True, devices=[device])
    assert too_large(plan) == why


def test_where_all_pairs_are_alike_one_line_says_so() -> None:
    names = [f"m{n}" for n in range(17)]
    assert list(lines_of(pairs_of(names, set()))) == ["", "any two of these 17 fit together"]
    assert "no two of these 17 fit together" in list(lines_of(pairs_of(names, set(names))))
    assert list(lines_of([])) == []


@pytest.mark.parametrize(
    ("free", "margin", "weights", "fits", "is_too_large"),
    [
        (280, 1024, 0, True, False),  # it computes, and the driver's share is reckoned
        (280, 1024, 0, False, True),  # the engine itself says that it does not fit
        (280, 1024, 50, True, True),  # something lies there
        (280, 100, 0, True, True),  # not all of it is margin: fit could have used it
        (4000, 1024, 0, True, False),
    ],
)
def test_no_profile_is_too_large_by_a_card_on_which_nothing_of_it_can_lie(
    free: int, margin: int, weights: int, fits: bool, is_too_large: bool
) -> None:
    nearly_full = DevicePlan(
        device="Vulkan1", id="b", model=weights, compute=100, overhead=300, margin=margin,
        available=free,
    )  # fmt: skip
    other = DevicePlan(device="Vulkan0", id="a", model=4000, margin=1024, available=8000)
    plan = Plan(profile="m", source="engine", fits=fits, devices=[other, nearly_full])
    assert bool(too_large(plan)) is is_too_large
