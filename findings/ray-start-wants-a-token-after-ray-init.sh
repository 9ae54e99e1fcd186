#!/bin/sh
# Ray 2.60.0: whether `ray start --head` lets other machines in depends on what the same user ran before.
#
# `ray start --head` in a fresh home: "Token authentication is disabled", and any machine may join.
# `ray.init()` for a local try writes a random token to ~/.ray/auth_token, by itself. From then on the very same
# `ray start --head` says "Token authentication is enabled", and other machines get AuthenticationError, although
# nothing changed in either command line or environment. A cluster that worked last week refuses its nodes because
# somebody tried a notebook on the head; a script that was closed at its author's is open on a new machine.
# RAY_AUTH_MODE=token or disabled says it outright and is the same everywhere.
#
# Seen 2026-11-30:
#   before ray.init(): Token authentication is disabled; the node may join
#   after it: Token authentication is enabled; the node may not join: AuthenticationError
# Two folders take the part of the homes of head and node; the node only asks the head who it is, as
# `ray start --address` does first. Exits 0 while that is so, 1 when it has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check ray==2.60.0
cat > "$folder/try.py" <<'PY'
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

folder = Path(sys.argv[1])
ENV = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
ENV |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_raylet_start_wait_time_s": "120"}
JOIN = """
from ray._raylet import GcsClient
try:
    GcsClient(address={address!r})
    print("the node may join")
except Exception as error:
    print("the node may not join:", type(error).__name__)
"""


def python(home, code):
    return subprocess.run(
        [sys.executable, "-c", code], env=ENV | {"HOME": str(home)}, stderr=subprocess.DEVNULL,
        stdout=subprocess.PIPE, text=True, check=True,
    ).stdout.strip()  # fmt: skip


def started():
    """What `ray start --head` says of authentication, and what a node with another home gets."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [Path(sys.executable).with_name("ray"), "start", "--head", "--block", f"--port={port}", "--num-cpus=1"]
    command += ["--include-dashboard=false", f"--temp-dir={folder}/{port}", "--min-worker-port=0", "--max-worker-port=0"]
    head = subprocess.Popen(
        command, env=ENV | {"HOME": str(folder / "head")}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, start_new_session=True,
    )  # fmt: skip
    said = "nothing"
    try:
        for line in head.stdout:
            if "Token authentication is" in line:
                said = " ".join(line.partition("Token")[1:]).split(" for ")[0].replace("Token  ", "Token ")
            if "Ray runtime started" in line:
                break
        return f"{said}; {python(folder / 'node', JOIN.format(address=f'127.0.0.1:{port}'))}"
    finally:
        os.killpg(head.pid, signal.SIGKILL)
        head.wait()


for home in ("head", "node"):
    (folder / home).mkdir()
before = started()
print("before ray.init():", before)
python(folder / "head", "import ray; ray.init(num_cpus=1, include_dashboard=False); ray.shutdown()")
after = started()
print("after it:", after)
wanted = (
    "Token authentication is disabled; the node may join",
    "Token authentication is enabled; the node may not join: AuthenticationError",
)
sys.exit(0 if (before, after) == wanted else 1)
PY
"$folder/venv/bin/python" "$folder/try.py" "$folder"
