"""llama.cpp's own calls, and OpenAI's that no library has: relayed to the profile that they name."""

import aiohttp
import pytest

from tests.e2e.wire import CHAT, HELLO

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_documents_are_ranked_by_a_profile_made_for_it(shared):
    body = {"query": "a", "documents": ["b", "c"]}
    for path in ("/v1/rerank", "/rerank", "/v1/reranking", "/reranking"):
        status, ranked = await shared.post(path, {"model": "ranker", **body})
        assert status == 200
        assert sorted(row["index"] for row in ranked["results"]) == [0, 1]
    status, refused = await shared.post("/v1/rerank", {"model": "alpha", **body})
    assert (status, refused["error"]["type"]) == (400, "not_supported_error")


async def test_a_raw_completion_whole_and_streamed(shared):
    body = {"model": "alpha", "prompt": "<|im_start|>assistant\n", "n_predict": 8}
    status, whole = await shared.post("/completion", body)
    assert (status, whole["content"]) == (200, "I am alpha.")
    async with shared.http.post(shared.url + "/completion", json=body | {"stream": True}) as reply:
        text = await reply.text()
    assert reply.content_type == "text/event-stream"
    assert text.count("data: ") >= 2


async def test_infill_reaches_the_model_which_says_that_it_cannot(shared):
    body = {"model": "alpha", "input_prefix": "def f(", "input_suffix": "): pass"}
    status, refused = await shared.post("/infill", body)
    assert (status, refused["error"]["type"]) == (501, "not_supported_error")
    assert "Infill" in refused["error"]["message"]


async def test_text_becomes_tokens_and_text_again(shared):
    _, made = await shared.post("/tokenize", {"model": "alpha", "content": "hi there"})
    _, back = await shared.post("/detokenize", {"model": "alpha", "tokens": made["tokens"]})
    assert back["content"] == "hi there"


async def test_a_template_is_applied(shared):
    _, made = await shared.post("/apply-template", {"model": "alpha", "messages": HELLO})
    assert made["prompt"].endswith("<|im_start|>assistant\n")


async def test_what_an_instance_is_and_does_is_looked_up_and_never_loaded_for_it(home):
    async with home() as yard:
        for path in ("/props", "/slots", "/lora-adapters"):
            async with yard.http.get(f"{yard.url}{path}?model=alpha") as reply:
                assert reply.status == 409
                assert (await reply.json())["error"]["reason"] == "model_not_loaded"
        assert not (await yard.status()).instances
        props = await yard.get("/props?model=alpha&autoload=true")
        assert props["default_generation_settings"]["n_ctx"] == 1024
        [slot] = await yard.get("/slots?model=alpha")
        assert slot["is_processing"] is False
        assert (await yard.get("/slots"))[0]["n_ctx"] == 1024, "without a model, the current one's"


async def test_a_form_picks_its_profile_and_the_refusal_arrives_in_shape(shared):
    form = aiohttp.FormData()
    form.add_field("file", b"RIFF\0\0\0\0WAVE", filename="model.wav", content_type="audio/wav")
    form.add_field("model", "beta")
    async with shared.http.post(shared.url + "/v1/audio/transcriptions", data=form) as reply:
        refused = await reply.json()
    assert reply.headers["x-paddock-profile"] == "beta"
    assert (reply.status, refused["error"]["type"]) == (400, "not_supported_error")
    assert "audio" in refused["error"]["message"]


async def test_a_form_for_an_unknown_model_is_refused_before_anything_loads(shared):
    form = aiohttp.FormData()
    form.add_field("model", "nope")
    form.add_field("file", b"x", filename="a.wav")
    async with shared.http.post(shared.url + "/v1/audio/transcriptions", data=form) as reply:
        assert reply.status == 404
        assert (await reply.json())["error"]["code"] == "model_not_found"


async def test_everything_else_of_an_instance_is_under_upstream(shared):
    assert await shared.get("/upstream/alpha/health") == {"status": "ok"}
    rows = await shared.get("/upstream/alpha/v1/models")
    assert [row["id"] for row in rows["data"]] == ["alpha"]
    _, made = await shared.post("/upstream/alpha/tokenize", {"content": "hi"})
    assert made["tokens"]
    async with shared.http.get(shared.url + "/upstream/nope/health") as reply:
        assert reply.status == 404


async def test_an_instances_page_is_where_its_relative_links_work(shared):
    async with shared.http.get(shared.url + "/upstream/alpha", allow_redirects=False) as reply:
        assert (reply.status, reply.headers["location"]) == (308, "/upstream/alpha/")
    async with shared.http.get(shared.url + "/upstream/alpha/") as reply:
        assert reply.status in {200, 404}, "404 from a build without its page"
        assert reply.headers["x-paddock-profile"] == "alpha"


async def test_without_a_model_the_one_used_last_answers(home):
    async with home() as yard:
        status, refused = await yard.post(CHAT, {"messages": HELLO})
        assert (status, refused["error"]["code"]) == (400, "model_required")
        for name in ("alpha", "beta", "alpha"):
            await yard.answer(name)
            _, reply = await yard.post(CHAT, {"messages": HELLO})
            assert reply["choices"][0]["message"]["content"] == f"I am {name}."


@pytest.mark.parametrize("named", ["query", "body"])
async def test_what_changes_an_instance_is_passed_on_to_the_one_that_is_named(home, named):
    async with home() as yard:
        query, body = ("&model=alpha", {}) if named == "query" else ("", {"model": "alpha"})
        status, refused = await yard.post(f"/slots/0?action=erase{query}", body)
        assert (status, refused["error"]["type"]) == (501, "not_supported_error")
        assert "slot" in refused["error"]["message"], "by llama-server, which saves none here"
        status, refused = await yard.post(f"/props?{query[1:]}", body)
        assert (status, refused["error"]["type"]) == (501, "not_supported_error")
        status, refused = await yard.post(f"/v1/systemone?{query[1:]}", body)
        assert status in {404, 501}, "an older build has none"
        assert await yard.post("/lora-adapters?model=alpha", []) == (200, {"success": True})
        assert [i.profile for i in (await yard.status()).instances] == ["alpha"]


async def test_what_changes_an_instance_may_be_kept_from_loading_one(home):
    async with home() as yard:
        status, refused = await yard.post("/slots/0?action=erase&model=alpha&autoload=false", {})
        assert (status, refused["error"]["reason"]) == (409, "model_not_loaded")
        assert not (await yard.status()).instances


async def test_what_changes_an_instance_is_for_those_who_manage(home):
    async with home(api_keys=("ask",), management_keys=("run",)) as yard:
        for path in ("/slots/0?action=save&model=alpha", "/props?model=alpha", "/lora-adapters"):
            url, key = yard.url + path, {"Authorization": "Bearer ask"}
            async with yard.http.post(url, json={}, headers=key) as reply:
                assert reply.status == 403
        assert yard.daemon.status().instances == []


async def test_the_list_is_read_anew_where_it_is_asked_for(home):
    async with home() as yard:
        text = yard.paths.config.read_text()
        yard.paths.config.write_text(text + "[newer]\nmodel = alpha.gguf\n")
        rows = (await yard.get("/models?reload=1"))["data"]
        assert "newer" in [row["id"] for row in rows]
        async with yard.http.get(
            yard.url + "/models?reload=1", headers={"Origin": "http://x"}
        ) as no:
            assert no.status == 403


async def test_an_unloaded_model_is_gone_when_the_answer_comes(home):
    async with home() as yard:
        await yard.answer("alpha")
        status, outcome = await yard.post("/unload", {"model": "alpha"})
        assert (status, outcome) == (200, {"success": True, "models": ["alpha"]})
        assert not (await yard.status()).instances


async def test_one_that_still_serves_is_stopped_later(home):
    async with home() as yard:
        body = {"model": "endless", "messages": HELLO, "stream": True, "max_tokens": -1}
        async with yard.http.post(yard.url + CHAT, json=body) as reply:
            await reply.content.readany()
            status, outcome = await yard.post("/unload", {"model": "endless", "wait": False})
            assert (status, outcome["pending"]) == (202, ["endless"])
            status, outcome = await yard.post("/unload", {"model": "endless", "now": True})
            assert (status, outcome.get("pending")) == (200, None)
