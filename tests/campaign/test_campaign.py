"""A short campaign, the same each time; `tools/campaign.py` runs longer ones."""

from pathlib import Path

import pytest

from tests.campaign.campaign import campaign


@pytest.mark.timeout(600)
async def test_nothing_is_orphaned_leaked_or_left_without_a_cause(tmp_path: Path):
    report = await campaign(tmp_path, seed=12, faults=36)
    assert report.violations == []
    assert report.requests["answered"] > 50
