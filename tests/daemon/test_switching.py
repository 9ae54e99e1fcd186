"""A client names a model and gets it: the main job, with real llama-servers."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from paddock.api.placement import LoadMode
from paddock.config.profile import Profile
from paddock.config.settings import Paths
from paddock.core.model import InstanceId
from paddock.daemon.instances.records import Record
from tests.yard import places, servers, wrapper, yard

CONF = """
[alpha]
model = alpha.gguf
aliases = first
[beta]
model = beta.gguf
temp = 0.3
[endless]
model = endless.gguf
[broken]
model = alpha.gguf
# No such device: llama-server ends at once, and nothing was known before.
device = broken.gguf
[missing]
model = nowhere.gguf
[split]
model = split-00001-of-00003.gguf
"""


def here(tmp_path: Path, models: Path, conf: str = CONF) -> Paths:
    return msgspec.structs.replace(places(tmp_path / "yard", conf), models_dir=models)


async def test_each_name_gets_its_model(tmp_path: Path, models: Path):
    async with yard(here(tmp_path, models), max_instances=1) as home:
        assert await home.answer("alpha") == "I am alpha."
        assert await home.answer("beta") == "I am beta."
        assert await home.answer("first") == "I am alpha."
        assert await home.answer("split") == "I am split."
        assert [i.profile for i in (await home.status()).instances] == ["split"]


async def test_its_whole_profile_is_applied(tmp_path: Path, models: Path):
    async with yard(here(tmp_path, models)) as home:
        await home.answer("beta")
        settings = (await home.get("/props?model=beta"))["default_generation_settings"]
        assert round(settings["params"]["temperature"], 3) == 0.3
        assert settings["n_ctx"] == 1024


async def test_models_that_fit_live_together(tmp_path: Path, models: Path):
    async with yard(here(tmp_path, models)) as home:
        await home.answer("alpha")
        await home.answer("beta")
        await home.answer("alpha")
        status = await home.status()
        assert sorted(i.id for i in status.instances) == ["alpha.1", "beta.2"]


async def test_eleven_requests_during_a_load_share_it(tmp_path: Path, models: Path):
    slow = wrapper(tmp_path / "slow", "sleep 1")
    conf = CONF + f"[slow]\nmodel = gamma.gguf\nengine = {slow}\n"
    async with yard(here(tmp_path, models, conf)) as home:
        answers = await _all(*(home.answer("slow") for _ in range(11)))
        assert set(answers) == {"I am gamma."}
        assert [i.id for i in (await home.status()).instances] == ["slow.1"]


async def test_a_request_is_finished_before_its_model_leaves(tmp_path: Path, models: Path):
    async with yard(here(tmp_path, models), max_instances=1, patience=0.0) as home:
        async with asyncio.TaskGroup() as group:
            long = group.create_task(home.answer("endless", max_tokens=900))
            await home.until(lambda s: any(i.leases for i in s.instances))
            other = group.create_task(home.answer("alpha"))
        assert len(long.result()) > 1000
        assert other.result() == "I am alpha."


async def test_a_client_that_gives_up_does_not_abort_the_load(tmp_path: Path, models: Path):
    slow = wrapper(tmp_path / "slow", "sleep 1")
    conf = CONF + f"[slow]\nmodel = gamma.gguf\nengine = {slow}\n"
    async with yard(here(tmp_path, models, conf)) as home:
        impatient = asyncio.create_task(home.ask("slow"))
        await home.until_phase("slow", "starting", "loading")
        impatient.cancel()
        await home.until_phase("slow", "ready")


async def test_a_failed_load_says_why_and_brings_back_what_ran(tmp_path: Path, models: Path):
    async with yard(here(tmp_path, models), max_instances=1) as home:
        await home.answer("alpha")
        status, reply = await home.ask("broken")
        assert status == 400
        assert "exited with code 1" in reply["error"]["message"]
        assert "broken.gguf" in str(reply["error"])
        after = await home.until_phase("alpha", "ready")
        assert after.current == "alpha"
        again, reply = await home.ask("broken")
        assert again == 400, (
            "not tried again at once, as it would evict a working model for nothing"
        )
        assert "not tried again" in reply["error"]["message"]


async def test_a_missing_file_does_not_touch_what_runs_for_long(tmp_path: Path, models: Path):
    async with yard(here(tmp_path, models), max_instances=1) as home:
        await home.answer("alpha")
        status, reply = await home.ask("missing")
        assert status == 400
        assert "nowhere.gguf" in str(reply)
        await home.until_phase("alpha", "ready")


async def test_a_missing_shard_is_a_failure_with_its_name(tmp_path: Path, models: Path):
    folder = tmp_path / "shards"
    folder.mkdir()
    for shard in models.glob("split-*"):
        (folder / shard.name).symlink_to(shard)
    (folder / "split-00002-of-00003.gguf").unlink()
    paths = msgspec.structs.replace(here(tmp_path, models), models_dir=folder)
    async with yard(paths) as home:
        status, reply = await home.ask("split")
        assert status == 400
        assert "split-00002-of-00003.gguf" in str(reply)


async def test_unloading_and_idling(tmp_path: Path, models: Path):
    conf = CONF + "[brief]\nmodel = gamma.gguf\nttl = 0.5\n"
    async with yard(here(tmp_path, models, conf)) as home:
        await home.answer("alpha")
        await home.answer("brief")
        await home.until(lambda s: [i.profile for i in s.instances] == ["alpha"])
        status, reply = await home.post("/unload", {"model": "alpha"})
        assert (status, reply["models"]) == (200, ["alpha"])
        await home.until(lambda s: not s.instances)


async def test_switching_by_name_and_cancelling(tmp_path: Path, models: Path):
    slow = wrapper(tmp_path / "slow", "sleep 30")
    conf = CONF + f"[slow]\nmodel = gamma.gguf\nengine = {slow}\n"
    async with yard(here(tmp_path, models, conf), max_instances=1) as home:
        status, done = await home.post("/switch", {"model": "alpha"})
        assert (status, done["outcome"]) == (200, "ready")
        status, job = await home.post("/switch", {"model": "slow", "wait": False})
        assert (status, job["outcome"]) == (202, "running")
        await home.until_phase("slow", "starting")
        assert (await home.post("/cancel", {}))[1]["models"] == ["slow"]
        await home.until_phase("alpha", "ready")
        assert (await home.get(f"/jobs/{job['job']}"))["outcome"] == "cancelled"


async def test_a_preloaded_profile_is_there_before_anybody_asks(tmp_path: Path, models: Path):
    conf = CONF + "[early]\nmodel = gamma.gguf\npreload = true\n"
    async with yard(here(tmp_path, models, conf)) as home:
        await home.until_phase("early", "ready")


async def test_concurrency_is_a_queue_and_no_refusal(tmp_path: Path, models: Path):
    conf = CONF + "[narrow]\nmodel = gamma.gguf\nconcurrency = 1\n"
    async with yard(here(tmp_path, models, conf)) as home:
        assert await _all(*(home.answer("narrow") for _ in range(5))) == ["I am gamma."] * 5


async def _all(*coroutines):
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(c) for c in coroutines]
    return [task.result() for task in tasks]


@pytest.mark.parametrize("order", ["/cancel", "/unload"])
async def test_one_that_is_cancelled_before_it_has_a_process_never_begins(
    order: str, tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch
):
    """While a rehearsal makes way for it: the order was lost, it got ready, and served nobody for ever."""
    async with yard(here(tmp_path, models), max_instances=1) as home:
        leaves = asyncio.Event()

        async def takes_its_time() -> None:
            await leaves.wait()

        with monkeypatch.context() as slow:
            slow.setattr(home.daemon.plans, "stand_aside", takes_its_time)
            asked = asyncio.create_task(home.ask("alpha"))
            await home.until(lambda s: s.queue.get("alpha") == 1)
            await home.post(order, {"model": "alpha"})
            assert (await asked)[1]["error"]["code"] == "cancelled"
            leaves.set()
        assert await home.answer("beta") == "I am beta.", "its room is free again"
        assert await home.answer("alpha") == "I am alpha."
        assert len(servers(home.paths)) == 1


async def test_the_devices_are_read_when_nobody_plans_on_them_any_more(
    tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch
):
    async with yard(here(tmp_path, models)) as home:
        supervisor, order = home.daemon.supervisor, list[str]()
        prepare = supervisor._starter.prepare

        async def stand_aside() -> None:
            await asyncio.sleep(0)
            order.append("planning has ended")

        def prepared(instance: InstanceId, profile: Profile, mode: LoadMode | None) -> Record:
            order.append("prepared")
            return prepare(instance, profile, mode)

        monkeypatch.setattr(home.daemon.plans, "stand_aside", stand_aside)
        monkeypatch.setattr(supervisor._starter, "prepare", prepared)
        await home.answer("alpha")
        assert order == ["planning has ended", "prepared"]


async def test_what_is_cancelled_before_it_began_leaves_nothing_behind(
    tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch
):
    async with yard(here(tmp_path, models)) as home:
        may_begin = asyncio.Event()
        monkeypatch.setattr(home.daemon.plans, "stand_aside", may_begin.wait)
        asking = asyncio.create_task(home.ask("alpha"))
        await home.until(lambda s: "alpha" in s.queue)
        await home.post("/cancel", {"model": "alpha"})
        may_begin.set()
        assert (await asking)[1]["error"]["code"] == "cancelled"
        assert not servers(home.paths)
        assert not list(home.daemon.records)
        assert await home.answer("alpha") == "I am alpha."


async def test_a_load_that_a_request_waits_for_is_not_warmed_up(tmp_path: Path, models: Path):
    async with yard(here(tmp_path, models)) as home:
        await home.answer("alpha")
        asked = max(home.daemon.records, key=lambda record: record.number)
        await home.post("/unload", {"model": "alpha"})
        await home.post("/switch", {"model": "alpha"})
        switched = max(home.daemon.records, key=lambda record: record.number)
    assert "--no-warmup" in asked.argv
    assert "--no-warmup" not in switched.argv
