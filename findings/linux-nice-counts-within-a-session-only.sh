#!/bin/sh
# A program started at niceness 19 in a session of its own takes half of the core from everybody else.
#
# Linux with autogroups (CONFIG_SCHED_AUTOGROUP, on in Debian, Ubuntu, Fedora and Arch; seen here with Linux 6.18 and
# Python 3.11). Two busy processes on one core, niceness 0 and 19; the part of the core that the second one gets:
#   both in one session                                   1 %
#   each in a session of its own (setsid)                 50 %
#   the same, and 19 written to /proc/PID/autogroup       1 %
# Each session is a group of the scheduler; groups share alike, and niceness counts within one of them. So
# `nice -n 19` before a command of a service, Popen(start_new_session=True, preexec_fn=os.nice) and `setsid nice`
# change nothing for the rest of the machine, though `ps` and `top` show 19. Where a control group with the cpu
# controller is in charge (a container, a systemd unit with CPUWeight), autogroups do not count.
# Exits 0 while that is so, 1 when it has changed or no autogroup is in charge, 2 where they are switched off.
set -eu
[ "$(cat /proc/sys/kernel/sched_autogroup_enabled 2>/dev/null)" = 1 ] || exit 2
python3 -B - <<'PY'
import os
import subprocess
import sys
import time

CORE = min(os.sched_getaffinity(0))


def start(niceness, is_apart, group):
    def prepare():
        os.sched_setaffinity(0, {CORE})
        if is_apart:
            os.setsid()
        os.nice(niceness)
        if niceness and group:
            with open("/proc/self/autogroup", "w") as file:
                file.write(str(group))

    return subprocess.Popen([sys.executable, "-c", "while True: pass"], preexec_fn=prepare)


def seconds(process):
    """Of computing so far, in ticks."""
    with open(f"/proc/{process.pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def share(*, is_apart, group=0):
    """The part that the nice one gets of what both get."""
    both = [start(niceness, is_apart, group) for niceness in (0, 19)]
    time.sleep(3)
    usual, nice = map(seconds, both)
    for process in both:
        process.kill()
        process.wait()
    return nice / (usual + nice)


same, apart, grouped = share(is_apart=False), share(is_apart=True), share(is_apart=True, group=19)
print(f"same session {same:.0%}, sessions of their own {apart:.0%}, with the group's niceness {grouped:.0%}")
sys.exit(not (same < 0.1 < 0.3 < apart and grouped < 0.1))
PY
