"""Reading on for who has left: which cancellation is the hang-up's, and which is somebody's order."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from paddock.http.reply_usage import ReplyUsage
from paddock.http.streams import outlive


class Reply:
    """An instance's reply of which the test says when it goes on."""

    def __init__(self) -> None:
        self.pieces: asyncio.Queue[bytes] = asyncio.Queue()

    async def some(self) -> bytes:
        return await self.pieces.get()


def _outliving(reply: Any, *, gone: bool = False, **listed: Any) -> "asyncio.Task[None]":
    request: Any = SimpleNamespace(transport=None)
    endpoint: Any = SimpleNamespace(gone=gone)
    traits: Any = SimpleNamespace(**{"cancelled": "", "conversation": "a::b", **listed})
    return asyncio.create_task(outlive(request, traits, endpoint, reply, ReplyUsage()))


async def _step() -> None:
    await asyncio.sleep(0.01)


async def test_a_hang_up_that_is_heard_of_late_ends_nothing():
    reply = Reply()
    task = _outliving(reply)  # nothing could be written
    await _step()
    task.cancel()  # and now the server reports the same
    await _step()
    reply.pieces.put_nowait(b"more")
    await _step()
    assert not task.done()
    reply.pieces.put_nowait(b"")
    await task


async def test_a_second_cancellation_is_meant():
    task = _outliving(Reply())
    for _ in range(2):
        await _step()
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_so_is_the_first_where_the_instance_is_to_go():
    task = _outliving(Reply(), gone=True)
    await _step()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_who_names_no_conversation_has_left_for_good():
    request: Any = SimpleNamespace(transport=None)
    listed: Any = SimpleNamespace(conversation="", cancelled="")
    nothing: Any = None
    await outlive(request, listed, nothing, nothing, nothing)
