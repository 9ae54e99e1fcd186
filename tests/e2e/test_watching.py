"""What dashboards, Prometheus and people see while models come and go."""

import asyncio
import re
from contextlib import aclosing
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.engines import tap
from tests.e2e.wire import CHAT, HELLO, server_events
from tests.yard import Yard

# In the order in which a switch goes through them; not each is seen in each.
STAGES = [
    "draining",
    "saving",
    "stopping",
    "memory",
    "starting",
    "fitting",
    "loading",
    "warming",
    "ready",
]


async def test_a_switch_is_reported_step_by_step(home):
    async with home(max_instances=1, patience=0.0) as yard:
        await yard.answer("endless", max_tokens=1)
        async with yard.http.get(yard.url + "/events") as stream, asyncio.TaskGroup() as group:
            async with _generating(yard, "endless"):
                asking = group.create_task(yard.answer("alpha"))
                await yard.until(lambda s: s.queue.get("alpha") == 1)
            snapshot, *events = await _until_ready(stream, "alpha")
    assert asking.result() == "I am alpha."
    assert (snapshot.name, snapshot.data["status"]["current"]) == ("snapshot", "endless")
    steps = [e.data["progress"] for e in events if e.name == "progress"]
    stages = list(dict.fromkeys(step["stage"] for step in steps))
    assert {"draining", "stopping", "starting", "loading", "ready"} <= set(stages)
    assert stages == sorted(stages, key=STAGES.index)
    assert {s["part"] for s in steps if s["stage"] in {"draining", "stopping"}} == {"endless"}
    assert [e.data["instance"] for e in events if e.name == "instance-ended"] == ["endless.1"]
    assert events[-1].data["outcome"] == "ready"


async def test_who_orders_a_switch_is_no_request_that_waits(home):
    async with (
        home(max_instances=1, patience=0.0) as yard,
        yard.http.get(yard.url + "/events") as stream,
        aclosing(server_events(stream)) as events,
        asyncio.timeout(60),
    ):
        await yard.answer("endless", max_tokens=1)
        async with _generating(yard, "endless"):
            await yard.post("/switch", {"model": "alpha", "wait": False})
            while (await anext(events)).data.get("profile") != "alpha":
                pass
            assert (await yard.status()).queue == {}
            await yard.post("/cancel", {"model": "alpha"})
            seen: list[dict[str, Any]] = []
            while not seen or seen[-1]["now"].get("switching"):
                event = await anext(events)
                seen += [event.data] if event.data.get("profile") == "alpha" else []
    assert seen[-1]["now"]["state"] == "unloaded", "its end is published all the same"
    assert not any(data.get("waiting") for data in seen)


async def test_a_load_into_an_empty_stable_waits_for_nobody(home):
    async with home(max_instances=1) as yard, yard.http.get(yard.url + "/events") as stream:
        await yard.answer("alpha")
        events = await _until_ready(stream, "alpha")
    stages = [e.data["progress"]["stage"] for e in events if e.name == "progress"]
    assert stages[0] == "starting"
    assert {"draining", "stopping", "memory"}.isdisjoint(stages)


async def test_every_instance_lives_its_life_in_order(home):
    async with home(max_instances=1) as yard, yard.http.get(yard.url + "/events") as stream:
        await yard.answer("alpha")
        await yard.answer("beta")
        events = await _until_ready(stream, "beta")
    seen = [e.data["instance"] for e in events if e.name == "instance"]
    phases = [instance["phase"] for instance in seen if instance["id"] == "alpha.1"]
    before, after = phases[: phases.index("ready")], phases[phases.index("ready") + 1 :]
    assert before
    assert before == sorted(before, key=STAGES.index)
    assert set(after) == {"stopping"}
    last = [e.data for e in events if e.name == "instance"][-1]
    assert (last["instance"]["id"], last["instance"]["phase"]) == ("beta.2", "ready")
    assert last["state"] == "ready"  # of the profile, in the same breath


async def test_a_reader_that_comes_back_misses_nothing(home):
    async with home(max_instances=1) as yard:
        async with yard.http.get(yard.url + "/events") as stream:
            await yard.answer("alpha")
            seen = await _until_ready(stream, "alpha")
        await yard.answer("beta")
        headers = {"Last-Event-ID": seen[-1].id}
        async with yard.http.get(yard.url + "/events", headers=headers) as stream:
            missed = await _until_ready(stream, "beta")
    facts = [event for event in (*seen, *missed) if event.name != "activity"]
    numbers = [int(event.id) for event in facts]
    first = numbers.index(int(seen[0].id) + 1) if seen[0].name != "snapshot" else 1
    assert numbers[first:] == list(range(numbers[first], numbers[-1] + 1))
    assert "snapshot" not in {event.name for event in missed}


async def test_a_reader_from_another_life_of_the_daemon_begins_anew(home):
    async with home() as yard:
        headers = {"Last-Event-ID": "12"}
        async with (
            yard.http.get(yard.url + "/events", headers=headers) as stream,
            aclosing(server_events(stream)) as events,
        ):
            assert (await anext(events)).name == "snapshot"


async def test_a_switch_is_followed_by_who_asked_for_it(home):
    async with home(max_instances=1) as yard:
        await yard.answer("alpha")
        accept = {"Accept": "text/event-stream"}
        url = yard.url + "/switch"
        async with yard.http.post(url, json={"model": "beta"}, headers=accept) as stream:
            events = [event async for event in server_events(stream)]
        job = await yard.get(stream.headers["location"])
    assert {event.name for event in events[:-1]} == {"progress"}
    assert (events[-1].name, events[-1].data["outcome"]) == ("switch-ended", "ready")
    assert (job["outcome"], job["instance"]) == ("ready", "beta.2")


async def test_a_log_is_followed_to_its_instances_end(home):
    async with home() as yard:
        await yard.answer("alpha")
        before = await _text(yard, "/logs/alpha")
        async with yard.http.get(yard.url + "/logs/alpha?follow=1&lines=0") as reply:
            await yard.answer("alpha")
            async with asyncio.timeout(30):
                while b"new prompt" not in await reply.content.readline():
                    pass
            await yard.post("/unload", {"model": "alpha"})
            rest = await reply.read()
        after = await _text(yard, "/logs/alpha")
    assert after.startswith(before)
    assert after.endswith(rest.decode()), "the stream ended with the log"


async def test_logs_of_instances_that_are_gone_stay_readable(home):
    async with home(max_instances=1) as yard:
        for name in ("alpha", "beta", "alpha"):
            await yard.answer(name)
        assert "alpha.gguf" in await _text(yard, "/logs/alpha.1")
        await yard.post("/unload", {})  # so that the log grows no more
        await yard.until(lambda s: not s.instances)
        assert await _text(yard, "/logs/alpha") == await _text(yard, "/logs/alpha.3")
        assert "beta.gguf" in await _text(yard, "/logs/beta")
        assert len((await _text(yard, "/logs/beta?lines=3")).splitlines()) == 3


async def test_requests_tokens_and_switches_are_counted_by_profile(home):
    async with home(max_instances=1) as yard:
        for name in ("alpha", "alpha", "beta", "broken"):
            await yard.ask(name)
        await yard.post("/v1/messages", {"model": "beta", "max_tokens": 9, "messages": HELLO})
        await yard.until_phase("beta", "ready")
        async with asyncio.timeout(30):  # tokens are known from the log, a moment later
            while (counted := await _counted(yard)).get(_TOKENS, 0) < 6:
                await asyncio.sleep(0.05)
    requests = "paddock_requests_total"
    assert counted[requests, "alpha", "200", "openai"] == 2
    assert counted[requests, "beta", "200", "openai"] == 1
    assert counted[requests, "beta", "200", "anthropic"] == 1
    assert counted[requests, "broken", "502", "openai"] == 1
    assert counted["paddock_request_seconds_count", "alpha"] == 2
    assert counted["paddock_tokens_total", "prompt", "alpha"] > counted[_TOKENS]
    assert counted["paddock_switch_seconds_count", "ready", "alpha"] == 1
    assert counted["paddock_switch_seconds_count", "failed", "broken"] == 1
    assert counted["paddock_instances", "ready"] == 1


_TOKENS = ("paddock_tokens_total", "generated", "alpha")


async def test_an_instances_own_metrics_are_there_where_its_profile_wants_them(home):
    async with home("[measured]\nmodel = gamma.gguf\nmetrics = on\n") as yard:
        await yard.answer("measured")
        assert "llamacpp:prompt_tokens_total" in await _text(yard, "/metrics?model=measured")


async def test_slots_are_asked_for_less_often_than_their_readers_ask(home, tmp_path):
    tapped = tap(tmp_path)
    async with home(f"[tapped]\nmodel = gamma.gguf\nengine = {tapped.engine}\n") as yard:
        await yard.answer("tapped")
        for _ in range(50):
            [slot] = await yard.get("/slots?model=tapped")
            [same] = await yard.get("/upstream/tapped/slots")
            assert slot["n_ctx"] == same["n_ctx"] == 1024
    assert 1 <= tapped.heard.count(b"GET /slots ") < 50


async def test_the_document_lists_calls_that_are_really_there(home):
    async with home() as yard:
        document = await yard.get("/openapi.json")
        assert document["openapi"].startswith("3.1")
        assert CHAT in document["paths"]
        plain = [p for p, item in document["paths"].items() if "get" in item and "{" not in p]
        for path in set(plain) - {"/events", "/models/sse"}:
            async with yard.http.get(yard.url + path) as reply:
                # 400: no model named, none loaded; 403: off, as in llama.cpp's router;
                # 501: what Ollama does and we do not
                assert reply.status in {200, 400, 403, 501}, path
        names = set(re.findall(r"#/components/schemas/(\w+)", str(document)))
    assert names == set(document["components"]["schemas"])


async def test_status_is_the_whole_truth(home):
    async with home() as yard:
        await yard.answer("alpha")
        status = await yard.until_phase("alpha", "ready")
        [instance] = status.instances
        [host] = [device for device in status.devices if device.kind == "host"]
    assert status.current == "alpha"
    assert (instance.id, instance.leases, instance.stale) == ("alpha.1", 0, False)
    assert instance.load_seconds
    assert instance.placement
    assert instance.placement.n_ctx == 1024
    assert any(buffer.kind == "context" for buffer in instance.placement.buffers)
    assert instance.demand_mib
    assert host.total_mib


@pytest.mark.parametrize("path", ["/events", "/models/sse", "/logs/alpha?follow=1"])
async def test_readers_do_not_hold_the_daemons_end(home, path):
    async with home() as yard:
        await yard.answer("alpha")
        reply = await yard.http.get(yard.url + path)
        await yard.post("/shutdown", {})
        await reply.read()


def _generating(yard: Yard, profile: str):
    """An endless answer, of which the first word is here; left, it is hung up."""
    body = {"model": profile, "messages": HELLO, "stream": True, "max_tokens": 10_000_000}
    return yard.http.post(yard.url + CHAT, json=body)


async def _until_ready(stream, profile):
    """Everything up to the end of the switch to `profile`."""
    seen = []
    async with asyncio.timeout(60):
        async for event in server_events(stream):
            seen.append(event)
            if event.name == "switch-ended" and event.data["profile"] == profile:
                return seen
    raise AssertionError("the stream ended first")


async def _text(yard: Yard, path: str) -> str:
    async with yard.http.get(yard.url + path) as reply:
        assert reply.status == 200, await reply.text()
        return await reply.text()


async def _counted(yard: Yard) -> dict[tuple[str, ...], float]:
    """Every sample by its name and the values of its labels, in the labels' order."""
    families = text_string_to_metric_families(await _text(yard, "/metrics"))
    return {
        (s.name, *(s.labels[label] for label in sorted(s.labels))): s.value
        for family in families
        for s in family.samples
    }


async def test_logs_go_on_over_switches(home):
    async with home(max_instances=1) as yard:
        await yard.answer("alpha")
        async with yard.http.get(yard.url + "/logs?follow=1&lines=5") as news:
            await _heading(news, "alpha.1")
            await yard.answer("beta")
            await _heading(news, "beta.2")
            await yard.answer("alpha")
            await _heading(news, "alpha.3")
        async with yard.http.get(yard.url + "/logs/alpha?runs=all") as reply:
            headings = [line for line in (await reply.text()).splitlines() if line.startswith("──")]
    assert [heading.split(",")[0] for heading in headings] == ["── alpha.1", "── alpha.3"]


async def _heading(news, instance):
    """Read on until this one's lines begin."""
    async with asyncio.timeout(30):
        while not (await news.content.readline()).decode().startswith(f"── {instance},"):
            pass
