"""The list of requests in flight: whose task is whose, what is seen of them, how one is ended."""

import asyncio
from dataclasses import dataclass, field

import pytest

from paddock.core.model import InstanceId
from paddock.daemon.activity.requests import Request, Requests, client_name
from paddock.errors import NoSuchThing
from paddock.llama.output import TaskLine
from tests.clock import SetClock

A1, B1 = InstanceId("a.1"), InstanceId("b.1")


@dataclass
class Desk:
    """A list with a clock that the test moves."""

    now: float = 100.0
    requests: Requests = field(init=False)

    def __post_init__(self) -> None:
        self.requests = Requests(SetClock(lambda: self.now))

    def enter(self, instance: InstanceId | None = A1, *, generates: bool = True) -> Request:
        request = self.requests.enter("a", "openai", "curl/8", generates=generates)
        request.instance = instance
        return request

    def launch(self, task: int, tokens: int, instance: InstanceId = A1) -> None:
        self.requests.hear(instance, TaskLine(task, "launched", tokens))

    @property
    def prompts(self) -> list[int | None]:
        return [info.prompt_tokens for info in self.requests.infos()]


@pytest.fixture
async def desk() -> Desk:
    return Desk()


async def test_a_request_goes_from_queued_over_its_prompt_to_its_answer(desk):
    request = desk.enter(None)
    desk.now += 2
    [seen] = desk.requests.infos()
    assert (seen.id, seen.phase, seen.instance, seen.age, seen.since) == (
        1,
        "queued",
        None,
        2.0,
        "at 100",
    )
    request.instance = A1
    desk.launch(7, 1000)
    desk.requests.hear(A1, TaskLine(7, "reading", 250))
    desk.requests.hear(A1, TaskLine(7, "reading", 500, 80.0))
    [seen] = desk.requests.infos()
    assert (seen.phase, seen.prompt_tokens, seen.prompt_fraction, seen.speed) == (
        "prompt",
        1000,
        0.5,
        80.0,
    )
    request.has_begun = True
    [seen] = desk.requests.infos()
    assert (seen.phase, seen.prompt_fraction, seen.speed) == ("generating", None, None)
    desk.requests.hear(A1, TaskLine(7, "generating", 42, 9.0))
    [seen] = desk.requests.infos()
    assert (seen.generated_tokens, seen.speed) == (42, 9.0)
    desk.requests.leave(request)
    assert desk.requests.infos() == []


async def test_tokens_alone_tell_that_an_answer_which_is_not_streamed_has_begun(desk):
    desk.enter()
    desk.launch(7, 10)
    desk.requests.hear(A1, TaskLine(7, "generating", 3, 1.0))
    assert [info.phase for info in desk.requests.infos()] == ["generating"]


async def test_several_get_their_tasks_in_the_order_in_which_they_came(desk):
    for instance in (A1, B1, A1, None):
        desk.enter(instance)
    desk.launch(1, 10)
    desk.launch(2, 30)
    desk.launch(1, 20, B1)
    desk.launch(3, 99)
    assert desk.prompts == [10, 20, 30, None]


async def test_a_further_prompt_goes_to_who_had_one_only_where_nobody_waits_for_a_first(desk):
    desk.enter()
    desk.launch(1, 10)
    desk.requests.hear(A1, TaskLine(1, "released"))
    desk.enter()
    desk.launch(2, 20)
    assert desk.prompts == [10, 20]
    desk.launch(3, 30)
    assert desk.prompts == [30, 20]


async def test_what_only_looks_has_no_task(desk):
    desk.enter(generates=False)
    desk.launch(1, 10)
    assert desk.prompts == [None]


async def test_tasks_of_nobody_are_not_listed(desk):
    """A probe's, and those of a client that has left."""
    desk.launch(1, 10)
    desk.requests.hear(A1, TaskLine(1, "generating", 5, 1.0))
    desk.requests.hear(A1, TaskLine(1, "released"))
    request = desk.enter()
    desk.launch(2, 10)
    desk.requests.leave(request)
    desk.requests.hear(A1, TaskLine(2, "generating", 5, 1.0))
    assert desk.requests.infos() == []
    assert not desk.requests._tasks, "nothing is left behind"


async def test_one_is_ended_by_its_number_once(desk):
    entered = asyncio.Event()

    async def serve() -> None:
        request = desk.enter(None)
        entered.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            assert request.cancelled
        finally:
            desk.requests.leave(request)

    serving = asyncio.create_task(serve())
    await entered.wait()
    desk.requests.cancel(1)
    desk.requests.cancel(1)
    assert serving.cancelling() == 1
    await serving
    for over in (1, 2):
        with pytest.raises(NoSuchThing):
            desk.requests.cancel(over)


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36", "browser"),
        ("claude-cli/2.1 (external, cli)", "claude-cli/2.1"),
        ("  curl/8  ", "curl/8"),
        ("", ""),
        ("a\x1b[31mb", "a[31mb"),
        ("x" * 50, "x" * 40),
    ],
)
def test_a_client_is_named_as_it_calls_itself(said, name):
    assert client_name(said) == name
