#!/bin/sh
# Ray 2.60.0: a value in runtime_env's env_vars that has a dollar in it may arrive as another one, and it depends on the machine.
#
# Documented is ${NAME}, to extend a variable of the node. What an actor gets of {"KEY": …}, where the node has HOME and no OTHER:
#   ${OTHER}/bin     /bin             a name in capitals that is not set is cut out
#   ${other}/bin     ${other}/bin     one in small letters is left
#   a$HOME           a/home/…         without braces, too
#   $OTHER           $OTHER           but that one is left where it is not set
#   a$$HOME, \$HOME  a$/home/…, \/home/…   and no way to write a dollar that stays
# Values are set in order, and each sees those before it: {"A": "1", "B": "$A"} gives B = 1. A template for
# another program (a log format, a chat template) or a password arrives whole on one node and changed on the next, without a message.
#
# Seen 2026-12-01, as printed below. Exits 0 while that is so, 1 when it has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check ray==2.60.0
cat > "$folder/try.py" <<'PY'
import os
import sys

import ray

home = os.environ["HOME"]
wanted = {
    "${OTHER}/bin": "/bin",
    "${other}/bin": "${other}/bin",
    "a$HOME": f"a{home}",
    "$OTHER": "$OTHER",
    "a$$HOME": f"a${home}",
    "\\$HOME": f"\\{home}",
    "$KEY_0": "/bin",
}
given = {f"KEY_{number}": value for number, value in enumerate(wanted)}


@ray.remote(num_cpus=1)
class Actor:
    def environment(self):
        return [os.environ.get(name) for name in given]


ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False, _temp_dir=sys.argv[1])
got = ray.get(Actor.options(runtime_env={"env_vars": given}).remote().environment.remote())
ray.shutdown()
for value, arrived in zip(wanted, got, strict=True):
    print(f"{value:14} {arrived.replace(home, '/home/…')}")
sys.exit(got != list(wanted.values()))
PY
unset OTHER
export RAY_raylet_start_wait_time_s=120 # for a busy machine
HOME=$folder RAY_USAGE_STATS_ENABLED=0 "$folder/venv/bin/python" "$folder/try.py" "$folder/ray" 2> "$folder/log"
