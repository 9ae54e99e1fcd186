"""What is known to fail is refused before anything leaves; a real llama-server says what it cannot load."""

import asyncio
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from paddock.config.settings import Paths
from paddock.daemon.memory.rehearsals import Rehearsals
from paddock.llama.scripted import ScriptedModel, write
from tests.broken import BREAKERS, CERTAIN, Breaker, absent
from tests.yard import Yard, places, wrapper, yard

# `good` and `bad` exclude each other.
CONF = "[good]\nmodel = good.gguf\n[bad]\nmodel = bad.gguf\n"
ONE = {"max_instances": 1}

breakers = pytest.mark.parametrize("breaks", BREAKERS, ids=lambda b: b.__name__)


def here(tmp_path: Path, breaks: Breaker, conf: str = CONF) -> Paths:
    paths = places(tmp_path, conf)
    paths.models_dir.mkdir()
    write(paths.models_dir / "good.gguf", ScriptedModel(say="I stay."))
    breaks(paths.models_dir / "bad.gguf")
    return paths


async def known(home: Yard) -> dict[str, Any]:
    """The plan of `bad`, which has its engine asked."""
    found: dict[str, Any] = await home.get("/plans/bad")
    return found


async def is_untouched(home: Yard, instance: str) -> bool:
    """Whether `good` runs as ever."""
    status = await home.status()
    return [i.id for i in status.instances] == [instance] and await home.answer("good") == "I stay."


@breakers
async def test_what_runs_stays_and_everybody_learns_why(tmp_path: Path, breaks: Breaker):
    async with yard(here(tmp_path, breaks), **ONE) as home:
        plan = await known(home)
        words = BREAKERS[breaks]
        assert (breaks in CERTAIN) or re.search(words, plan["refusal"]), plan
        assert plan["fits"] is False
        assert await home.answer("good") == "I stay."
        (instance,) = [i.id for i in (await home.status()).instances]

        status, reply = await home.ask("bad")
        assert (status, reply["error"]["code"]) == (400, "cannot_load")
        assert re.search(words, reply["error"]["message"]), reply

        status, result = await home.post("/switch", {"model": "bad"})
        assert (status, result["failure"]["code"]) == (502, "cannot_load")
        assert "--force" in result["failure"]["hint"]

        preview = await home.get("/preview/bad")
        assert re.search(words, preview["summary"])
        assert "leavers" not in preview

        advice = (await home.get("/doctor"))["advice"]
        messages = [
            a["message"] for a in advice if a["profile"] == "bad" and a["severity"] == "error"
        ]
        assert any(re.search(words, message) for message in messages) or breaks is absent, advice
        assert messages
        assert await is_untouched(home, instance)


@breakers
async def test_with_force_it_is_tried_and_what_left_comes_back(tmp_path: Path, breaks: Breaker):
    async with yard(here(tmp_path, breaks), **ONE) as home:
        await known(home)
        assert await home.answer("good") == "I stay."
        status, result = await home.post("/switch", {"model": "bad", "force": True})
        assert (status, result["failure"]["code"]) == (502, "load_failed")
        assert result["restored"] == ["good"]
        await home.until_phase("good", "ready")


@breakers
async def test_a_mended_file_is_tried_anew_without_a_word(tmp_path: Path, breaks: Breaker):
    paths = here(tmp_path, breaks)
    async with yard(paths, **ONE) as home:
        await known(home)
        assert (await home.ask("bad"))[1]["error"]["code"] == "cannot_load"
        write(paths.models_dir / "bad.gguf", ScriptedModel(say="I am whole now."))
        assert await home.answer("bad") == "I am whole now."


async def test_a_file_that_is_removed_while_it_is_not_loaded_is_missed_at_once(tmp_path: Path):
    def whole(path: Path) -> None:
        write(path, ScriptedModel(say="For now."))

    paths = here(tmp_path, whole)
    async with yard(paths, **ONE) as home:
        assert await home.answer("bad") == "For now."
        (paths.models_dir / "bad.gguf").unlink()
        assert await home.answer("bad") == "For now."  # it is up
        assert await home.answer("good") == "I stay."
        assert (await home.ask("bad"))[1]["error"]["code"] == "cannot_load"


async def test_what_a_load_reported_of_a_file_is_known_too(tmp_path: Path):
    """No rehearsal was made: the first request finds out, the second has nobody leave."""
    without_tokenizer = next(b for b in BREAKERS if b.__name__ == "without_tokenizer")
    async with yard(here(tmp_path, without_tokenizer), **ONE) as home:
        status, reply = await home.ask("bad")
        assert (status, reply["error"]["code"]) == (400, "load_failed")
        assert await home.answer("good") == "I stay."
        status, reply = await home.post("/switch", {"model": "bad"})
        assert reply["failure"]["code"] == "cannot_load"


async def test_another_build_of_the_engine_is_asked_anew(tmp_path: Path):
    """A build that could not load the file is replaced by one that can: nobody says --force."""

    def whole(path: Path) -> None:
        write(path, ScriptedModel(say="After all."))

    paths = here(
        tmp_path, whole, CONF.replace("model = bad", f"engine = {tmp_path}/picky\nmodel = bad")
    )
    without = tmp_path / "not-this.gguf"
    next(b for b in BREAKERS if b.__name__ == "without_tokenizer")(without)
    picky = wrapper(tmp_path / "picky", f'real "$@" --model {without}; exit $?')
    async with yard(paths, **ONE) as home:
        assert "tokenizer.ggml.model" in (await known(home))["refusal"]
        assert (await home.ask("bad"))[1]["error"]["code"] == "cannot_load"
        wrapper(picky, "")
        await home.post("/reload")
        assert await home.answer("bad") == "After all."


async def test_trouble_that_may_pass_is_no_flaw_of_the_file(tmp_path: Path):
    """The engine ends with words on memory before it has looked at the file: that is tried again."""

    def whole(path: Path) -> None:
        write(path, ScriptedModel(say="This time."))

    paths = here(tmp_path, whole)
    body = (
        f'[ -e {tmp_path}/enough ] || {{ echo "0.00.1 E llama_model_load: error loading model: unable '
        'to allocate CUDA0 buffer" >&2; exit 1; }'
    )
    engine = wrapper(tmp_path / "poor", body)
    async with yard(paths, engine=str(engine), **ONE) as home:
        assert "refusal" not in await known(home)
        status, reply = await home.post("/switch", {"model": "bad"})
        assert reply["failure"]["code"] == "load_failed"
        (tmp_path / "enough").touch()
        status, reply = await home.post("/switch", {"model": "bad"})
        assert (status, reply["outcome"]) == (200, "ready")


async def test_where_a_made_up_gpu_is_full_the_engine_is_asked_without_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(Rehearsals, "_has_room", lambda _: False)
    without_tokenizer = next(b for b in BREAKERS if b.__name__ == "without_tokenizer")
    paths = here(tmp_path, without_tokenizer, "[good]\nmodel = good.gguf\n")
    async with yard(paths, plan_ahead=True, **ONE) as home:
        assert await home.answer("good") == "I stay."
        paths.config.write_text(paths.config.read_text() + "[bad]\nmodel = bad.gguf\n")
        assert (await home.post("/reload"))[0] == 200
        async with asyncio.timeout(60):
            while "cannot be loaded" not in (await home.get("/preview/bad"))["summary"]:
                await asyncio.sleep(0.05)
        status, reply = await home.ask("bad")
        assert (status, reply["error"]["code"]) == (400, "cannot_load")
        assert [i.profile for i in (await home.status()).instances] == ["good"]
        advice = (await home.get("/doctor?model=bad"))["advice"]
        assert any(
            "tokenizer.ggml.model" in a["message"] for a in advice if a["code"] == "cannot-load"
        )


async def test_a_request_that_waits_is_refused_when_the_engine_says_no(tmp_path: Path):
    """It waits for a busy one to run dry; by then a rehearsal has shown it, and nobody leaves."""
    without_tokenizer = next(b for b in BREAKERS if b.__name__ == "without_tokenizer")
    paths = here(tmp_path, without_tokenizer)
    write(paths.models_dir / "good.gguf", ScriptedModel(say="On and on.", endless=True))
    async with yard(paths, **ONE) as home:
        busy = asyncio.ensure_future(home.ask("good", max_tokens=4000))
        await home.until(lambda s: any(i.phase == "busy" for i in s.instances))
        (instance,) = [i.id for i in (await home.status()).instances]
        waiting = asyncio.ensure_future(home.ask("bad"))
        await home.until(lambda s: s.queue.get("bad"))
        await known(home)
        status, reply = await waiting
        assert (status, reply["error"]["code"]) == (400, "cannot_load")
        assert (await busy)[0] == 200
        assert [i.id for i in (await home.status()).instances] == [instance]


def test_every_way_of_breaking_is_tried_on_a_real_file(tmp_path: Path):
    for breaks in BREAKERS:
        path = tmp_path / f"{breaks.__name__}.gguf"
        breaks(path)
        assert path.exists() == (breaks not in CERTAIN[:1])
        assert not shutil.which(str(path))
