"""Variants through a real llama-server and the clients that people use: one instance, several names."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from paddock.config.keys import NamedKey, add_key, digest_of
from paddock.config.paths import keys_file
from paddock.llama.scripted import ScriptedModel, write
from tests.e2e.clients import anthropic_of, ollamas, openai_of
from tests.yard import Yard, places, yard

CONF = """
[base]
MODEL = {model}
temp = 0.25
slots = true

[short]
variant-of = base
NAME = A short one
aliases = brief
temp = 0.75
min-p = 0.5
system-prompt = Mine.
max-tokens-limit = 3

[broken]
variant-of = base
ctx-size = 4096

[bench-base]
MODEL = {model}
"""
HI = [{"role": "user", "content": "hi"}]


@pytest.fixture
def conf(tmp_path: Path) -> str:
    model = ScriptedModel(say="one two three ", name="talker", endless=True)
    return CONF.format(model=write(tmp_path / "talker.gguf", model))


async def sampled(home: Yard, **expected: float) -> None:
    """Return once llama-server says that it sampled so, last: its slots are shown a moment late."""
    async with asyncio.timeout(30):
        while True:
            [slot] = await home.get("/slots?model=base")
            params = slot["params"]
            if all(params[name] == pytest.approx(value) for name, value in expected.items()):
                return
            await asyncio.sleep(0.2)


async def test_each_client_gets_a_variant_and_nothing_is_loaded_twice(tmp_path: Path, conf: str):
    async with (
        yard(places(tmp_path / "home", conf)) as home,
        openai_of(home) as openai,
        anthropic_of(home) as anthropic,
        ollamas() as ollama_of,
    ):
        llama = ollama_of(home.url)
        assert [m.id async for m in openai.models.list()] == ["base", "short"]
        assert [m.id async for m in anthropic.models.list()] == [
            "anthropic-base",
            "anthropic-short",
        ]
        assert [m.model for m in (await llama.list()).models] == ["base:latest", "short:latest"]

        chat = await openai.chat.completions.create(model="short", messages=HI, max_tokens=50)
        assert (chat.usage.completion_tokens, chat.choices[0].finish_reason) == (3, "length")
        await sampled(home, temperature=0.75, min_p=0.5)

        answer = await openai.responses.create(model="brief", input="hi", temperature=0.5)
        assert answer.usage.output_tokens == 3
        await sampled(home, temperature=0.5, min_p=0.5)

        message = await anthropic.messages.create(
            model="claude-short", messages=HI, max_tokens=50, system="Yours."
        )
        assert (message.usage.output_tokens, message.stop_reason) == (3, "max_tokens")
        await sampled(home, temperature=0.75, min_p=0.05)  # it takes no other of a message

        reply = await llama.chat(model="A SHORT ONE", messages=HI, options={"num_predict": -1})
        assert (reply.eval_count, reply.done_reason) == (3, "length")
        await sampled(home, temperature=0.75, min_p=0.5)

        plain = await openai.chat.completions.create(model="base", messages=HI, max_tokens=5)
        assert plain.usage.completion_tokens == 5
        await sampled(home, temperature=0.25)

        [instance] = (await home.status()).instances
        assert (instance.profile, instance.variants) == ("base", ["short"])
        [variant] = home.daemon.view.snapshot().variants
        assert (variant.id, variant.variant_of, variant.title) == ("short", "base", "A short one")
        await llama.generate(model="short", keep_alive=0)
        await home.until(lambda status: not status.instances)


async def test_what_is_counted_and_shown_is_as_it_would_be_asked(tmp_path: Path, conf: str):
    async with yard(places(tmp_path / "home", conf)) as home:
        both = [{"role": "system", "content": "Yours."}, *HI]
        _, template = await home.post("/apply-template", {"model": "short", "messages": both})
        assert "<|im_start|>system\nMine.\n\nYours.<|im_end|>" in template["prompt"]
        counts = [
            (await home.post("/v1/messages/count_tokens", {"model": name, "messages": HI}))[1]
            for name in ("base", "short")
        ]
        assert counts[1]["input_tokens"] > counts[0]["input_tokens"]


async def test_lists_show_it_and_orders_concern_its_profile(tmp_path: Path, conf: str):
    async with yard(places(tmp_path / "home", conf)) as home:
        rows = (await home.get("/models"))["data"]
        assert [row["id"] for row in rows] == ["base", "short", "bench-base"]
        [base, short, _] = [row["paddock"] for row in rows]
        assert base["variants"] == ["short"]
        assert (short["variant_of"], short["settings"]["max-tokens-limit"]) == ("base", 3)
        cards = (await home.get("/catalog"))["models"]
        assert [(c["id"], c.get("max_output")) for c in cards] == [("base", None), ("short", 3)]
        assert cards[1]["samplers"] == {"temperature": 0.75, "min_p": 0.5}
        _, shown = await home.post("/api/show", {"model": "short"})
        assert "min_p 0.5" in shown["parameters"]
        [warning] = (await home.status()).config.warnings
        assert "[broken] ctx-size is a launch flag (--ctx-size)" in warning
        _, switched = await home.post("/switch", {"model": "short"})
        assert switched["model"] == "base"
        _, unloaded = await home.post("/unload", {"model": "brief", "wait": True})
        assert unloaded["models"] == ["base"]


@pytest.mark.parametrize(
    ("unknown", "answers"), [("refuse", None), ("loaded", "base"), ("short", "base")]
)
async def test_who_answers_to_a_strange_name(tmp_path: Path, conf: str, unknown: str, answers: Any):
    async with yard(places(tmp_path / "home", conf), unknown_model=unknown) as home:
        await home.ask("base", max_tokens=1)
        status, reply = await home.ask("shrot", max_tokens=5)
        if answers:
            assert (status, reply["usage"]["completion_tokens"]) == (
                200,
                3 if unknown == "short" else 5,
            )
        else:
            assert status == 404
            assert "nearest: short" in reply["error"]["message"]
        assert (await home.post("/unload", {"model": "shrot"}))[0] == 404


async def test_a_key_for_a_variant_asks_that_one_and_nothing_else(tmp_path: Path, conf: str):
    paths, header = places(tmp_path / "home", conf), {"x-api-key": "anna"}
    anna = NamedKey(name="anna", digest=digest_of("anna"), models=("brief",))
    add_key(keys_file(paths.state_dir), anna)
    lost = NamedKey(name="lost", digest=digest_of("lost"), models=("brief",), unknown_model="short")
    add_key(keys_file(paths.state_dir), lost)
    async with yard(paths, unknown_model="base") as home:

        async def ask(
            name: str, path: str = "/v1/chat/completions", key: str = "anna"
        ) -> tuple[int, Any]:
            body, header = {"model": name, "messages": HI, "max_tokens": 50}, {"x-api-key": key}
            async with home.http.post(home.url + path, json=body, headers=header) as reply:
                return reply.status, await reply.json()

        status, reply = await ask("A Short One")
        assert (status, reply["usage"]["completion_tokens"]) == (200, 3)
        for name in ("base", "strange", "bench-base", "talker.gguf"):
            status, reply = await ask(name)
            assert (status, reply["error"]["code"]) == (404, "model_not_found")
        status, reply = await ask("strange", key="lost")
        assert (status, reply["usage"]["completion_tokens"]) == (200, 3)
        assert (await ask("short", "/upstream/short/v1/chat/completions"))[0] == 404
        async with home.http.get(home.url + "/models", headers=header) as listed:
            assert [row["id"] for row in (await listed.json())["data"]] == ["short"]
