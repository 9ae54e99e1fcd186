#!/bin/sh
# Ray 2.60.0: a node that was cut off for two minutes aborts when it is reachable again, and nothing starts it anew.
#
# The link of a node goes down for two minutes and comes back; no process was killed. The head has taken the node for dead
# (after 45 s it was still alive in one run and dead in another; after two minutes always), the raylet learns that from it and aborts (SIGABRT with a
# stack trace in raylet.out), and its workers and detached actors end with it. `ray start` without --block has long returned;
# with --block it ends, too. max_restarts=-1 does not help: the actor waits for a node that nobody starts again.
# A router that restarts, a laptop that sleeps or a cable that is moved costs the node until somebody runs `ray start` there.
#
# Seen 2026-11-30:
#   before: the node is alive, its raylet runs
#   after: the node is dead, its raylet is gone
# Needs root for a network namespace. Exits 0 while that is so, 1 when it has changed, 77 where there are no namespaces.
set -eu
unshare -n true 2>/dev/null || exit 77
folder=$(mktemp -d /tmp/rXXXXXX)
name=ra$$
clean() {
    ip netns pids $name 2>/dev/null | xargs -r kill -9
    for pid in $(pgrep -f "$folder/"); do [ "$pid" = $$ ] || kill -9 "$pid" 2>/dev/null || :; done
    ip link del $name 2>/dev/null || :
    ip netns del $name 2>/dev/null || :
    rm -rf "$folder"
}
trap clean EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check ray==2.60.0
export HOME=$folder RAY_USAGE_STATS_ENABLED=0 RAY_AUTH_MODE=disabled RAY_raylet_start_wait_time_s=120
ip netns add $name
ip link add $name type veth peer name eth0 netns $name
ip addr add 10.213.7.1/24 dev $name
ip link set $name up
ip -n $name addr add 10.213.7.2/24 dev eth0
ip -n $name link set eth0 up
ip -n $name link set lo up
ray="$folder/venv/bin/ray"
more="--num-cpus=1 --object-store-memory=80000000 --include-log-monitor=false"
"$ray" start --head --port=7399 --node-ip-address=10.213.7.1 --include-dashboard=false --temp-dir="$folder/h" $more > "$folder/log" 2>&1
ip netns exec $name "$ray" start --address=10.213.7.1:7399 --node-ip-address=10.213.7.2 --temp-dir="$folder/n" $more >> "$folder/log" 2>&1
cat > "$folder/look.py" <<'PY'
import subprocess, sys
import ray
ray.init(address="10.213.7.1:7399", _node_ip_address="10.213.7.1", log_to_driver=False, logging_level="ERROR")
alive = [n["Alive"] for n in ray.nodes() if n["NodeManagerAddress"] == "10.213.7.2"]
raylet = subprocess.run(["pgrep", "-f", f"raylet_socket_name={sys.argv[1]}/n/"], capture_output=True).returncode == 0
print(f"the node is {'alive' if any(alive) else 'dead'}, its raylet {'runs' if raylet else 'is gone'}")
PY
look() { "$folder/venv/bin/python" "$folder/look.py" "$folder" 2>> "$folder/log"; }
before=$(look)
ip -n $name link set eth0 down
sleep 120
ip -n $name link set eth0 up
sleep 45
after=$(look)
echo "before: $before"
echo "after: $after"
[ "$before" = "the node is alive, its raylet runs" ] && [ "$after" = "the node is dead, its raylet is gone" ]
