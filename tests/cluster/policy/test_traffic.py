"""A small day of made-up traffic under several rules, as `bench/cluster.py` has a large one. Nothing is timed."""

import json
import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).parents[3] / "bench" / "cluster.py"


def test_requests_are_served_sooner_than_under_simpler_rules_and_no_sooner_than_can_be():
    argv = [sys.executable, str(BENCH), "--only", "policy", "--talks", "400", "--json"]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    rows = json.loads(done.stdout)["policy"]["a day under each rule"]
    means = {name: row.get("answer, mean s") for name, row in rows.items()}
    assert set(means) == {
        "random", "least loaded", "ready first", "always sticky", "Paddock", "decisions", "bound"
    }  # fmt: skip
    ours, least = means.pop("Paddock"), means.pop("bound")
    assert means.pop("decisions") is None
    assert least < ours < 0.9 * min(means.values())
    assert ours < 1.5 * least
