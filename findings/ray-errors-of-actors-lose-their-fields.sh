#!/bin/sh
# Ray 2.60.0: an error that an actor raises is caught by its own class, and has lost its fields: a full disk has no errno.
#
# ray.get raises it as one that is a RayTaskError and the actor's class, so `except OSError` and `except MyError` catch it.
# What they catch was never initialised as that class:
#   raise OSError(ENOSPC, "full", "/disk")      caught by except OSError; errno None, filename None
#   raise FileNotFoundError(…)                  the same; str() is Ray's traceback of the worker
#   class MyError(Exception): hint = ""         hint is "", the class's own, though the actor raised one with self.hint = "…"
#   MyError without `hint` at class level       hint is what the actor said
#   class TwoWords(Exception), whose __init__ takes two arguments   not caught by its class: UnserializableException
# So `if error.errno == errno.ENOSPC` is never true of an actor's error, with no sign of it; error.cause has all of it.
#
# Seen 2026-12-01, as printed below. Exits 0 while that is so, 1 when it has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check ray==2.60.0
cat > "$folder/try.py" <<'PY'
import errno
import sys

import ray


class WithDefault(Exception):
    hint = ""

    def __init__(self, message):
        super().__init__(message)
        self.hint = "try again"


class WithoutDefault(Exception):
    def __init__(self, message):
        super().__init__(message)
        self.hint = "try again"


class TwoWords(Exception):
    def __init__(self, message, hint):
        super().__init__(message)
        self.hint = hint


@ray.remote(num_cpus=1)
class Actor:
    def fail(self, name):
        if name == "full":
            raise OSError(errno.ENOSPC, "full", "/disk")
        if name == "none":
            raise FileNotFoundError(errno.ENOENT, "none", "/disk/file")
        raise {"default": WithDefault, "plain": WithoutDefault}.get(name, lambda text: TwoWords(text, "try"))(name)


ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False, _temp_dir=sys.argv[1])
actor, seen = Actor.remote(), {}
for name, kind in (
    ("full", OSError),
    ("none", FileNotFoundError),
    ("default", WithDefault),
    ("plain", WithoutDefault),
    ("two", TwoWords),
):
    try:
        ray.get(actor.fail.remote(name))
    except kind as error:
        cause = error.cause
        fields = ("errno", "filename") if isinstance(error, OSError) else ("hint",)
        seen[name] = [(getattr(error, field), getattr(cause, field)) for field in fields]
    except ray.exceptions.RayError as error:
        seen[name] = type(error).__name__
    print(name, kind.__name__, seen[name])
ray.shutdown()
wanted = {
    "full": [(None, errno.ENOSPC), (None, "/disk")],
    "none": [(None, errno.ENOENT), (None, "/disk/file")],
    "default": [("", "try again")],
    "plain": [("try again", "try again")],
    "two": "UnserializableException",
}
sys.exit(seen != wanted)
PY
export RAY_raylet_start_wait_time_s=120 # for a busy machine
HOME=$folder RAY_USAGE_STATS_ENABLED=0 "$folder/venv/bin/python" "$folder/try.py" "$folder/ray" 2> "$folder/log"
