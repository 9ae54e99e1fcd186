"""Slots saved to files by hand: only by managers, under our names, within the bound."""

import stat
from pathlib import Path
from typing import Any

import msgspec
import pytest
from yarl import URL

from paddock.config.settings import Paths
from tests.yard import Yard, places, yard

CONF = """
[alpha]
model = alpha.gguf
keep-context = on
ctx-size = 8192
[own]
model = alpha.gguf
ctx-size = 8192
slot-save-path = {own}/
[none]
model = beta.gguf
"""
KEYS: dict[str, Any] = {"api_keys": ("infer",), "management_keys": ("manage",)}
SPELLINGS = (
    "slots/0?action=save",
    "slots/0/?action=save",
    "%73lots/0?action=save",
    "slots%2F0?%61ction=save",
    "%u0073lots/0?action=save",
    "slots/0?action=erase&action=save",
    "slots/+0?action=save",
    "slots/0?action=restore",
)


@pytest.fixture
def paths(tmp_path: Path, models: Path) -> Paths:
    own = tmp_path / "own"
    own.mkdir()
    conf = CONF.format(own=own)
    return msgspec.structs.replace(places(tmp_path / "yard", conf), models_dir=models)


async def post(
    home: Yard, path: str, body: Any, key: str = "manage", profile: str = "alpha"
) -> tuple[int, Any]:
    url = URL(f"{home.url}/upstream/{profile}/{path}", encoded=True)
    async with home.http.post(url, json=body, headers={"Authorization": f"Bearer {key}"}) as reply:
        return reply.status, await reply.json()


def files(paths: Paths) -> dict[str, int]:
    """Of all saved contexts, by name: their MiB."""
    found = (paths.state_dir / "contexts").glob("*/*")
    return {file.name: file.stat().st_size >> 20 for file in found}


async def test_a_key_for_inference_writes_no_file_however_it_asks(paths: Paths, tmp_path: Path):
    async with yard(paths, **KEYS) as home:
        for profile in ("alpha", "own"):
            await post(home, "completion", {"prompt": "hi", "n_predict": 2}, "infer", profile)
            for path in SPELLINGS:
                status, answer = await post(home, path, {"filename": "x.bin"}, "infer", profile)
                assert status in {403, 404}, path
                assert answer["error"]["code"] == status
            assert (await post(home, "slots/0?action=erase", {}, "infer", profile))[0] == 200
        assert files(paths) == {}
        assert list((tmp_path / "own").iterdir()) == []


async def test_it_does_not_even_load_a_model_for_that(paths: Paths):
    async with yard(paths, **KEYS) as home:
        for path in ("slots/0?action=save", "lora-adapters", "props", "tools"):
            assert (await post(home, path, {}, "infer"))[0] == 403
        assert not home.daemon.parts.registry


async def test_a_manager_saves_under_a_name_of_ours_and_finds_it_again(paths: Paths):
    async with yard(paths, **KEYS) as home:
        await post(home, "completion", {"prompt": "The horses stand.", "n_predict": 2})
        status, saved = await post(home, "slots/0?action=save", {"filename": "slot-0.bin"})
        assert (status, saved["filename"]) == (200, "slot-0.bin")
        assert saved["n_saved"] > 0
        [name] = files(paths)
        assert name.startswith("hand-")
        [file] = (paths.state_dir / "contexts").glob("*/*")
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        await post(home, "slots/0?action=erase", {})
        status, back = await post(home, "slots/0?action=restore", {"filename": "slot-0.bin"})
        assert (status, back["n_restored"]) == (200, saved["n_saved"])
        assert (await post(home, "slots/0?action=restore", {"filename": "another"}))[0] == 400


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".", "x" * 300, "slot-0.bin", "é\n", "CON"])
async def test_whatever_it_is_called_it_lies_in_its_folder(paths: Paths, name: str):
    async with yard(paths) as home:
        await post(home, "completion", {"prompt": "hi", "n_predict": 1})
        status, answer = await post(home, "slots/0?action=save", {"filename": name})
        assert (status, answer["filename"]) == (200, name)
        assert all(found.startswith("hand-") for found in files(paths))
        everything = {p.name for p in paths.state_dir.rglob("*") if p.is_file()}
        assert len([found for found in everything if found.startswith("hand-")]) == 1


@pytest.mark.parametrize("body", [None, {}, {"filename": 5}, ["filename"]])
async def test_without_a_name_there_is_no_file(paths: Paths, body: Any):
    async with yard(paths) as home:
        status, answer = await post(home, "slots/0?action=save", body)
        assert (status, answer["error"]["reason"]) == (400, "bad_request")
        assert files(paths) == {}


async def test_many_saves_stay_within_the_bound(paths: Paths):
    async with yard(paths, contexts_size=1) as home:
        long = "The horses stand in the paddock and wait for their turn. " * 8
        sizes = []
        for number in range(12):
            await post(home, "completion", {"prompt": f"{number} {long}", "n_predict": 1})
            status, _ = await post(home, "slots/0?action=save", {"filename": f"{number}"})
            assert status == 200
            found = (paths.state_dir / "contexts").glob("*/*")
            sizes.append(sum(file.stat().st_size for file in found))
        assert max(sizes) <= 1 << 20
        assert len(files(paths)) < 12, "so that the bound was met"
        assert (await post(home, "slots/0?action=restore", {"filename": "11"}))[0] == 200
        assert (await post(home, "slots/0?action=restore", {"filename": "0"}))[0] == 400


async def test_one_that_is_larger_than_all_may_be_is_refused(paths: Paths):
    async with yard(paths, contexts_size=1) as home:
        long = "The horses stand in the paddock and wait for their turn. " * 60
        await post(home, "completion", {"prompt": long, "n_predict": 1})
        status, answer = await post(home, "slots/0?action=save", {"filename": "x"})
        assert (status, answer["error"]["reason"]) == (503, "cannot_fit")
        assert "contexts-size" in answer["error"]["message"]
        assert files(paths) == {}


async def test_a_folder_of_the_users_own_keeps_his_names(paths: Paths, tmp_path: Path):
    async with yard(paths) as home:
        await post(home, "completion", {"prompt": "hi", "n_predict": 1}, profile="own")
        status, answer = await post(home, "slots/0?action=save", {"filename": "x"}, profile="own")
        assert (status, answer["filename"]) == (200, "x")
        assert (tmp_path / "own" / "x").exists()


async def test_where_nothing_is_kept_llama_server_says_so(paths: Paths):
    async with yard(paths) as home:
        status, answer = await post(home, "slots/0?action=save", {"filename": "x"}, profile="none")
        assert status == 501
        assert "slot" in answer["error"]["message"]
