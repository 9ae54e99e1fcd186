"""When a tuning that was written no longer says anything."""

from typing import Any

import pytest

from paddock.api.tunings import Tuning
from paddock.daemon.reports.stale_tunings import outdated

WRITTEN = Tuning(
    profile="m", goal="chat", begun_at="2026-11-30T10:00:00+00:00", engine="native", engine_version="b1",
    devices="CUDA 13, H200", files="abc",
)  # fmt: skip
SAME = {"engine": "native b1", "devices": "CUDA 13, H200", "files": "abc"}


@pytest.mark.parametrize(
    ("now", "words"),
    [
        ({}, []),
        ({"engine": "native b2"}, ["the engine is native b2 instead of native b1"]),
        ({"devices": "CUDA 14, H200"}, ["driver or devices are other ones: CUDA 14, H200 instead of CUDA 13, H200"]),
        ({"files": "abd"}, ["its file was replaced"]),
        ({"engine": "", "devices": "", "files": ""}, []),  # nobody knows
    ],
)  # fmt: skip
def test_what_has_changed_since(now: dict[str, Any], words: list[str]) -> None:
    assert outdated(WRITTEN, **{**SAME, **now}) == words


def test_what_was_never_measured_is_no_difference() -> None:
    bare = Tuning(profile="m", goal="chat", begun_at="")
    assert outdated(bare, **SAME) == []
