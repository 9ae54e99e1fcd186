#!/bin/sh
# Ray 2.60.0: what an actor starts is the first to be killed when memory runs out, and runs at niceness 15.
#
# A process that an actor starts with plain subprocess inherits what Ray gave its worker:
#                            in the driver    in a child of an actor
#   oom_score_adj            0                1000: the kernel's first choice, before all that holds more memory
#   niceness                 0                15: about a thirtieth of a core that it shares with a busy process
#   OMP_NUM_THREADS          unset            1, or the actor's num_cpus
# So a server that a Ray actor looks after (llama-server, a database) is killed first on a full machine, and is slow
# for as long as anything else computes. A child without privileges cannot take its niceness back: it has to be
# switched off where Ray starts (RAY_worker_niceness=0, RAY_worker_oom_score_adjustment=0), which the second run
# here shows to work.
# Exits 0 while that is so, 1 when it has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check ray==2.60.0
cat > "$folder/try.py" <<'PY'
import os
import subprocess
import sys

import ray

ASK = ["sh", "-c", 'cat /proc/self/oom_score_adj; nice; echo "${OMP_NUM_THREADS-unset}"']


def a_childs():
    return subprocess.run(ASK, capture_output=True, text=True, check=True).stdout.split()


@ray.remote(num_cpus=1)
class Actor:
    def childs(self):
        return a_childs()


mine = a_childs()
ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, _temp_dir=sys.argv[1])
theirs = ray.get(Actor.remote().childs.remote())
print(f"oom_score_adj, niceness, OMP_NUM_THREADS of a child of the driver: {mine}, of an actor: {theirs}")
ray.shutdown()
changed = [(int(after) - int(before)) for before, after in zip(mine[:2], theirs[:2])]
wanted = [0, 0] if "RAY_worker_niceness" in os.environ else [1000, 15]
sys.exit(0 if changed == wanted else 1)
PY
export RAY_raylet_start_wait_time_s=120 # for a busy machine
unset OMP_NUM_THREADS RAY_worker_niceness RAY_worker_oom_score_adjustment
HOME=$folder RAY_USAGE_STATS_ENABLED=0 "$folder/venv/bin/python" "$folder/try.py" "$folder/ray" 2> "$folder/log"
RAY_worker_niceness=0 RAY_worker_oom_score_adjustment=0 \
HOME=$folder RAY_USAGE_STATS_ENABLED=0 "$folder/venv/bin/python" "$folder/try.py" "$folder/ray" 2> "$folder/log"
