"""`pytest --no-processes`: a start that nobody foresaw skips its test, and nothing else."""

import pytest

from tests.processes import NoProcesses

pytest_plugins = ["pytester"]

# What each begins with is shared by both tests, and is set up no further than the start.
FIXTURES = {
    "plainly": "    os.system('true')",
    "inside a handler": (
        "    try:\n        os.system('true')\n    except BaseException as error:\n"
        "        raise RuntimeError('no engine') from error"
    ),
    "in a task group": (
        "    async def start():\n"
        "        async with asyncio.TaskGroup() as group:\n"
        "            group.create_task(begin())\n"
        "    async def begin():\n        os.system('true')\n"
        "    asyncio.run(start())"
    ),
}
STORY = """
import asyncio, os, pytest

@pytest.fixture(scope="{scope}")
def shared():
{start}

@pytest.fixture(scope="{scope}")
def above(shared):
    return shared

def test_one(shared): ...
def test_another(shared): ...
def test_above(above): ...
def test_none(): ...
"""


@pytest.mark.parametrize("scope", ["session", "module", "function"])
@pytest.mark.parametrize("start", FIXTURES)
def test_all_who_share_what_would_start_one_are_skipped(
    pytester: pytest.Pytester, start: str, scope: str
):
    pytester.makepyfile(STORY.format(scope=scope, start=FIXTURES[start]))
    run(pytester).assertoutcome(passed=1, skipped=3)


def test_a_failure_of_another_kind_stays_one(pytester: pytest.Pytester):
    pytester.makepyfile("def test_it():\n    assert False")
    run(pytester).assertoutcome(failed=1)


def run(pytester: pytest.Pytester) -> pytest.HookRecorder:
    scope = "asyncio_default_fixture_loop_scope=function"
    return pytester.inline_run("-p", "no:cacheprovider", "-o", scope, plugins=[NoProcesses()])
