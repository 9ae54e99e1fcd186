"""How far a load is, as a terminal's bar shows it."""

import pytest
from rich.progress import Progress as Bars

from paddock.api.types import Progress, Stage
from paddock.cli.output.progress import LoadBar
from paddock.tui.switch_lines import fraction


@pytest.mark.parametrize("stage", ["warming", "restoring", "ready"])
def test_a_bar_that_is_full_stays_so(stage: Stage) -> None:
    bars = Bars()
    bar = LoadBar(bars, "m")
    bar.show(Progress(stage="loading", fraction=0.5))
    bar.show(Progress(stage=stage))
    [task] = bars.tasks
    assert (task.completed, task.total) == (1.0, 1.0)
    assert fraction(Progress(stage=stage)) == 1.0
