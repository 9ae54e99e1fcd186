"""Which digits the picker's filter takes, and which choose a place in the list."""

import pytest

from paddock.api.types import ProfileInfo
from paddock.tui.picker import Filter


def named(id_: str, title: str = "", aliases: tuple[str, ...] = ()) -> ProfileInfo:
    return ProfileInfo(id=id_, state="unloaded", title=title, aliases=list(aliases))


@pytest.mark.parametrize(
    ("models", "digit", "filters"),
    [
        ([named("qwen")], "3", False),
        ([named("qwen")], "0", True),
        ([named("3b-instruct"), named("qwen")], "3", True),
        ([named("3b-instruct"), named("qwen")], "4", False),
        ([named("qwen", title="7B of Qwen")], "7", True),
        ([named("qwen", aliases=("4o",))], "4", True),
    ],
)
def test_a_digit_filters_where_a_name_begins_so(
    models: list[ProfileInfo], digit: str, filters: bool
) -> None:
    assert Filter(models).check_consume_key(digit, digit) is filters
