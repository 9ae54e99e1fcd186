"""How long a process has waited for a CPU, as the kernel counts it."""

import os
from pathlib import Path

import pytest

from paddock.host.run_queue import waited


@pytest.mark.parametrize(
    ("text", "seconds"), [("90 2500000000 7\n", 2.5), ("", None), ("a b c", None), (None, None)]
)
def test_it_is_the_second_number(tmp_path: Path, text: str | None, seconds: float | None) -> None:
    (tmp_path / "7").mkdir()
    if text is not None:
        (tmp_path / "7" / "schedstat").write_text(text)
    assert waited(7, tmp_path) == seconds


def test_this_kernel_counts_ours() -> None:
    found = waited(os.getpid())
    assert found is None or found >= 0
