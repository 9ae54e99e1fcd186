"""The warm-up is left out only where nobody has said a word about it."""

from pathlib import Path
from typing import Any

import pytest

from paddock.config.profile import Flag, Origin, Profile
from paddock.llama.flags import parse_help
from paddock.placement.warm_up import may_be_left_out

KNOWING = parse_help("--warmup, --no-warmup    whether to perform warmup (default: enabled)\n")
BY_VARIABLE = parse_help("--warmup, --no-warmup    warmup (env: LLAMA_ARG_WARMUP)\n")
OTHER = parse_help("-c, --ctx-size N    size of the prompt context\n")


def profile(*flags: str, **more: Any) -> Profile:
    given = tuple(Flag(name, (), Origin("p", name)) for name in flags)
    return Profile(id="p", line=1, model=None, flags=given, **more)


@pytest.mark.parametrize(
    ("own", "flags", "environment", "may"),
    [
        (profile(), KNOWING, {}, True),
        (profile("--jinja"), KNOWING, {}, True),
        (profile("--warmup"), KNOWING, {}, False),
        (profile("--no-warmup"), KNOWING, {}, False),  # it is left out already
        (profile(mmproj=Path("eye.gguf")), KNOWING, {}, False),
        (profile(), OTHER, {}, False),  # this engine has none
        (profile(), BY_VARIABLE, {"LLAMA_ARG_WARMUP": "1"}, False),
        (profile(), BY_VARIABLE, {"HOME": "/"}, True),
    ],
)
def test_for_whom(own: Profile, flags: Any, environment: dict[str, str], may: bool):
    assert may_be_left_out(own, flags, environment) is may
