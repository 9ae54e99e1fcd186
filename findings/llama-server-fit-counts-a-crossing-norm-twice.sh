#!/bin/sh
# With pipeline parallelism fit counts more compute buffer than a load takes, on every device but the first: one batch of
# hidden state, four times over (4 x ubatch x width x 4 bytes).
#
# llama.cpp build 11434, two devices that can work in turn (here Mesa's lavapipe twice, GGML_VK_VISIBLE_DEVICES=0,0), `-ub 512`, a
# model 512 wide, all layers on devices. By the log at `-lv 5`, MiB of compute buffer on the second device:
#   fit's trial            60.54
#   the load itself        56.54
# Half of that with `-ub 256`; none with `-ot` or where parts lie in RAM, which switch the four copies off. An 8B model (4096
# wide) is planned with 32 MiB too many there, with `-ub 2048` 128 MiB. Why: building the graph puts each layer's first norm on that
# layer's device (graph_get_cb), since ggml would leave it on the one before. To measure, fit calls
# `ggml_backend_sched_reserve_size`, which resets the scheduler after the graph was built, so these choices are gone; a load calls
# `ggml_backend_sched_reserve`, which does not. In the trial both the norm's result and its input cross (GGML_SCHED_DEBUG=2 shows
# `norm-N` and `l_out-N` among the inputs of the split), each with a copy for every batch under way; in a load the input alone.
# So a placement that would fit by less than that is cut.
# Exits 0 while that is so, 1 when it has changed, 2 where LLAMA_SERVER is no build with Vulkan.
# LLAMA_SERVER names the program; two real cards do as well: set GGML_VK_VISIBLE_DEVICES=0,1.
set -eu
: "${LLAMA_SERVER:?the path of a llama-server with Vulkan}"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check gguf==0.19.0
GGML_VK_VISIBLE_DEVICES=${GGML_VK_VISIBLE_DEVICES:-0,0} PYTHONPATH=$(dirname "$0") \
    "$dir/venv/bin/python" -B - "$dir" "$LLAMA_SERVER" <<'PY'
import re
import subprocess
import sys
import time
from pathlib import Path

from tiny_model import write_wide

folder, program = Path(sys.argv[1]), sys.argv[2]
WIDTH, COPIES = 512, 4


def second_device(ubatch):
    """MiB of compute buffer on the second device: in fit's trial, and in the load."""
    log = folder / f"log-{ubatch}"
    command = [program, "-m", model, "--host", folder / f"{ubatch}.sock", "-lv", "5", "--no-warmup"]
    command += ["-ub", str(ubatch), "-c", "4096", "-np", "1", "-fitt", "16", "--log-file", log]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, **quiet) as server:
        for _ in range(600):
            if log.exists() and "model loaded" in log.read_text():
                break
            time.sleep(0.1)
        server.kill()
    found = re.findall(r"sched_reserve:\s+Vulkan1 compute buffer size =\s+([\d.]+)", log.read_text())
    if len(found) != 2:
        print("no two devices of Vulkan were used")
        sys.exit(2)
    return [float(mib) for mib in found]


model = folder / "m.gguf"
write_wide(model, width=WIDTH, inner=WIDTH, layers=8, heads=8)
as_seen = []
for ubatch in (512, 256):
    trial, load = second_device(ubatch)
    more = COPIES * ubatch * WIDTH * 4 / 2**20
    print(f"-ub {ubatch}: {trial} MiB in the trial, {load} in the load; reckoned {more} more")
    as_seen.append(abs(trial - load - more) < 0.02)
sys.exit(0 if all(as_seen) else 1)
PY
