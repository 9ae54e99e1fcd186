"""`sampler-policy` with a real llama-server, which says in /slots what it really sampled with."""

import asyncio
from pathlib import Path

import pytest

from tests.yard import places, yard

CONF = """
[open]
model = endless.gguf
temp = 0.25
slots = true
context-shift = true

[strict]
model = endless.gguf
temp = 0.25
slots = true
context-shift = true
sampler-policy = force

[some]
model = endless.gguf
temp = 0.25
slots = true
context-shift = true
sampler-policy = top-p
"""


@pytest.mark.parametrize(
    ("name", "temperature", "top_p", "overruled"),
    [
        ("open", 1.25, 0.5, []),
        ("strict", 0.25, 0.95, ["temperature", "top_p"]),
        ("some", 0.25, 0.5, ["temperature"]),
    ],
)
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/completion"])
async def test_the_profile_decides_who_sets_the_samplers(
    tmp_path: Path, models: Path, name: str, temperature: float, top_p: float, overruled, path: str
):
    paths = places(tmp_path / "home", CONF)
    paths.models_dir.symlink_to(models)
    body = {
        "model": name,
        "stream": True,
        "max_tokens": 10_000_000,
        "temperature": 1.25,
        "top_p": 0.5,
    }
    body |= {"messages": [{"role": "user", "content": "hi"}], "prompt": "hi"}
    async with yard(paths) as home, home.http.post(home.url + path, json=body) as reply:
        await reply.content.readany()
        assert reply.headers.get("x-paddock-overruled", "") == ", ".join(overruled)
        assert f"temperature={temperature:g}" in reply.headers["x-paddock-samplers"]
        [request] = (await home.status()).requests
        assert request.overruled == overruled
        assert request.samplers["temperature"] == temperature
        slots = await home.get(f"/slots?model={name}")
        params = next(slot["params"] for slot in slots if slot["is_processing"])
        assert params["temperature"] == pytest.approx(temperature)
        assert params["top_p"] == pytest.approx(top_p)
        reply.close()
        await asyncio.sleep(0)


async def test_while_it_is_stale_the_running_instances_values_are_shown(
    tmp_path: Path, models: Path
):
    conf = "[m]\nmodel = alpha.gguf\ntemp = 0.25\n"
    paths = places(tmp_path / "home", conf)
    paths.models_dir.symlink_to(models)
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "top_p": 0.5}
    seen = []
    async with yard(paths) as home:
        for temperature in ("0.25", "0.75"):
            text = paths.config.read_text()
            paths.config.write_text(text.replace("temp = 0.25", f"temp = {temperature}"))
            await home.post("/reload")
            url = home.url + "/v1/chat/completions"
            async with home.http.post(url, json=body) as reply:
                seen.append(reply.headers["x-paddock-samplers"])
        assert (await home.status()).instances[0].stale
        await home.post("/switch", {"model": "m"})
        async with home.http.post(home.url + "/v1/chat/completions", json=body) as reply:
            seen.append(reply.headers["x-paddock-samplers"])
    assert seen == [f"temperature={t}, top_p=0.5" for t in (0.25, 0.25, 0.75)]
