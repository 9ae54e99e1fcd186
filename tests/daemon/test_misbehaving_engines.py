"""Engines that die, hang, ignore signals, or do not speak the child protocol: real servers in wrappers."""

import asyncio
import json
import os
import signal
from pathlib import Path

import msgspec

from paddock.api.events import InstanceEnded
from tests.e2e.wire import CHAT, HELLO
from tests.yard import places, servers, wrapper, yard


def here(tmp_path: Path, models: Path, engine: Path, **more: str):
    lines = "".join(f"{key} = {value}\n" for key, value in more.items())
    conf = f"[odd]\nmodel = alpha.gguf\nengine = {engine}\n{lines}[endless]\nmodel = endless.gguf\n"
    return msgspec.structs.replace(places(tmp_path / "yard", conf), models_dir=models)


async def test_one_without_the_child_protocol_still_works(tmp_path: Path, models: Path):
    engine = wrapper(tmp_path / "mute", "unset LLAMA_SERVER_ROUTER_PORT")
    async with yard(here(tmp_path, models, engine)) as home:
        assert await home.answer("odd") == "I am alpha."
        await home.post("/unload", {})
        await home.until(lambda s: not s.instances)


async def test_one_that_dies_while_loading_is_known_at_once(tmp_path: Path, models: Path):
    engine = wrapper(tmp_path / "dies", "echo 'error: the driver went away' >&2; exit 7")
    async with yard(here(tmp_path, models, engine), stall_timeout=300.0) as home:
        status, reply = await home.ask("odd")
        assert status == 400
        assert "exited with code 7" in reply["error"]["message"]
        assert "the driver went away" in str(reply)
        failure = next(p for p in (await home.get("/models"))["data"] if p["id"] == "odd")
        assert failure["paddock"]["failure"]["exit_code"] == 7


async def test_one_that_is_killed_is_reported_by_its_signal(tmp_path: Path, models: Path):
    engine = wrapper(tmp_path / "shot", "kill -9 $$")
    async with yard(here(tmp_path, models, engine)) as home:
        _, reply = await home.ask("odd")
        assert "killed by signal 9" in reply["error"]["message"]


async def test_one_without_a_sign_of_life_is_given_up(tmp_path: Path, models: Path):
    engine = wrapper(tmp_path / "hangs", "exec sleep 100")
    async with yard(here(tmp_path, models, engine), stall_timeout=1.0) as home:
        status, reply = await home.ask("odd")
        assert status == 400
        assert "no sign of life for 1 s" in reply["error"]["message"]
        assert not servers(home.paths)


async def test_one_that_lives_slowly_is_waited_for(tmp_path: Path, models: Path):
    body = "for i in 1 2 3 4 5 6; do echo still here >&2; sleep 0.5; done"
    async with yard(
        here(tmp_path, models, wrapper(tmp_path / "slow", body)), stall_timeout=1.5
    ) as home:
        assert await home.answer("odd") == "I am alpha."


async def test_one_that_ignores_sigterm_is_killed(tmp_path: Path, models: Path):
    body = "trap '' TERM\nexec 3<&0\nreal \"$@\" <&3 &\nwhile true; do sleep 1; done"
    engine = wrapper(tmp_path / "stubborn", body)
    paths = here(tmp_path, models, engine, **{"stop-timeout": "1"})
    async with yard(paths) as home:
        assert await home.answer("odd") == "I am alpha."
        await home.post("/unload", {"model": "odd"})
        await home.until(lambda s: not s.instances)
        assert not servers(paths), "its whole group is gone"


async def test_the_crash_after_which_it_is_held_back_is_final_for_its_client(
    tmp_path: Path, models: Path
):
    """The clients of the crashes before it read that asking again may help, as it does."""
    errors = []
    async with yard(here(tmp_path, models, wrapper(tmp_path / "plain", ""))) as home:
        body = {"model": "endless", "messages": HELLO, "stream": True, "max_tokens": -1}
        for _ in range(3):
            async with home.http.post(home.url + CHAT, json=body) as reply:
                assert reply.status == 200
                await reply.content.readany()
                for pid in servers(home.paths):
                    os.kill(pid, signal.SIGKILL)
                last = (await reply.read()).strip().split(b"data: ")[-1]
                errors.append(json.loads(last)["error"])
        status, refused = await home.ask("endless")
    assert [error["type"] for error in errors] == [*["server_error"] * 2, "invalid_request_error"]
    assert [error["code"] for error in errors][1:] == ["upstream_gone", "load_failed_recently"]
    assert "killed by signal 9 (not tried again for" in errors[-1]["message"]
    assert (status, refused["error"]["code"]) == (400, "load_failed_recently")


async def test_unloading_now_does_not_wait_for_an_open_request(tmp_path: Path, models: Path):
    engine = wrapper(tmp_path / "plain", "")
    async with yard(here(tmp_path, models, engine), stop_timeout=60.0) as home:
        body = {"model": "endless", "messages": [{"role": "user", "content": "go"}], "stream": True}
        async with home.http.post(home.url + "/v1/chat/completions", json=body) as reply:
            assert await reply.content.readline()
            await home.post("/unload", {"model": "endless", "now": True})
            text = (await reply.read()).decode()
            assert '"error"' in text, "the error stands inside its stream"
        await home.until(lambda s: not s.instances, within=20)


async def test_a_crash_while_ready_is_reported_and_the_next_request_loads_again(
    tmp_path: Path, models: Path
):
    engine = wrapper(tmp_path / "plain", "")
    async with yard(here(tmp_path, models, engine)) as home:
        await home.answer("odd")
        [pid] = servers(home.paths)
        with home.daemon.bus.subscribe() as events:
            await anext(events)
            os.kill(pid, signal.SIGKILL)
            async with asyncio.timeout(10):
                ended = await anext(e async for e in events if isinstance(e, InstanceEnded))
        assert ended.failure is not None
        assert "killed by signal 9" in ended.failure.message
        assert await home.answer("odd") == "I am alpha."


async def test_the_users_llama_settings_do_not_reach_it(tmp_path: Path, models: Path, monkeypatch):
    monkeypatch.setenv("LLAMA_ARG_CTX_SIZE", "512")
    engine = wrapper(tmp_path / "counts", 'env | grep -c "^LLAMA_ARG" >&2')
    async with yard(here(tmp_path, models, engine)) as home:
        await home.answer("odd")
        assert (await home.get("/props?model=odd"))["default_generation_settings"]["n_ctx"] == 1024
