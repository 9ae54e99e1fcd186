"""GPUs on which models lie are reserved with Ray: that one and no other; those that its jobs have are known. Ray's GPUs are made up here, its bookkeeping is real."""

import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from paddock.cluster.membership.gpu_holds import in_use, names_of

TRY = """
import os, sys, time
import ray
from paddock.cluster.membership.gpu_holds import GpuHolds
ray.init(num_cpus=1, num_gpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=80_000_000,
         _temp_dir=sys.argv[1], logging_level="ERROR")
(node,) = ray.nodes()
holds = GpuHolds(node["NodeManagerAddress"])

@ray.remote(num_gpus=1, num_cpus=0)
class Job:
    def gpu(self):
        return ray.get_runtime_context().get_accelerator_ids()["GPU"]

def jobs(wanted):
    for _ in range(120):
        if holds.jobs() == wanted:
            break
        time.sleep(0.5)
    return sorted(holds.jobs())

print(holds.count(), jobs(set()))
holds.hold({1})
job = Job.remote()
print(sorted(holds.held), ray.get(job.gpu.remote(), timeout=60), jobs({0}))
holds.hold({0, 1})
print(sorted(holds.held))
ray.kill(job)
holds.hold({0, 1})
print(sorted(holds.held), ray.available_resources().get("GPU", 0))
holds.hold(set())
half = Job.options(num_gpus=0.5).remote()
print(sorted(holds.held), ray.get(half.gpu.remote(), timeout=60), jobs({0}))
os._exit(0)
"""


def test_gpus_are_counted_by_their_place_on_the_bus():
    devices: list[dict[str, Any]] = [
        {"kind": "gpu", "id": "0000:41:00.0", "name": "CUDA0", "booked_mib": {"a": 1000}},
        {"kind": "gpu", "id": "0000:01:00.0", "name": "CUDA1", "booked_mib": {}},
        {"kind": "host", "id": "host", "name": "Host", "booked_mib": {"a": 10}},
        {"kind": "gpu", "id": "0000:81:00.0", "name": "CUDA2"},
    ]
    assert in_use(devices) == {1}
    assert names_of({0, 2, 5}, devices) == ["0000:01:00.0", "0000:81:00.0"]


@pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="RAY IS MISSING: `make venv` installs it"
)
def test_a_job_of_rays_gets_the_gpu_that_no_model_lies_on():
    """Ray would give the first; a model lies on the second. What a job has is not taken from it."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
    with tempfile.TemporaryDirectory(prefix="pg", dir="/tmp") as folder:
        done = subprocess.run(
            [sys.executable, "-c", TRY, folder],
            env=environ
            | {
                "HOME": folder,
                "RAY_USAGE_STATS_ENABLED": "0",
                "RAY_raylet_start_wait_time_s": "100",
            },
            capture_output=True,
            text=True,
            timeout=110,
        )
        for entry in Path("/proc").glob("[0-9]*"):
            _kill_if_of(entry, folder)
    lines = ["2 []", "[1] ['0'] [0]", "[1]", "[0, 1] 0", "[] ['0'] [0]"]
    assert done.stdout.splitlines() == lines, done.stderr


def _kill_if_of(process: Path, folder: str) -> None:
    try:
        if folder.encode() in (process / "cmdline").read_bytes():
            os.kill(int(process.name), 9)
    except OSError:
        pass
