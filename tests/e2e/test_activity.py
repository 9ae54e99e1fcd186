"""What goes on just now: requests in flight as the daemon lists them, and how one is ended."""

import asyncio
from asyncio import TaskGroup
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import pytest

from paddock.api.activity import RequestInfo
from paddock.api.client import Client
from paddock.errors import NoSuchThing, UnknownModel
from tests.e2e.engines import gate
from tests.e2e.wire import CHAT, HELLO, server_events
from tests.yard import Yard

ENDLESS = {"model": "endless", "messages": HELLO, "max_tokens": 10_000_000}
AGENT = {"User-Agent": "claude-cli/2.1 (external, cli)", "Authorization": "Bearer secret"}


async def request_of(yard: Yard, true: Callable[[RequestInfo], Any]) -> RequestInfo:
    """The first request in flight of which it is true, as soon as there is one."""
    status = await yard.until(lambda s: any(map(true, s.requests)))
    return next(filter(true, status.requests))


async def cancel(yard: Yard, number: int) -> None:
    await asyncio.to_thread(Client(yard.url).cancel_request, number)


async def test_an_answer_grows_until_it_is_cancelled(home):
    async with home() as yard:
        body = ENDLESS | {"stream": True}
        async with yard.http.post(yard.url + CHAT, json=body, headers=AGENT) as reply:
            first = await request_of(yard, lambda r: r.generated_tokens)
            later = await request_of(
                yard, lambda r: (r.generated_tokens or 0) > (first.generated_tokens or 0)
            )
            await cancel(yard, first.id)
            *_, last = [event.data async for event in server_events(reply)]
        await yard.until(lambda s: not s.requests and not any(i.leases for i in s.instances))
        assert await yard.answer("endless", max_tokens=2), "its only slot is free"
        with pytest.raises(NoSuchThing):
            await cancel(yard, first.id)
        totals = (await yard.status()).totals
    assert (later.id, later.phase, later.instance) == (first.id, "generating", "endless.1")
    assert (later.profile, later.surface, later.client) == ("endless", "openai", "claude-cli/2.1")
    assert later.speed is not None
    assert later.speed > 0
    assert later.prompt_tokens
    assert later.prompt_fraction is None
    assert last["error"]["code"] == "cancelled"
    assert totals is not None
    assert (totals.requests, totals.failed) == (2, 1)
    assert totals.generated_tokens >= 2


@pytest.mark.parametrize("path", [CHAT, "/v1/messages", "/completion"])
async def test_who_does_not_stream_reads_that_it_was_cancelled(home, path):
    async with home() as yard, TaskGroup() as group:
        body = ENDLESS | {"prompt": "hi", "n_predict": 10_000_000}
        asking = group.create_task(yard.post(path, body))
        found = await request_of(yard, lambda r: r.prompt_tokens)
        await cancel(yard, found.id)
        status, reply = await asking
        await yard.until(lambda s: not s.requests and not any(i.leases for i in s.instances))
    assert status == (503 if path == "/completion" else 400)
    assert reply["error"]["message"] == "the request was cancelled"


async def test_a_long_prompt_shows_how_much_of_it_was_read(home):
    async with home() as yard, TaskGroup() as group:
        body = {"model": "endless", "prompt": "a b c " * 5000, "n_predict": 2}
        asking = group.create_task(yard.post("/completion", body))
        found = await request_of(yard, lambda r: r.prompt_fraction)
        await cancel(yard, found.id)
        assert (await asking)[0] == 503
    assert found.phase == "prompt"
    assert found.prompt_tokens is not None
    assert found.prompt_tokens > 10000
    assert found.prompt_fraction is not None
    assert 0 < found.prompt_fraction < 1
    assert found.surface == "llama"


async def test_who_waits_for_a_load_is_queued_and_may_be_cancelled(home, tmp_path):
    held = gate(tmp_path)
    async with home(held.profile("slow")) as yard, TaskGroup() as group:
        asking = [group.create_task(yard.ask("slow")) for _ in range(2)]
        await yard.until(lambda s: len(s.requests) == 2)
        first, second = (await yard.until(lambda s: s.requests[0].age > 0.05)).requests
        await cancel(yard, first.id)
        status = await yard.until(lambda s: s.queue == {"slow": 1})
        held.open()
    assert sorted(task.result()[0] for task in asking) == [200, 400]
    assert (first.phase, first.instance, first.profile) == ("queued", None, "slow")
    assert second.since >= first.since
    assert [r.id for r in status.requests] == [second.id]


async def test_two_at_once_are_distinguished_by_the_order_in_which_they_came(home):
    conf = "[pair]\nmodel = endless.gguf\nctx-size = 8192\nparallel = 2\ncontext-shift = true\n"
    async with home(conf) as yard, TaskGroup() as group:
        body = {"model": "pair", "prompt": "a", "n_predict": 10_000_000, "stream": True}
        group.create_task(yard.http.post(yard.url + "/completion", json=body))
        one = await request_of(yard, lambda r: r.prompt_tokens)
        group.create_task(
            yard.http.post(yard.url + "/completion", json=body | {"prompt": "a" * 50})
        )
        two = await request_of(yard, lambda r: r.id != one.id and r.prompt_tokens)
        status = await yard.status()
        for number in (one.id, two.id):
            await cancel(yard, number)
        await yard.until(lambda s: not s.requests)
    assert one.prompt_tokens is not None
    assert two.prompt_tokens is not None
    assert two.prompt_tokens > one.prompt_tokens
    assert [r.prompt_tokens for r in status.requests] == [one.prompt_tokens, two.prompt_tokens]


async def test_who_looks_on_sees_what_moves(home):
    async with (
        home() as yard,
        yard.http.get(yard.url + "/events") as stream,
        aclosing(server_events(stream)) as events,
        asyncio.timeout(60),
    ):
        body = ENDLESS | {"stream": True}
        async with yard.http.post(yard.url + CHAT, json=body) as reply:
            await reply.content.readany()
            last = ""
            async for event in events:
                if event.name == "activity" and event.data["requests"]:
                    break
                last = event.id
            assert event.data["requests"][0]["phase"] == "generating"
            assert event.data["devices"]
            assert event.data["totals"] == {}, "nothing has ended yet"
            assert event.id == last, "it may be resumed from"
        async for event in events:
            if event.name == "activity" and not event.data["requests"]:
                break
        assert event.data["totals"]["failed"] == 1


async def test_a_preview_says_what_a_switch_then_does(home):
    async with home(max_instances=1) as yard:
        await yard.answer("alpha")
        client = Client(yard.url)
        ready = await asyncio.to_thread(client.preview, "first")  # an alias
        before = await asyncio.to_thread(client.preview, "beta")
        await yard.answer("beta")
        after = await asyncio.to_thread(client.preview, "beta")
        back = await asyncio.to_thread(client.preview, "alpha")
    assert (ready.state, ready.summary, ready.leavers) == ("ready", "is ready", [])
    [leaver] = before.leavers
    assert (leaver.profile, leaver.busy, before.state) == ("alpha", False, "unloaded")
    assert before.summary.startswith("unloads alpha (idle 0 s), needs ")
    assert before.needs[0].mib > 0
    assert after.leavers == []
    assert back.seconds is not None
    assert back.summary.endswith("last time")


async def test_a_preview_waits_for_who_is_busy_and_refuses_as_a_switch_would(home):
    conf = "[kept]\nmodel = gamma.gguf\npin = on\n"
    async with home(conf, max_instances=1) as yard, TaskGroup() as group:
        asking = group.create_task(yard.ask("endless", max_tokens=10_000_000))
        found = await request_of(yard, lambda r: r.prompt_tokens)
        busy = await yard.get("/preview/alpha")
        await cancel(yard, found.id)
        await asking
        await yard.answer("kept")
        preview = await yard.get("/preview/alpha")
        _, reply = await yard.post("/switch", {"model": "alpha"})
    assert busy["summary"].startswith("waits for endless, which is busy, needs ")
    assert busy["leavers"] == [{"profile": "endless", "busy": True}]
    assert f"alpha cannot fit: {preview['refused']}" == reply["failure"]["message"]
    assert preview["summary"] == f"cannot fit: {preview['refused']}"


async def test_a_profile_in_full_has_its_flags_with_their_origins_and_its_files_facts(home):
    conf = "[typed]\n# 70B dense\nmodel = gamma.gguf\nctx-size = 4096\n"
    gone = "[gone]\nmodel = nowhere.gguf\n"
    async with home(conf + gone) as yard:
        client = Client(yard.url)
        full = await asyncio.to_thread(client.profile, "typed")
        without = await asyncio.to_thread(client.profile, "gone")
        with pytest.raises(UnknownModel):
            await asyncio.to_thread(client.profile, "nobody")
    [size] = [flag for flag in full.flags if flag.flag == "--ctx-size"]
    assert size.values == ["4096"]
    assert size.origin.startswith("[typed] ctx-size, line ")
    assert full.facts["context"].endswith("4,096 asked")
    assert full.contradictions
    assert full.profile.state == "unloaded"
    assert without.facts == {}
    assert "nowhere.gguf" in without.facts_problem
