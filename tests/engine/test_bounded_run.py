"""What programs say when they are asked: real ones, also such as never stop."""

import os
import subprocess

import pytest

from paddock.engine.bounded_run import bounded_run


def ask(script: str, timeout: float = 30.0) -> subprocess.CompletedProcess[str]:
    return bounded_run(["sh", "-c", script], environ=os.environ, timeout=timeout)


def test_both_outputs_and_the_status_come_back():
    done = ask("echo out; echo err >&2; exit 3")
    assert (done.stdout, done.stderr, done.returncode) == ("out\n", "err\n", 3)


def test_of_an_endless_output_the_beginning_is_kept_and_its_writer_never_waits():
    done = ask(
        "head -c 20000000 /dev/zero | tr '\\0' x; head -c 9000000 /dev/zero >&2; echo end >&2"
    )
    assert done.returncode == 0
    assert done.stdout == "x" * (2 << 20)
    assert len(done.stderr) == 2 << 20


def test_one_that_does_not_end_is_killed():
    with pytest.raises(subprocess.TimeoutExpired):
        ask("exec sleep 100", timeout=0.2)


def test_a_child_that_lives_on_is_not_waited_for():
    done = ask("sleep 30 & echo here")
    assert done.stdout == "here\n"


def test_what_is_no_text_is_shown_as_such():
    assert ask("printf 'a\\377b'").stdout == "a\ufffdb"


def test_a_program_that_is_not_there_is_an_error():
    with pytest.raises(OSError, match="nobody"):
        bounded_run(["/nobody/here"], environ={}, timeout=1)
