"""Real children: well-behaved ones, stubborn ones, and ones that leave others behind."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from paddock.llama.follow import LineFile, Watch
from paddock.llama.output import EXIT_COMMAND
from paddock.llama.process import Child, Identity, Plumbing, adopt, spawn
from paddock.llama.signs import MARK, Signs

POLITE = "import time; print('up', flush=True); time.sleep(60)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" + POLITE
DEAF = (  # to SIGTERM, as llama-server is once it is ready; not to the exit command
    "import signal, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "print('up', flush=True); print(sys.stdin.readline(), end='', flush=True); sys.exit(7)"
)
ABANDONS = (  # the grandchild holds the output, and outlives its parent
    "import subprocess, sys;"
    "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
    "print(p.pid, flush=True)"
)


@pytest.fixture
def plumbing(tmp_path: Path) -> Plumbing:
    return Plumbing(tmp_path / "1")


@pytest.fixture
async def started(plumbing: Plumbing) -> AsyncIterator[list[Child]]:
    """Whatever is put into it is killed in the end."""
    children: list[Child] = []
    yield children
    for child in children:
        child.signal(signal.SIGKILL)
        await child.wait()


def python(code: str, plumbing: Plumbing) -> Child:
    return spawn([sys.executable, "-c", code], os.environ, plumbing)


async def lines(plumbing: Plumbing, count: int = 1) -> list[str]:
    """The first lines of its standard output, once they are there."""
    watch, file = Watch(plumbing.state), LineFile(plumbing.state)
    try:
        seen = list(file.read())
        while len(seen) < count:
            await watch.changed()
            seen += file.read()
    finally:
        watch.close()
    return seen


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def is_running(pid: int) -> bool:
    return Identity.of(pid) is not None


# ---- ends ----


@pytest.mark.parametrize(("code", "grace", "exit_code"), [(POLITE, 30.0, -15), (STUBBORN, 0.1, -9)])
async def test_stopping_asks_and_then_insists(plumbing, code, grace, exit_code):
    child = python(code, plumbing)
    assert await lines(plumbing) == ["up"]
    assert await child.stop(grace) == exit_code
    assert not is_running(child.pid)


async def test_the_exit_command_reaches_it_through_its_input(plumbing):
    child = python(DEAF, plumbing)
    await lines(plumbing)
    assert await child.stop(30.0, by_command=True) == 7
    assert (await lines(plumbing, 2))[1] + "\n" == EXIT_COMMAND


async def test_who_does_not_heed_the_command_gets_the_signal(plumbing):
    child = python(POLITE, plumbing)
    await lines(plumbing)
    assert await child.stop(0.2, by_command=True) == -15


async def test_a_grandchild_neither_hides_the_exit_nor_survives_it(plumbing):
    child = python(ABANDONS, plumbing)
    assert await child.wait() == 0
    grandchild = int((await lines(plumbing))[0])
    async with asyncio.timeout(30):
        while is_running(grandchild):  # killed; its reaping is init's business
            await asyncio.sleep(0.01)


async def test_its_exit_code_is_reported_to_everybody_who_waits(plumbing):
    child = python("import sys; sys.exit(3)", plumbing)
    async with asyncio.TaskGroup() as group:
        waits = [group.create_task(child.wait()) for _ in range(3)]
    assert [wait.result() for wait in waits] == [3, 3, 3]
    assert await child.wait() == 3


async def test_one_that_ended_at_once_is_a_child_like_others(plumbing):
    """Its number may be a zombie's before its identity can be read."""
    for _ in range(20):
        child = spawn(["/bin/true"], {}, plumbing)
        assert await child.wait() == 0
        assert await child.stop(30.0) == 0


async def test_who_stops_waiting_does_not_end_it(plumbing, started):
    child = python(POLITE, plumbing)
    started.append(child)
    waiting = asyncio.create_task(child.wait())
    await lines(plumbing)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert child.identity.is_alive()


# ---- what it is given ----


async def test_an_argv_that_does_not_exist_leaks_nothing(plumbing):
    before = open_files()
    with pytest.raises(FileNotFoundError):
        spawn(["/no/such/llama-server"], {}, plumbing)
    assert open_files() == before


async def test_nothing_stays_open_when_it_has_ended(plumbing):
    before = open_files()
    child = python("pass", plumbing)
    await child.wait()
    child.close()
    assert open_files() == before


async def test_it_sees_its_environment_and_no_other(plumbing):
    code = "import os; print(sorted(set(os.environ) - {'LC_CTYPE'}), flush=True)"
    child = spawn([sys.executable, "-c", code], {"ONLY": "this"}, plumbing)
    assert await child.wait() == 0
    assert await lines(plumbing) == ["['ONLY']"]


async def test_its_input_never_ends_and_its_files_are_private(plumbing, started):
    code = "import sys; print('up', flush=True); sys.stdin.read(); print('over', flush=True)"
    child = python(code, plumbing)
    started.append(child)
    await lines(plumbing)
    fifo = os.open(plumbing.stdin, os.O_WRONLY)
    os.close(fifo)  # the last writer but itself
    assert child.identity.is_alive()
    assert plumbing.state.read_text() == "up\n"
    modes = [p.stat().st_mode & 0o777 for p in (plumbing.folder, plumbing.stdin, plumbing.log)]
    assert modes == [0o700, 0o600, 0o600]


async def test_a_second_start_appends_to_the_same_files(plumbing):
    for word in ("one", "two"):
        child = python(f"import sys; print('{word}', file=sys.stderr)", plumbing)
        await child.wait()
    assert plumbing.log.read_text() == "one\ntwo\n"


# ---- taking over ----


SIGNS = Signs(("python", "-c", "import time; time.sleep(60)"), "m" * 32)


def orphan() -> Identity:
    """A process whose parent is gone, as after a restart of the daemon."""
    between = (
        "import subprocess, sys;"
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'],"
        " start_new_session=True, stdout=subprocess.DEVNULL); print(p.pid)"
    )
    marked = os.environ | {MARK: SIGNS.mark}
    pid = int(subprocess.check_output([sys.executable, "-c", between], env=marked))
    while not Path(f"/proc/{pid}/environ").read_bytes():
        pass  # for a moment after it was started, the kernel knows neither words nor environment
    identity = Identity.of(pid)
    assert identity is not None
    return identity


async def test_an_inherited_process_is_seen_to_end_without_a_code(plumbing):
    child = adopt(orphan(), plumbing, SIGNS)
    assert child is not None
    assert await child.stop(30.0) is None
    assert not child.identity.is_alive()


async def test_letting_go_leaves_it_alive_for_the_next(plumbing, started):
    before = open_files()
    first = adopt(orphan(), plumbing, SIGNS)
    assert first is not None
    first.close()
    assert open_files() == before
    again = adopt(first.identity, plumbing, SIGNS)
    assert again is not None
    started.append(again)
    assert again.identity.is_alive()


WRONG: dict[str, Callable[[Identity], tuple[Identity, Signs]]] = {
    "another start": lambda i: (replace(i, started=1), SIGNS),
    "another boot": lambda i: (replace(i, boot="another boot"), SIGNS),
    "no mark": lambda i: (i, replace(SIGNS, mark="")),
    "another mark": lambda i: (i, replace(SIGNS, mark="n" * 32)),
    "the beginning of its mark": lambda i: (i, replace(SIGNS, mark="m" * 31)),
    "another command line": lambda i: (i, replace(SIGNS, argv=("python", "-c", "pass"))),
    "more arguments than it has": lambda i: (i, replace(SIGNS, argv=(*SIGNS.argv, "--host"))),
    "a number below zero": lambda i: (replace(i, pid=-1), SIGNS),
    "the number of everybody": lambda i: (replace(i, pid=0), SIGNS),
    "a number that none can have": lambda i: (replace(i, pid=1 << 40), SIGNS),
}


@pytest.mark.parametrize("what", WRONG)
async def test_what_is_not_provably_ours_is_not_taken_over(plumbing, started, what):
    found = orphan()
    before = open_files()
    seen, signs = WRONG[what](found)
    assert adopt(seen, plumbing, signs) is None
    assert open_files() == before
    assert found.is_alive()
    started.append(adopt(found, plumbing, SIGNS))


async def test_one_that_is_gone_is_not_taken_over(plumbing):
    child = python("pass", plumbing)
    identity = child.identity
    await child.wait()
    assert adopt(identity, plumbing, SIGNS) is None


async def test_a_number_that_was_given_to_another_is_not_signalled(plumbing, started):
    """Once ours is reaped, its number is anybody's."""
    child = python("pass", plumbing)
    await child.wait()
    child.close()
    other = python(POLITE, plumbing)
    started.append(other)
    child.identity = Identity(other.pid, 1, "")  # as if the number came round
    child.signal(signal.SIGKILL)
    assert other.identity.is_alive()


def test_what_a_process_left_behind_is_found_by_its_mark():
    """Its leader is gone, so nothing else says whose group it is."""
    leader = subprocess.Popen(
        [sys.executable, "-c", ABANDONS],
        env=os.environ | {MARK: SIGNS.mark},
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert leader.stdout
    grandchild = int(leader.stdout.readline())
    leader.wait()
    try:
        assert os.getpgid(grandchild) == leader.pid
        assert Signs((), SIGNS.mark).group_lives(leader.pid)
        assert not Signs((), "other").group_lives(leader.pid)
    finally:
        os.kill(grandchild, signal.SIGKILL)
        leader.stdout.close()


async def test_the_leader_is_found_by_its_signs(plumbing, started, tmp_path):
    """The wrapper and the server that it started both have them: the wrapper leads."""
    argv = ["/bin/sh", "-c", f'"{sys.executable}" -c "$CODE" "$1"; exit $?', "sh", str(tmp_path)]
    child = spawn(argv, {**os.environ, "CODE": POLITE, MARK: SIGNS.mark}, plumbing)
    started.append(child)
    await lines(plumbing)
    assert Signs(argv, SIGNS.mark).leader() == child.pid
    assert Signs(argv, "another").leader() is None
    assert Signs([*argv, "more"], SIGNS.mark).leader() is None


async def test_a_wrapper_that_becomes_the_server_keeps_its_signs(plumbing, started):
    argv = ["/bin/sh", "-c", f'exec "{sys.executable}" -c "$CODE" first "$@"', "sh", "--a", "b"]
    child = spawn(argv, {**os.environ, "CODE": POLITE, MARK: SIGNS.mark}, plumbing)
    started.append(child)
    await lines(plumbing)
    recorded = ["/wrapper", "--a", "b"]
    assert Signs(recorded, SIGNS.mark).are_on(child.pid)


async def test_letting_go_of_one_that_was_ended_quietly_leaves_no_stopped_process(plumbing):
    child = adopt(orphan(), plumbing, SIGNS)
    assert child is not None
    child.end_quietly()
    child.close()
    async with asyncio.timeout(10):
        while is_running(child.pid):
            await asyncio.sleep(0.01)
