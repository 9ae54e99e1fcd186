"""The management API as its clients use it."""

import asyncio

import msgspec
import pytest

from paddock.api.events import AnyEvent, Snapshot, SwitchEnded, SwitchProgress
from paddock.api.placement import History, LoadEntry
from paddock.api.types import ErrorBody, Status, SwitchResult
from paddock.daemon.history import store as history
from paddock.errors import CannotFit, ConfigError
from paddock.http import router
from paddock.http.server import bind, build_app, serving
from tests.http.conftest import until
from tests.http.stable import finished, stepped


@pytest.fixture
async def yard(open_yard, tmp_path):
    return await open_yard({"a": tmp_path / "a", "b": tmp_path / "b"}, ready=False)


async def _raw(yard, method, path, **options):
    async with yard.http.request(method, yard.base + path, **options) as reply:
        return reply.status, await reply.read(), reply.headers


async def _event(reply):
    """The next event, comments left out, with its `id` and `event` fields checked."""
    while True:
        text = (await reply.content.readuntil(b"\n\n")).decode()
        if text.startswith(":"):
            continue
        fields = dict(line.split(": ", 1) for line in text.strip().splitlines())
        event = msgspec.json.decode(fields["data"], type=AnyEvent)
        assert fields["event"] == event.__struct_config__.tag
        assert fields.get("id", "0") == str(event.seq)
        return event


async def test_status_is_the_type_of_the_contract(yard):
    _, text, _ = await _raw(yard, "GET", "/status")
    assert msgspec.json.decode(text, type=Status).current is None


async def test_a_switch_answers_when_it_is_done(yard):
    asking = asyncio.ensure_future(_raw(yard, "POST", "/switch", json={"model": "a-alias"}))
    yard.stable.stalls["a"].ready.set()
    status, text, headers = await asking
    result = msgspec.json.decode(text, type=SwitchResult)
    assert (status, result.outcome, result.instance) == (200, "ready", "a.1")
    assert headers["location"] == "/jobs/job-1"


async def test_a_switch_that_fails_answers_with_the_cause_and_its_status(yard):
    yard.stable.stalls["a"].refusal = CannotFit("a needs 9 GiB")
    yard.stable.stalls["a"].ready.set()
    status, text, _ = await _raw(yard, "POST", "/switch", json={"model": "a"})
    result = msgspec.json.decode(text, type=SwitchResult)
    assert (status, result.outcome) == (503, "failed")
    assert result.failure is not None
    assert result.failure.code == "cannot_fit"


async def test_a_switch_that_nobody_waits_for_is_a_job(yard):
    status, _, headers = await _raw(yard, "POST", "/switch", json={"model": "a", "wait": False})
    assert status == 202
    status, text, _ = await _raw(yard, "GET", headers["location"])
    assert (status, msgspec.json.decode(text, type=SwitchResult).outcome) == (200, "running")
    assert (await _raw(yard, "GET", "/jobs/none"))[0] == 404


async def test_a_switch_can_be_followed(yard):
    body, accept = {"model": "a"}, {"Accept": "text/event-stream"}
    async with yard.http.post(yard.base + "/switch", json=body, headers=accept) as reply:
        assert reply.headers["location"] == "/jobs/job-1"
        yard.stable.bus.publish(stepped("b", 0.1))
        yard.stable.bus.publish(stepped("a", 0.5))
        progress = await _event(reply)
        yard.stable.stalls["a"].ready.set()
        ending = await _event(reply)
        assert await reply.read() == b""
    assert isinstance(progress, SwitchProgress)
    assert (progress.profile, progress.progress.fraction) == ("a", 0.5)
    assert isinstance(ending, SwitchEnded)
    assert (ending.outcome, ending.instance) == ("ready", "a.1")


async def test_events_begin_with_the_whole_truth_and_go_on(yard):
    async with yard.http.get(yard.base + "/events") as reply:
        assert isinstance(await _event(reply), Snapshot)
        yard.stable.bus.publish(stepped("a", 0.5))
        assert isinstance(await _event(reply), SwitchProgress)
        yard.stable.bus.close()
        assert await reply.read() == b""


async def test_events_resume_where_a_reader_left(yard):
    for event in (stepped("a", 0.1), stepped("a", 0.2), finished("a")):
        yard.stable.bus.publish(event)
    for asked in ({"headers": {"Last-Event-ID": "1"}}, {"params": {"after": "1"}}):
        async with yard.http.get(yard.base + "/events", **asked) as reply:
            assert (await _event(reply)).seq == 2
            assert (await _event(reply)).seq == 3
    assert (await _raw(yard, "GET", "/events?after=x"))[0] == 400


async def test_a_reader_that_leaves_is_forgotten(yard):
    async with yard.http.get(yard.base + "/events") as reply:
        await _event(reply)
        assert len(yard.stable.bus._queues) == 1
    await until(lambda: not yard.stable.bus._queues)


async def test_models_are_listed_for_every_kind_of_client(open_yard, tmp_path):
    yard = await open_yard({"a": tmp_path / "a"}, ready=False)
    _, text, _ = await _raw(yard, "GET", "/v1/models")
    [row] = msgspec.json.decode(text, type=router.Models).data
    assert (row.id, row.object, row.status.value) == ("a", "model", "unloaded")
    assert (row.paddock.state, row.aliases) == ("unloaded", ["a-alias"])
    _, text, _ = await _raw(yard, "GET", "/v1/models/a-alias")
    assert msgspec.json.decode(text, type=router.Model).id == "a"
    assert (await _raw(yard, "GET", "/v1/models/nope"))[0] == 404


async def test_hidden_profiles_are_listed_only_by_the_management_api(open_yard, tmp_path):
    yard = await open_yard({"a": tmp_path / "a"}, hidden=True)
    assert (await yard.get("/v1/models"))[1]["data"] == []
    assert [row["id"] for row in (await yard.get("/models"))[1]["data"]] == ["a"]


async def test_unload_takes_one_or_all(yard):
    for stall in yard.stable.stalls.values():
        stall.ready.set()
    assert (await yard.post("/unload", {"model": "a-alias"}))[1]["models"] == ["a"]
    status, text, _ = await _raw(yard, "POST", "/unload")
    assert (status, msgspec.json.decode(text)["models"]) == (200, ["b"])
    assert (await yard.post("/unload", {"model": "nope"}))[0] == 404


async def test_cancel_reload_and_shutdown_reach_the_daemon(yard):
    await yard.post("/cancel", {"model": "a"})
    await yard.post("/reload", {})
    assert (await yard.post("/shutdown", {"keep": True}))[0] == 202
    stable = yard.stable
    assert (stable.cancelled, stable.reloaded, stable.ended) == (["a"], 1, [True])


async def test_a_broken_file_is_reported_with_every_problem(yard):
    yard.stable.broken = ConfigError("models.conf:3: unknown key", hint="ctx-size?", detail=("x",))
    status, text, _ = await _raw(yard, "POST", "/reload")
    error = msgspec.json.decode(text, type=ErrorBody).error
    assert (status, error.code, error.hint, error.log) == (
        409,
        "config_invalid",
        "ctx-size?",
        ["x"],
    )


async def test_the_routers_verbs_and_events_work(yard):
    async with yard.http.get(yard.base + "/models/sse") as reply:
        await yard.stable.bus.subscribed.wait()
        assert (await yard.post("/models/load", {"model": "a"}))[1] == {"success": True}
        yard.stable.bus.publish(stepped("a", 0.5))
        line = await reply.content.readuntil(b"\n\n")
    event = msgspec.json.decode(line.removeprefix(b"data: "))
    assert (event["model"], event["event"]) == ("a", "status_change")
    assert event["data"]["progress"]["value"] == 0.5
    assert (await yard.post("/models/unload", {"model": "a"}))[0] == 409


async def test_logs_are_read_in_order_by_lines_and_followed(yard, tmp_path):
    old, new = tmp_path / "1.log.1", tmp_path / "1.log"
    old.write_bytes(b"one\ntwo\n")
    new.write_bytes(b"three\n")
    yard.stable.logbook.logs["org/a.1"] = new
    assert (await _raw(yard, "GET", "/logs/org/a.1"))[1] == b"one\ntwo\nthree\n"
    assert (await _raw(yard, "GET", "/logs/org/a.1?lines=2"))[1] == b"two\nthree\n"
    assert (await _raw(yard, "GET", "/logs/org/a.1?lines=0"))[1] == b""
    assert (await _raw(yard, "GET", "/logs/none"))[0] == 404
    assert (await _raw(yard, "GET", "/logs/org/a.1?runs=some"))[0] == 400
    async with yard.http.get(yard.base + "/logs/org/a.1?follow=1&lines=1") as reply:
        assert await reply.content.readline() == b"three\n"
        with new.open("ab") as log:
            log.write(b"four\n")
        assert await reply.content.readline() == b"four\n"
        yard.stable.logbook.over.add("org/a.1")
        (tmp_path / "record.json").touch()
        assert await reply.read() == b""


@pytest.fixture
async def past(yard, tmp_path):
    yard.stable.chronicle.history = opened = await history.HistoryStore.open(
        tmp_path / "history.sqlite"
    )
    yield opened
    await opened.close()


async def _loaded(past, profile, *seconds):
    for took in seconds:
        entry = LoadEntry(instance=f"{profile}.1", profile=profile, fingerprint="f", seconds=took)
        await past.add_load(entry)


async def _history_of(yard, path):
    status, text, _ = await _raw(yard, "GET", path)
    assert status == 200
    found = msgspec.json.decode(text, type=History)
    return found.profile, [entry.seconds for entry in found.loads]


async def test_a_history_is_found_by_id_or_alias_the_newest_first(yard, past):
    await _loaded(past, "a", 1.0, 2.0, 3.0)
    assert await _history_of(yard, "/history/a") == ("a", [3.0, 2.0, 1.0])
    assert await _history_of(yard, "/history/a-alias?limit=2") == ("a", [3.0, 2.0])
    assert await _history_of(yard, "/history/b") == ("b", [])


async def test_a_history_outlives_its_profile(yard, past):
    await _loaded(past, "org/gone", 1.0)
    assert await _history_of(yard, "/history/org/gone") == ("org/gone", [1.0])
    status, body = await yard.get("/history/never")
    assert (status, body["error"]["code"]) == (404, "model_not_found")


async def test_a_history_without_a_file_is_empty(yard):
    assert await _history_of(yard, "/history/a") == ("a", [])


@pytest.mark.parametrize("limit", ["0", "-1", "many", "", "1001", "1.5"])
async def test_a_limit_that_is_none_is_refused(yard, past, limit):
    assert (await yard.get(f"/history/a?limit={limit}"))[0] == 400


async def test_metrics_tell_the_past_and_the_present(yard):
    yard.stable.stalls["a"].ready.set()
    yard.stable.metrics.tokens("a", prompt=7, generated=3)
    yard.stable.metrics.switch_done("a", "ready", 1.5)
    _, text, headers = await _raw(yard, "GET", "/metrics")
    assert headers["content-type"].startswith("text/plain; version=0.0.4")
    for line in (
        b'paddock_tokens_total{kind="generated",profile="a"} 3.0',
        b'paddock_switch_seconds_count{outcome="ready",profile="a"} 1.0',
        b'paddock_instances{phase="ready"} 1.0',
    ):
        assert line in text


async def test_what_is_not_there_is_said_so(yard):
    status, _, _ = await _raw(yard, "GET", "/nothing")
    assert status == 404
    assert (await _raw(yard, "DELETE", "/status"))[0] == 405
    assert b"/openapi.json" in (await _raw(yard, "GET", "/"))[1]


async def test_a_follower_does_not_hold_the_end(open_yard, tmp_path):
    yard = await open_yard({"a": tmp_path / "a"})
    yard.stable.logbook.logs["a"] = tmp_path / "log"
    async with serving(build_app(yard.stable), bind("127.0.0.1:0"), grace=600) as [bound]:
        reply = await yard.http.get(f"http://{bound}/logs/a?follow=1")
    assert await reply.read() == b""


@pytest.mark.parametrize("number", ["7", "seven", "-1"])
async def test_a_request_that_is_over_cannot_be_cancelled(yard, number):
    status, reply = await yard.post(f"/requests/{number}/cancel", {})
    assert (status, reply["error"]["code"]) == (404, "not_found")
