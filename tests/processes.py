"""`pytest --no-processes`: the tests that start none (`make fast`).

No list and no mark says which these are, so nothing can be out of date. What the code of a test and
of its fixtures names shows most of those that start one; the rest end where they would, as skipped.
"""

import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from inspect import isclass, isfunction, ismodule, unwrap
from types import CodeType, FunctionType

import pytest

_STARTS = {"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.exec", "os.system"}
_NAMES = {"fork", "forkpty", "create_subprocess_exec", "sync_playwright"}
_OURS = ("tests.", "paddock.")
_REASON = "starts a process: `make test` runs it"


class ProcessStarted(BaseException):
    """No `Exception`, so that nothing takes it for an engine that cannot be started."""


class NoProcesses:
    """Leaves out the tests that start a process, and ends those that do so unexpectedly."""

    def __init__(self) -> None:
        self._is_test = self._has_started = False
        sys.addaudithook(self._audit)

    def _audit(self, event: str, _arguments: tuple[object, ...]) -> None:
        if self._is_test and event in _STARTS:
            self._has_started = True
            raise ProcessStarted(event)

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]):
        slow = [item for item in items if isinstance(item, pytest.Function) and is_slow(item)]
        config.hook.pytest_deselected(items=slow)
        left_out = {id(item) for item in slow}
        items[:] = [item for item in items if id(item) not in left_out]

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[object], request: pytest.FixtureRequest
    ):
        """Keeps the end of a fixture for all who ask for it, as pytest does with an `Exception`.

        Otherwise the next test finds a shared fixture half set up, which is an error of pytest's own.
        """
        try:
            return (yield)
        except BaseException as error:
            if is_about_a_process(error):
                key = fixturedef.cache_key(request)  # type: ignore[arg-type]
                fixturedef.cached_result = (None, key, (error, error.__traceback__))
            raise

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self):
        self._is_test, self._has_started = True, False
        try:
            return (yield)
        finally:
            self._is_test = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, call: pytest.CallInfo[None]) -> None:
        """Puts a skip in place of what it came to, before the traceback is written out at length."""
        error = call.excinfo.value if call.excinfo else None
        is_failure = error is not None and not isinstance(error, pytest.skip.Exception)
        if is_failure and (self._has_started or is_about_a_process(error)):
            call.excinfo = _skipped()


def _skipped() -> pytest.ExceptionInfo[BaseException]:
    """From one place for all: one line in the summary."""
    try:
        pytest.skip(_REASON)
    except pytest.skip.Exception as error:
        return pytest.ExceptionInfo.from_exception(error)


def is_about_a_process(error: BaseException | None) -> bool:
    """A fixture's error is raised again for each test; a task group wraps what its tasks raise."""
    if isinstance(error, BaseExceptionGroup):
        return any(map(is_about_a_process, error.exceptions))
    if error is None or isinstance(error, ProcessStarted):
        return error is not None
    return is_about_a_process(error.__cause__ or error.__context__)


def is_slow(item: pytest.Function) -> bool:
    fixtures = (d.func for found in item._fixtureinfo.name2fixturedefs.values() for d in found[-1:])
    return any(starts_a_process(unwrap(function)) for function in (item.function, *fixtures))


@cache
def starts_a_process(function: FunctionType) -> bool:
    """Whether its code, or any code of the tests that it names, names what starts one."""
    seen: set[object] = set()
    waiting: list[object] = [function]
    while waiting:
        one = waiting.pop()
        one = unwrap(one) if isfunction(one) else one  # a context manager is a wrapper
        if one is subprocess:
            return True
        if one in seen:
            continue
        seen.add(one)
        if isfunction(one):
            if _NAMES & set(names(one.__code__)):
                return True
            waiting += named(one)
        elif isclass(one):
            waiting += [f for f in vars(one).values() if isfunction(f)]
            waiting += one.__bases__
    return False


@cache
def named(function: FunctionType) -> tuple[object, ...]:
    """What it names: `subprocess`, and functions and classes of the tests."""
    return tuple(_named(function, set(names(function.__code__))))


def _named(function: FunctionType, words: set[str]) -> Iterator[object]:
    for word in words:
        one = function.__globals__.get(word)
        if one is subprocess or is_ours(one):
            yield one
        if ismodule(one) and one.__name__.startswith(_OURS):
            yield from (vars(one)[w] for w in words & vars(one).keys() if is_ours(vars(one)[w]))


def is_ours(one: object) -> bool:
    return (isfunction(one) or isclass(one)) and one.__module__.startswith(_OURS)


def names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from names(constant)
